import { createHash } from 'node:crypto'
import { crc32, gzip, inflateRaw, type Inflate } from 'node:zlib'
import { promisify } from 'node:util'
import { encodeFrames, decodeFrames, type Frame } from './frame.ts'
import type { RecordCipher, RecordReader } from './encryption.ts'
import type { BodyEncoding, SegmentSeal } from './seal.ts'

/**
 * A recording is the magic line and segments, one after the other: the length of the seal (uint32, big-endian), the
 * seal as JSON, the body. Format: docs/recording-format.md.
 */
export const MAGIC = 'pamrec/2\n'

export interface SegmentBody {
  readonly encoding: BodyEncoding
  readonly bytes: Buffer
}

export async function encodeBody(frames: readonly Frame[], cipher: RecordCipher | undefined): Promise<SegmentBody> {
  const compressed = await compress(encodeFrames(frames), { level: 1 })
  return cipher === undefined
    ? { encoding: 'gzip', bytes: compressed }
    : { encoding: 'age', bytes: await cipher.encrypt(compressed) }
}

/** The events of a body; undefined where they are encrypted and nothing to read them with was given. */
export async function decodeBody(
  seal: Pick<SegmentSeal, 'encoding' | 'first' | 'wrappedKey'>,
  body: Buffer,
  reader: RecordReader | undefined,
): Promise<Frame[] | undefined> {
  switch (seal.encoding) {
    case 'plain':
      return [...decodeFrames(body)]
    case 'gzip':
      return [...decodeFrames(await decompress(body, LIMIT))]
    case 'age':
      return reader && [...decodeFrames(await decompress(await reader.decrypt(body), LIMIT))]
    case 'hidden': {
      if (reader === undefined) return undefined
      const show = await reader.reveal(seal.wrappedKey ?? '')
      return [...decodeFrames(body)].map(({ hash, payload }, index) => ({
        hash,
        payload: show(seal.first + index, payload),
      }))
    }
    default:
      throw new Error(`an encoding of this version is none of ${JSON.stringify(seal.encoding)}`)
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

/** One member of gzip (RFC 1952) as the gateway writes it, and nothing behind it: what other tools skip would be in no hash. */
async function decompress(bytes: Buffer, options: { maxOutputLength: number }): Promise<Buffer> {
  const isGzip = bytes.length >= GZIP_HEADER + GZIP_TRAILER && bytes.readUInt32BE(0) === GZIP_MAGIC
  if (!isGzip) throw new Error('it is not a member of gzip')
  const deflated = bytes.subarray(GZIP_HEADER, -GZIP_TRAILER)
  const { buffer, engine } = await inflate(deflated, { ...options, info: true })
  const trailer = bytes.subarray(-GZIP_TRAILER)
  if (engine.bytesWritten !== deflated.length || trailer.readUInt32LE(4) !== buffer.length)
    throw new Error('it is not one member of gzip')
  if (trailer.readUInt32LE(0) !== crc32(buffer)) throw new Error('its checksum does not hold')
  return buffer
}

/** Identification, deflate, no flags. */
const GZIP_MAGIC = 0x1f8b0800
const GZIP_HEADER = 10
const GZIP_TRAILER = 8

/** No segment of ours comes near it; a file of somebody else's must not fill the memory. */
const LIMIT = { maxOutputLength: 512 * 1024 * 1024 }
