import { expect, it } from 'vitest'
import { formatSize, size } from '../../src/shared/size.ts'

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1 KiB'],
  [1536 * 1024, '1.5 MiB'],
  [8 * 1024 ** 2, '8 MiB'],
  [20 * 1024 ** 4, '20 TiB'],
])('writes %d bytes as %s, and reads it again', (bytes, text) => {
  expect(formatSize(bytes)).toBe(text)
  expect(size.parse(text)).toBe(bytes)
})
