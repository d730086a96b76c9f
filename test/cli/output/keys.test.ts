import { expect, it } from 'vitest'
import { keyReader } from '../../../src/cli/output/keys.ts'

const RIGHT = '\u001B[C'
const LEFT = '\u001B[D'

it.each<[string, readonly string[], readonly string[]]>([
  ['one key in a read', [' ', RIGHT, 'q'], [' ', RIGHT, 'q']],
  ['several keys in a read', [` ${RIGHT}${LEFT}q`], [' ', RIGHT, LEFT, 'q']],
  ['a key over two reads', [' \u001B', '[C', '\u001B[', 'Dq'], [' ', RIGHT, LEFT, 'q']],
  ['an escape character alone', ['\u001B', 'q', '\u001B', RIGHT], ['\u001B', 'q', '\u001B', RIGHT]],
  [
    'keys that mean nothing, with letters in them',
    ['\u001B[1;5C\u001BOq\u001B[15~x'],
    ['\u001B[1;5C', '\u001BOq', '\u001B[15~', 'x'],
  ],
  ['bytes that are no text', ['\u0003é'], ['\u0003', 'Ã', '©']],
])('recognises %s', (_what, reads, keys) => {
  const keysOf = keyReader()
  expect(reads.flatMap((read) => keysOf(Buffer.from(read)))).toEqual(keys)
})
