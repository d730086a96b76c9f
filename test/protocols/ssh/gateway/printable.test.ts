import { expect, it } from 'vitest'
import { printable } from '../../../../src/protocols/ssh/gateway/printable.ts'

it.each([
  ['text as it is', Buffer.from('ls ä €  😀'), 'ls ä €  😀'],
  ['a byte that begins nothing', Buffer.from([0x61, 0xff, 0x62]), 'a\\xffb'],
  ['a character that is cut off', Buffer.from('€').subarray(0, 2), '\\xe2\\x82'],
  ['a longer form than needed', Buffer.from([0xc0, 0xaf]), '\\xc0\\xaf'],
  ['half of a pair of surrogates', Buffer.from([0xed, 0xa0, 0x80]), '\\xed\\xa0\\x80'],
  ['nothing', Buffer.alloc(0), ''],
])('%s', (_what, bytes, text) => {
  expect(printable(bytes)).toBe(text)
})
