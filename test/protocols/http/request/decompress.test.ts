import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  inflateRawSync,
  inflateSync,
} from 'node:zlib'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decompress } from '../../../../src/protocols/http/request/decompress.ts'
import { sampledRuns } from '../../../helpers/sampled.ts'

const MAX = 100_000
const CODERS = { gzip: gzipSync, 'x-gzip': gzipSync, deflate: deflateSync, br: brotliCompressSync }
const text = Buffer.from('{"status":"open"}')

it('gives back what was compressed', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('gzip', 'x-gzip', 'deflate', 'br'),
      fc.uint8Array({ minLength: 64, maxLength: 2000 }),
      (encoding, bytes) => {
        const plain = decompress(encoding, CODERS[encoding](bytes), MAX)
        if (!Buffer.isBuffer(plain)) throw new Error(plain.failure)
        expect(plain.equals(bytes)).toBe(true)
      },
    ),
    { numRuns: sampledRuns(1000) },
  )
})

it('gives back nothing of what was changed or cut, or the same', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('gzip', 'deflate'),
      fc.nat({ max: 200 }),
      fc.integer({ min: 1, max: 255 }),
      fc.boolean(),
      (encoding, at, change, isCut) => {
        const whole = CODERS[encoding](text)
        const place = at % whole.length
        const bytes = isCut ? whole.subarray(0, place) : Buffer.from(whole)
        if (!isCut) bytes[place] = (bytes[place] ?? 0) ^ change
        const plain = decompress(encoding, bytes, MAX)
        if (Buffer.isBuffer(plain)) expect(plain.equals(text)).toBe(true)
      },
    ),
    { numRuns: sampledRuns(2000) },
  )
})

const named = (name: string): Buffer => {
  const bytes = gzipSync(text)
  return Buffer.concat([
    bytes.subarray(0, 3),
    Buffer.from([8]),
    bytes.subarray(4, 10),
    Buffer.from(`${name}\0`),
    bytes.subarray(10),
  ])
}

it('takes gzip with the name of a file', () => {
  expect(decompress('gzip', named('orders.json'), MAX)).toEqual(text)
})

const bomb = Buffer.alloc(MAX + 1)
it.each<[string, string, Buffer, string]>([
  ['a bomb', 'gzip', gzipSync(bomb), 'longer than 100000 bytes'],
  ['a bomb', 'deflate', deflateSync(bomb), 'longer than 100000 bytes'],
  ['a bomb', 'br', brotliCompressSync(bomb), 'longer than 100000 bytes'],
  ['two members', 'gzip', Buffer.concat([gzipSync(text), gzipSync('x')]), 'several parts'],
  ['something behind', 'gzip', Buffer.concat([gzipSync(text), Buffer.from('x')]), 'something behind'],
  ['something behind', 'deflate', Buffer.concat([deflateSync(text), Buffer.from('x')]), 'something behind'],
  ['something behind', 'br', Buffer.concat([brotliCompressSync(text), Buffer.from([1])]), 'something behind'],
  ['a form in its head', 'gzip', named('&_method=DELETE&'), 'file name that is not plain'],
  ['a head that does not end', 'gzip', Buffer.from([0x1f, 0x8b, 8, 8, ...Buffer.alloc(20, 'a')]), 'file name'],
  [
    'another field in its head',
    'gzip',
    Buffer.concat([Buffer.from([0x1f, 0x8b, 8, 16]), gzipSync(text).subarray(4)]),
    'not gzip',
  ],
  ['a raw stream', 'deflate', deflateRawSync(text), 'cannot be decompressed'],
  ['what is not compressed', 'gzip', text, 'not gzip'],
  ['what is not compressed', 'br', text, 'could be read without'],
  ['another coding', 'zstd', text, 'compressed with zstd'],
])('refuses %s in %s', (_what, encoding, bytes, why) => {
  expect(decompress(encoding, bytes, MAX)).toMatchObject({ failure: expect.stringContaining(why) as string })
})

it('refuses deflate that is a raw stream as well', () => {
  // 0x78 0x01 is a head of zlib; without one it begins a stored block, of 0x0101 bytes. What is a stored block for zlib ends that one, and the stream.
  const data = Buffer.alloc(0xfefe, 'a')
  data.set([1, 0, 0, 0xff, 0xff], 0x0101 - 2)
  const checksum = deflateSync(data).subarray(-4)
  const polyglot = Buffer.concat([Buffer.from([0x78, 1, 1, 0xfe, 0xfe, 1, 1]), data, checksum])
  expect(inflateSync(polyglot).equals(data)).toBe(true)
  expect(inflateRawSync(polyglot)).toHaveLength(0x0101)
  expect(decompress('deflate', polyglot, MAX)).toEqual({ failure: 'can be decompressed in two ways' })
})

it('refuses deflate of which a reader that expects no head gets a beginning', () => {
  // The raw stream is cut off within its first block, which readers that give out what they have do not mind.
  const data = Buffer.alloc(0xfe, 'a')
  const block = (bytes: Buffer, isLast: boolean): Buffer => {
    const head = Buffer.alloc(5)
    head[0] = isLast ? 1 : 0
    head.writeUInt16LE(bytes.length, 1)
    head.writeUInt16LE(~bytes.length & 0xffff, 3)
    return Buffer.concat([head, bytes])
  }
  const plain = Buffer.concat([Buffer.alloc(0xfefe, 'b'), data])
  const blocks = Buffer.concat([block(plain.subarray(0, 0xfefe), false), block(data, true)])
  // 0x78 0xda is a head; behind it stands a block that is not the last.
  const bytes = Buffer.concat([Buffer.from([0x78, 0xda]), blocks, deflateSync(plain).subarray(-4)])
  expect(inflateSync(bytes).equals(plain)).toBe(true)
  expect(() => inflateRawSync(bytes)).toThrow()
  expect(Buffer.isBuffer(decompress('deflate', bytes, MAX))).toBe(true)
  // Where the second byte and what follows are a length and its complement, it is both.
  const both = Buffer.concat([
    Buffer.from([0x78, 0x01]),
    block(Buffer.alloc(0x01fe, 'b'), true).subarray(0, 1),
    Buffer.from([0xfe, 0xfe]),
    Buffer.from([0x01, 0x01]),
    Buffer.alloc(0xfefe, 'b'),
    deflateSync(Buffer.alloc(0xfefe, 'b')).subarray(-4),
  ])
  expect(inflateSync(both)).toHaveLength(0xfefe)
  expect(inflateRawSync(both, { finishFlush: constants.Z_SYNC_FLUSH }).length).toBeGreaterThan(0)
  expect(() => inflateRawSync(both)).toThrow()
  expect(decompress('deflate', both, MAX)).toEqual({ failure: 'can be decompressed in two ways' })
})
