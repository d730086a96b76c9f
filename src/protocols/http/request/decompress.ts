import { brotliDecompressSync, crc32, inflateRawSync, inflateSync, type ZlibOptions } from 'node:zlib'

/**
 * A compressed body as every server that decompresses has it; what some of them would read differently is a failure: several members, something behind the
 * end, a raw stream where one with a head is expected. Nothing is decompressed beyond the limit.
 */
export function decompress(encoding: string, bytes: Buffer, maxBytes: number): Buffer | { readonly failure: string } {
  try {
    switch (encoding) {
      case 'gzip':
      case 'x-gzip':
        return readGzip(bytes, maxBytes)
      case 'deflate':
        return readDeflate(bytes, maxBytes)
      case 'br':
        return readBrotli(bytes, maxBytes)
      default:
        return { failure: `is compressed with ${encoding}, which is not read: send it as it is, or with gzip` }
    }
  } catch (error) {
    return isTooLong(error)
      ? { failure: `is longer than ${maxBytes} bytes when it is decompressed` }
      : { failure: 'cannot be decompressed' }
  }
}

/** Source: RFC 1952, section 2.3. One member; of what may stand in its head, a plain file name. */
function readGzip(bytes: Buffer, maxBytes: number): Buffer | { readonly failure: string } {
  if (!isGzip(bytes)) return { failure: 'is not gzip as usual programs write it' }
  const isNamed = bytes[3] === FILE_NAME
  const start = isNamed ? bytes.indexOf(0, GZIP_HEAD) + 1 : GZIP_HEAD
  if (isNamed && !/^[\w.-]{1,255}\0$/.test(bytes.subarray(GZIP_HEAD, start).toString('latin1')))
    return { failure: 'is gzip with a file name that is not plain' }
  const { plain, taken } = inflated(inflateRawSync, bytes.subarray(start), maxBytes)
  const end = start + taken
  if (bytes.length !== end + GZIP_TAIL) return { failure: 'has several parts of gzip, or something behind them' }
  return bytes.readUInt32LE(end) === crc32(plain) && bytes.readUInt32LE(end + 4) === plain.length
    ? plain
    : { failure: 'is damaged gzip' }
}

const isGzip = (bytes: Buffer): boolean =>
  bytes.length > GZIP_HEAD + GZIP_TAIL &&
  bytes[0] === 0x1f &&
  bytes[1] === 0x8b &&
  bytes[2] === 8 &&
  (bytes[3] === 0 || bytes[3] === FILE_NAME)

/** With the head of zlib (RFC 9110, section 8.4.1.2); some servers try it without first. */
function readDeflate(bytes: Buffer, maxBytes: number): Buffer | { readonly failure: string } {
  const { plain, taken } = inflated(inflateSync, bytes, maxBytes)
  if (taken !== bytes.length) return { failure: 'has something behind its end' }
  return mayBeRaw(bytes) ? { failure: 'can be decompressed in two ways' } : plain
}

/**
 * Whether a reader that expects no head gets anything out of it, be it only a beginning. The first byte of the head says that a block is stored there (RFC
 * 1950, section 2.2: its lowest bits are 8; RFC 1951, section 3.2.3); its length and the complement of that follow (section 3.2.4).
 */
const mayBeRaw = (bytes: Buffer): boolean => bytes.readUInt16LE(1) === (~bytes.readUInt16LE(3) & 0xffff)

/** It has no mark at its beginning: where it looks like what is not compressed, a server that does not decompress would read that. */
function readBrotli(bytes: Buffer, maxBytes: number): Buffer | { readonly failure: string } {
  if (isText(bytes)) return { failure: 'could be read without being decompressed' }
  const { plain, taken } = inflated(brotliDecompressSync, bytes, maxBytes)
  return taken === bytes.length ? plain : { failure: 'has something behind its end' }
}

const isText = (bytes: Buffer): boolean =>
  bytes.every((byte) => byte >= 0x20 || byte === 0x0a || byte === 0x0d || byte === 9)

function inflated(
  read: (bytes: Buffer, options: ZlibOptions) => Buffer,
  bytes: Buffer,
  maxBytes: number,
): { readonly plain: Buffer; readonly taken: number } {
  const result: unknown = read(bytes, { maxOutputLength: maxBytes, info: true })
  if (!isInfo(result)) throw new Error('zlib does not say how much it has taken')
  return { plain: result.buffer, taken: result.engine.bytesWritten }
}

/** What Node gives with `info`. */
const isInfo = (
  result: unknown,
): result is { readonly buffer: Buffer; readonly engine: { readonly bytesWritten: number } } =>
  typeof result === 'object' &&
  result !== null &&
  'buffer' in result &&
  'engine' in result &&
  Buffer.isBuffer(result.buffer)

const isTooLong = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE'

const GZIP_HEAD = 10
const GZIP_TAIL = 8
const FILE_NAME = 8
