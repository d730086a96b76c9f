import type { ByteReader } from '../../../wire/byte-reader.ts'
import type { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** The subject of a Describe or Close: a prepared statement ('S') or a portal ('P'). */
export interface Subject {
  readonly subject: 'statement' | 'portal'
  readonly name: string
}

export function readSubject(body: ByteReader, what: string): Subject {
  const kind = body.uint8()
  if (kind !== STATEMENT && kind !== PORTAL)
    throw new WireError(`${what}: 0x${kind.toString(16)} names neither a statement nor a portal`)
  return { subject: kind === STATEMENT ? 'statement' : 'portal', name: body.cstring() }
}

export function writeSubject(message: Subject, out: ByteWriter): void {
  out.uint8(message.subject === 'statement' ? STATEMENT : PORTAL)
  out.cstring(message.name)
}

const STATEMENT = 0x53 // 'S'
const PORTAL = 0x50 // 'P'
