import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'

/** ERR, sent by the server. Before the login it has no SQLSTATE. Spec: ERR_Packet. */
export interface Err {
  readonly code: number
  readonly sqlstate: string
  /** In the character set of errors: that of results. */
  readonly message: Buffer
}

export function readErr(payload: Buffer): Err {
  const body = new ByteReader(payload, 'ERR packet')
  body.uint8()
  const code = body.uint16le()
  if (body.next !== MARKER) return { code, sqlstate: UNNAMED, message: body.rest() }
  body.uint8()
  const sqlstate = body.bytes(5).toString('latin1')
  return { code, sqlstate: /^[0-9A-Z]{5}$/.test(sqlstate) ? sqlstate : UNNAMED, message: body.rest() }
}

export function encodeErr({ code, sqlstate, message }: Err): Buffer {
  const out = new ByteWriter()
  out.uint8(ERR)
  out.uint16le(code)
  out.uint8(MARKER)
  out.bytes(Buffer.from(sqlstate.padEnd(5).slice(0, 5), 'latin1'))
  out.bytes(message)
  return out.finish()
}

export const ERR = 0xff
/** "#", before an SQLSTATE. */
const MARKER = 0x23
/** General error. */
const UNNAMED = 'HY000'
