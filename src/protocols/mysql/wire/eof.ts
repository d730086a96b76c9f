import { ByteReader } from '../../../wire/byte-reader.ts'

/** EOF, sent by the server at the end of columns and rows, unless both sides have CLIENT_DEPRECATE_EOF. Spec: EOF_Packet. */
export interface Eof {
  readonly warnings: number
  readonly status: number
}

/** A packet with this first byte may be a row: one whose first value is 16 MB or longer. */
export const isEof = (head: number | undefined, length: number): boolean => head === EOF && length === LENGTH

export function readEof(payload: Buffer): Eof {
  const body = new ByteReader(payload, 'EOF packet')
  body.uint8()
  const eof = { warnings: body.uint16le(), status: body.uint16le() }
  body.end()
  return eof
}

export const EOF = 0xfe
const LENGTH = 5
