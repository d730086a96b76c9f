import { randomBytes } from 'node:crypto'
import { WireError } from '../../../wire/wire-error.ts'
import { byteAt } from '../../../wire/byte-at.ts'
import type { LocalReason, LocalRefusal } from '../../local-half.ts'
import { mysqlErrors } from '../error-codes.ts'
import { ALWAYS_OFFERED, statusFlags } from '../wire/capabilities.ts'
import { encodeErr } from '../wire/err.ts'
import { encodePackets } from '../wire/framer.ts'
import { encodeHandshake, SCRAMBLE } from '../wire/handshake.ts'

/**
 * A greeting, and the reason as the answer to the client's response. As the very first packet, which servers send for "Host is blocked", an
 * error has no SQLSTATE and no character set: Connector/J would show wrong characters, and the mariadb client adds that the sender is
 * unknown. Sent directly after the greeting it is too early for go-sql-driver.
 */
export function refuse(bytes: Buffer, reason: LocalReason, replies: number): LocalRefusal | undefined {
  return replies === 0 ? { reply: greeting(), taken: 0, done: false } : refuseNext(bytes, reason)
}

/** The reason as the answer to the client's next packet. */
export function refuseNext(bytes: Buffer, reason: LocalReason): LocalRefusal | undefined {
  const end = bytes.length < HEADER ? Infinity : HEADER + bytes.readUIntLE(0, 3)
  if (end === HEADER || (end > MAX_RESPONSE && end !== Infinity)) throw new WireError('no response to a greeting')
  if (bytes.length < end) return undefined
  return { reply: errPacket(reason, byteAt(bytes, 3) + 1), taken: bytes.length, done: true }
}

/** An ERR packet with this sequence id. */
export function errPacket({ code, message, hint }: LocalReason, sequence: number): Buffer {
  const { errno, sqlstate } = mysqlErrors[code]
  const text = truncated(hint === undefined ? message : `${message} (${hint})`)
  return encodePackets(encodeErr({ code: errno, sqlstate, message: text }), sequence)
}

/** The greeting of a server that only refuses. */
function greeting(): Buffer {
  const handshake = encodeHandshake({
    version: '8.0.0-pamctl',
    threadId: 0,
    scramble: newScramble(),
    capabilities: ALWAYS_OFFERED,
    collation: UTF8MB4,
    status: statusFlags.autocommit,
    plugin: 'mysql_native_password',
  })
  return encodePackets(handshake, 0)
}

/** It has no zero, which clients take for its end. */
export const newScramble = (): Buffer => Buffer.from(randomBytes(SCRAMBLE).map((byte) => (byte % 0x5e) + 0x21))

/** Truncates a message to the space that clients have: MYSQL_ERRMSG_SIZE in mysql_com.h. */
function truncated(text: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length <= MAX_TEXT) return bytes
  let end = MAX_TEXT - 3
  while ((byteAt(bytes, end) & 0xc0) === 0x80) end--
  return Buffer.concat([bytes.subarray(0, end), Buffer.from('…')])
}

const MAX_TEXT = 511
const HEADER = 4
/** Several times the size of a client's connection attributes. */
export const MAX_RESPONSE = 64 * 1024
/** utf8mb4_general_ci. */
const UTF8MB4 = 45
