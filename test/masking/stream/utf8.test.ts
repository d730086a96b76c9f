import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainUntil, utf8Length } from '../../../src/masking/stream/utf8.ts'

const plain = (bytes: Buffer): number =>
  // oxlint-disable-next-line no-control-regex
  (/^[\x08-\x0d\x20-\x7e]*/.exec(bytes.toString('latin1')) as RegExpExecArray)[0].length

describe('plain text', () => {
  it('ends where the first byte stands that is none: each byte, at each place', () => {
    for (let code = 0; code < 256; code++)
      for (let at = 0; at < 12; at++)
        for (let from = 0; from < 4; from++) {
          const bytes = Buffer.alloc(16, 'a')
          bytes[from + at] = code
          const isPlain = (code >= 0x08 && code <= 0x0d) || (code >= 0x20 && code <= 0x7e)
          expect(plainUntil(bytes, from, 16), `${code} at ${at} from ${from}`).toBe(isPlain ? 16 : from + at)
        }
  })

  it('in any bytes', () => {
    const some = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.string({ maxLength: 40 }).map((text) => Buffer.from(text)),
    )
    fc.assert(
      fc.property(fc.array(some, { maxLength: 6 }), fc.nat(8), (parts, from) => {
        const bytes = Buffer.concat([Buffer.alloc(from, 0), ...parts])
        expect(plainUntil(bytes, from, bytes.length)).toBe(from + plain(bytes.subarray(from)))
      }),
    )
  })
})

it('a character has the bytes that RFC 3629 gives it, and every other spelling of one is none', () => {
  const wrong: string[] = []
  for (let first = 0xc0; first < 0x100; first++)
    for (const second of [0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0])
      for (const length of [2, 3, 4]) {
        const bytes = Buffer.from([first, second, 0xbf, 0x80]).subarray(0, length)
        const isCharacter = Buffer.from(bytes.toString('utf8')).equals(bytes)
        if ((utf8Length(bytes, 0) === length) !== isCharacter) wrong.push(bytes.toString('hex'))
      }
  expect(wrong).toEqual([])
})
