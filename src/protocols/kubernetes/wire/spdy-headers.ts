import { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** Headers of a stream, names in lower case. */
export type SpdyHeaders = ReadonlyMap<string, string>

/** A header block that is not compressed (section 2.6.10): how many pairs, then each name and value with its length. */
export function decodeSpdyHeaders(block: Buffer): SpdyHeaders {
  const reader = new ByteReader(block, 'a header block of SPDY')
  const count = reader.uint32()
  if (count > MAX_HEADERS) throw new WireError(`more than ${MAX_HEADERS} headers of a stream`)
  const headers = new Map<string, string>()
  for (let index = 0; index < count; index++) {
    const name = plain(reader.bytes(reader.uint32()))
    if (!/^[a-z0-9-]+$/.test(name) || headers.has(name)) throw new WireError('the headers of a stream are not plain')
    headers.set(name, plain(reader.bytes(reader.uint32())))
  }
  if (reader.left > 0) throw new WireError('more follows the headers of a stream')
  return headers
}

/** Several values of one header, which a zero would part, are nothing that streams have. */
function plain(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  if (!/^[\x20-\x7e]*$/.test(text)) throw new WireError('a header of a stream is not plain ASCII')
  return text
}

export function encodeSpdyHeaders(headers: SpdyHeaders): Buffer {
  return Buffer.concat([number(headers.size), ...[...headers].flatMap(([name, value]) => [text(name), text(value)])])
}

/**
 * Blocks of one direction are one stream of zlib. What the gateway sends is stored in it without being compressed: streams are few and
 * their headers short. The empty block at the end is what flushing writes: readers hand on what came before it.
 */
export class StoredBlocks {
  #isFirst = true

  encode(bytes: Buffer): Buffer {
    const head = Buffer.from(this.#isFirst ? [0x78, 0x01] : [])
    this.#isFirst = false
    return Buffer.concat([head, stored(bytes), stored(Buffer.alloc(0))])
  }
}

/** RFC 1951, section 3.2.4. */
function stored(bytes: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.writeUInt16LE(bytes.length, 1)
  head.writeUInt16LE(bytes.length ^ 0xffff, 3)
  return Buffer.concat([head, bytes])
}

const text = (value: string): Buffer => Buffer.concat([number(value.length), Buffer.from(value, 'latin1')])

function number(value: number): Buffer {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const MAX_HEADERS = 32

/** Words in the dictionary that both sides begin with (section 2.6.10.1), each with its length. */
const WORDS = (
  'options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|all' +
  'ow|authorization|cache-control|connection|content-base|content-encoding|content-language|content-length|conten' +
  't-location|content-md5|content-range|content-type|date|etag|expect|expires|from|host|if-match|if-modified-sinc' +
  'e|if-none-match|if-range|if-unmodified-since|last-modified|location|max-forwards|pragma|proxy-authenticate|pro' +
  'xy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|upgrade|user-agent|vary|via|war' +
  'ning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin'
).split('|')

const TEXT =
  '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritativ' +
  'e Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 I' +
  'nternal Server Error501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec' +
  ' 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,application/xm' +
  'l,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8charset=' +
  'iso-8859-1,utf-,*,enq=0.'

export const SPDY_DICTIONARY: Buffer = Buffer.concat([...WORDS.map(text), Buffer.from(TEXT, 'latin1')])
