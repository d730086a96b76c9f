import { createHash } from 'node:crypto'
import { crc32, gzip, gzipSync, inflateRaw, type Inflate } from 'node:zlib'
import { promisify } from 'node:util'
import { decodeBlocks, encodeBlocks, type Block, type BlockContent } from './compact-format.ts'
import { encodeFrames, decodeFrames, type Frame } from './frame.ts'
import type { RecordCipher, RecordReader } from './encryption.ts'
import type { BodyEncoding, SegmentSeal } from './seal.ts'

/**
 * A recording is the magic line and segments, one after the other: the length of the seal (uint32, big-endian), the
 * seal as JSON, the body. Format: docs/recording-format.md.
 */
export const MAGIC = 'pamrec/3\n'
/** The magic of records begun by older versions, which are still read, verified and closed. */
export const MAGIC_2 = 'pamrec/2\n'

/** The version of the format of a record, from its first byte to its last. */
export type RecordVersion = 2 | 3
export const magicOf = (version: RecordVersion): string => (version === 2 ? MAGIC_2 : MAGIC)

/** The events of a segment, ready to be sealed. */
export interface SegmentBody {
  readonly encoding: BodyEncoding
  readonly bytes: Buffer
  readonly events: number
  /** The last hash of the chain. */
  readonly hash: Buffer
}

/** Encodes events of version 3. */
export async function encodeCompact(
  previous: Buffer,
  blocks: readonly BlockContent[],
  cipher: RecordCipher | undefined,
): Promise<SegmentBody> {
  const { bytes, hash } = encodeBlocks(previous, blocks)
  const events = countOf(blocks)
  // Most sessions are short: passing them to another thread would take longer than compressing them.
  const compressed =
    bytes.length <= SHORT
      ? gzipSync(bytes, bytes.length <= VERY_SHORT ? LITTLE_MEMORY : { level: 1 })
      : await compress(bytes, { level: 1 })
  return cipher === undefined
    ? { encoding: 'compact-gzip', bytes: compressed, events, hash }
    : { encoding: 'compact-age', bytes: await cipher.encrypt(compressed), events, hash }
}

/** The same without compression: for an open session, and for what a hard stop left of an encrypted one. */
export function encodeUnpacked(
  encoding: 'compact-plain' | 'compact-hidden',
  previous: Buffer,
  blocks: readonly BlockContent[],
): SegmentBody {
  return { encoding, events: countOf(blocks), ...encodeBlocks(previous, blocks) }
}

const countOf = (blocks: readonly BlockContent[]): number => blocks.reduce((sum, { events }) => sum + events, 0)

/** Encodes events of version 2. */
export async function encodeFramed(frames: readonly Frame[], previous: Buffer): Promise<SegmentBody> {
  const bytes = await compress(encodeFrames(frames), { level: 1 })
  return { encoding: 'gzip', bytes, events: frames.length, hash: frames.at(-1)?.hash ?? previous }
}

type SealOfBody = Pick<SegmentSeal, 'encoding' | 'first' | 'wrappedKey'>

/** Decodes again in each iteration, and never keeps the whole. */
const lazily = <T>(make: () => Iterable<T>): Iterable<T> => ({ [Symbol.iterator]: () => make()[Symbol.iterator]() })

/** The events of a body of version 2; undefined if they are encrypted and there is no reader. */
export async function decodeFramed(
  seal: SealOfBody,
  body: Buffer,
  reader: RecordReader | undefined,
): Promise<Iterable<Frame> | undefined> {
  const readable = (bytes: Buffer): Iterable<Frame> => lazily(() => decodeFrames(bytes))
  switch (seal.encoding) {
    case 'plain':
      return readable(body)
    case 'gzip':
      return readable(await decompress(body))
    case 'age':
      return reader && readable(await decompress(await reader.decrypt(body)))
    case 'hidden': {
      if (reader === undefined) return undefined
      const show = await reader.reveal(seal.wrappedKey ?? '')
      return lazily(function* () {
        let seq = seal.first
        for (const { hash, payload } of decodeFrames(body)) yield { hash, payload: show(seq++, payload) }
      })
    }
    case 'compact-plain':
    case 'compact-gzip':
    case 'compact-age':
    case 'compact-hidden':
    default:
      throw new Error(`an encoding of version 2 is none of ${JSON.stringify(seal.encoding)}`)
  }
}

