import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { capabilities, has, statusFlags } from './capabilities.ts'

/** OK, sent by the server: a command is done; with another first byte it also ends the rows of a result. Spec: OK_Packet. */
export interface Ok {
  readonly affectedRows: bigint
  readonly lastInsertId: bigint
  readonly status: number
  readonly warnings: number
  /** A message. */
  readonly info: Buffer
  /** Changes of the session state. */
  readonly changes: readonly SessionChange[]
}

/** Spec: OK_Packet, Session State Information; MariaDB, "OK_Packet", Session State Changes. */
export type SessionChange =
  | { readonly type: 'variable'; readonly name: Buffer; readonly value: Buffer }
  | { readonly type: 'database'; readonly name: Buffer }
  | { readonly type: 'other'; readonly of: number }

/** `flags`: the capabilities of the connection. */
export function readOk(payload: Buffer, flags: number): Ok {
  const body = new ByteReader(payload, 'OK packet')
  body.uint8()
  const [affectedRows, lastInsertId] = [body.lengthEncodedBig(), body.lengthEncodedBig()]
  const [status, warnings] = [body.uint16le(), body.uint16le()]
  const fields = { affectedRows, lastInsertId, status, warnings }
  if (!has(flags, capabilities.sessionTrack)) return { ...fields, info: body.rest(), changes: [] }
  const info = body.left > 0 ? body.lengthEncodedBytes() : Buffer.alloc(0)
  const changes = has(status, statusFlags.sessionStateChanged) ? readChanges(body.lengthEncodedBytes()) : []
  body.end()
  return { ...fields, info, changes }
}

function readChanges(bytes: Buffer): SessionChange[] {
  const body = new ByteReader(bytes, 'session state')
  const changes: SessionChange[] = []
  const add = (change: SessionChange): void => {
    if (changes.push(change) > MAX_CHANGES) throw new WireError('session state: more changes than a session has')
  }
  while (body.left > 0) {
    const type = body.uint8()
    const data = new ByteReader(body.lengthEncodedBytes(), 'session state')
    if (type === SYSTEM_VARIABLES) {
      // MariaDB combines several into one.
      while (data.left > 0) add({ type: 'variable', name: data.lengthEncodedBytes(), value: data.lengthEncodedBytes() })
    } else if (type === SCHEMA) {
      add({ type: 'database', name: data.lengthEncodedBytes() })
      data.end()
    } else add({ type: 'other', of: type })
  }
  return changes
}

const SYSTEM_VARIABLES = 0
/** Servers have some hundreds of variables that a session can set. */
const MAX_CHANGES = 10_000
const SCHEMA = 1

/**
 * An OK without changes of the session state, and without a message unless one is given, for a connection with these capabilities. `head`:
 * 0xfe if it ends rows.
 */
export function encodeOk(
  { affectedRows = 0n, lastInsertId = 0n, status, warnings = 0 }: OwnOk,
  head: 0x00 | 0xfe = 0x00,
  words: { readonly info: Buffer; readonly flags: number } = NO_WORDS,
): Buffer {
  const out = new ByteWriter()
  out.uint8(head)
  out.lengthEncodedBig(affectedRows)
  out.lengthEncodedBig(lastInsertId)
  out.uint16le(status & ~statusFlags.sessionStateChanged)
  out.uint16le(warnings)
  if (words.info.length === 0) return out.finish()
  if (has(words.flags, capabilities.sessionTrack)) out.lengthEncodedBytes(words.info)
  else out.bytes(words.info)
  return out.finish()
}

const NO_WORDS = { info: Buffer.alloc(0), flags: 0 }

type OwnOk = Pick<Ok, 'status'> & Partial<Pick<Ok, 'affectedRows' | 'lastInsertId' | 'warnings'>>

export const OK = 0x00
