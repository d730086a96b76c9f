import { expect, it } from 'vitest'
import { ARCHIVE_HEAD_BYTES, isArchiveHead } from '../../../src/host/output/archive-head.ts'

/** The signatures as the formats define them: RFC 1952 section 2.3.1, RFC 8878 section 3.1.1, the .xz format 2.1.1.1, APPNOTE.TXT 4.3.7. */
it.each([
  ['gzip', '1f8b0800'],
  ['bzip2', '425a6839'],
  ['xz', 'fd377a585a0000'],
  ['zstd', '28b52ffd24'],
  ['zip', '504b030414'],
])('%s is known by its first bytes', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex')
  expect(isArchiveHead(bytes)).toBe(true)
  expect(isArchiveHead(bytes.subarray(1))).toBeUndefined()
})

it('tar is known by its first header (POSIX.1-2017, pax, ustar Interchange Format)', () => {
  const header = Buffer.alloc(512)
  header.write('ustar', 257)
  expect(isArchiveHead(header)).toBe(true)
  expect(isArchiveHead(header.subarray(0, ARCHIVE_HEAD_BYTES))).toBe(true)
  expect(isArchiveHead(header.subarray(1))).toBe(false)
})

it('as many bytes as are read tell of any text that it is none, and fewer do not', () => {
  const text = Buffer.alloc(ARCHIVE_HEAD_BYTES, 'x')
  expect(isArchiveHead(text)).toBe(false)
  expect(isArchiveHead(text.subarray(1))).toBeUndefined()
})
