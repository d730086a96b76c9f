import { reportFields } from '../wire/error-response.ts'
import { encodeError } from '../wire/server-message.ts'
import { readStartupPacket } from '../wire/startup.ts'

export interface RefusalReason {
  readonly message: string
  readonly sqlstate: string
  readonly hint?: string | undefined
  readonly routine?: string | undefined
}

/**
 * How a connection is turned away before it is logged in. Fed with everything the client has sent so far, it says
 * what to answer and how many bytes that took; `undefined` while more bytes are needed.
 * SSL and GSS requests are declined ('N') so that the client sends its start-up; only then can an error be shown.
 */
export function refuse(
  bytes: Buffer,
  reason: RefusalReason,
): { reply: Buffer; taken: number; done: boolean } | undefined {
  // PostgreSQL 17 with sslnegotiation=direct begins with a TLS handshake: an alert is all that it understands.
  if (bytes[0] === TLS_HANDSHAKE) return { reply: TLS_HANDSHAKE_FAILURE, taken: bytes.length, done: true }
  const read = readStartupPacket(bytes)
  if (read === undefined) return undefined
  switch (read.packet.type) {
    case 'ssl-request':
    case 'gssenc-request':
      return { reply: Buffer.from('N'), taken: read.length, done: false }
    case 'cancel-request': // is never answered
      return { reply: Buffer.alloc(0), taken: read.length, done: true }
    case 'startup':
      return { reply: fatal(reason), taken: read.length, done: true }
  }
}

/** A FATAL error: the server ends the connection after it. */
export function fatal(reason: RefusalReason): Buffer {
  return encodeError(
    reportFields({
      severity: 'FATAL',
      sqlstate: reason.sqlstate,
      message: reason.message,
      hint: reason.hint,
      routine: reason.routine,
    }),
  )
}

const TLS_HANDSHAKE = 0x16
/** A fatal alert of TLS 1.2 (RFC 5246, 7.2). */
const TLS_HANDSHAKE_FAILURE = Buffer.from([0x15, 3, 3, 0, 2, 2, 40])