/** A block as stored and, if it can be decrypted, its events. */
export interface ReadableBlock extends Block {
  readonly compact: Buffer | undefined
}

/** The blocks of a body of version 3; undefined if it is encrypted as a whole and there is no reader. */
export async function decodeCompact(
  seal: SealOfBody,
  body: Buffer,
  reader: RecordReader | undefined,
): Promise<Iterable<ReadableBlock> | undefined> {
  const readable = (bytes: Buffer): Iterable<ReadableBlock> =>
    lazily(function* () {
      for (const block of decodeBlocks(bytes)) yield { ...block, compact: block.bytes }
    })
  switch (seal.encoding) {
    case 'compact-plain':
      return readable(body)
    case 'compact-gzip':
      return readable(await decompress(body))
    case 'compact-age':
      return reader && readable(await decompress(await reader.decrypt(body)))
    case 'compact-hidden': {
      const show = await reader?.reveal(seal.wrappedKey ?? '')
      return lazily(function* () {
        let seq = seal.first
        for (const block of decodeBlocks(body)) {
          yield { ...block, compact: show?.(seq, block.bytes) }
          seq += block.events
        }
      })
    }
    case 'plain':
    case 'gzip':
    case 'age':
    case 'hidden':
    default:
      throw new Error(`an encoding of version 3 is none of ${JSON.stringify(seal.encoding)}`)
  }
}

export function encodeSegment(seal: SegmentSeal, body: Buffer): Buffer {
  const json = Buffer.from(JSON.stringify(seal))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(json.length)
  return Buffer.concat([length, json, body])
}

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const compress = promisify(gzip) as (bytes: Uint8Array, options: { level: number }) => Promise<Buffer>
const inflate = promisify(inflateRaw) as unknown as (
  bytes: Uint8Array,
  options: { maxOutputLength: number; info: true },
) => Promise<{ buffer: Buffer; engine: Inflate }>

/** Exactly one gzip member (RFC 1952) as the gateway writes it: no hash would cover what other tools skip after it. */
async function decompress(bytes: Buffer): Promise<Buffer> {
  const isGzip = bytes.length >= GZIP_HEADER + GZIP_TRAILER && bytes.readUInt32BE(0) === GZIP_MAGIC
  if (!isGzip) throw new Error('it is not a member of gzip')
  const deflated = bytes.subarray(GZIP_HEADER, -GZIP_TRAILER)
  const { buffer, engine } = await inflate(deflated, { maxOutputLength: MAX_INFLATED_BYTES, info: true })
  const trailer = bytes.subarray(-GZIP_TRAILER)
  if (engine.bytesWritten !== deflated.length || trailer.readUInt32LE(4) !== buffer.length)
    throw new Error('it is not one member of gzip')
  if (trailer.readUInt32LE(0) !== crc32(buffer)) throw new Error('its checksum is wrong')
  return buffer
}

/** Bytes of events that are compressed synchronously. */
const SHORT = 32 * 1024
/** For data that fits into a window of 4 KiB: clearing a larger one takes as long as compressing. */
const VERY_SHORT = 4096
const LITTLE_MEMORY = { level: 1, windowBits: 12, memLevel: 5 }
/** Identification, deflate, no flags. */
const GZIP_MAGIC = 0x1f8b0800
const GZIP_HEADER = 10
const GZIP_TRAILER = 8

/** Far above any segment of the gateway: a forged file must not exhaust memory. */
const MAX_INFLATED_BYTES = 512 * 1024 * 1024
