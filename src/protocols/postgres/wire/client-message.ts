import { randomUUID } from 'node:crypto'
import { ByteReader } from '../../../wire/byte-reader.ts'
import { WireError } from '../../../wire/wire-error.ts'
import { bind, type Bind } from './bind.ts'
import { close, type Close } from './close.ts'
import { describe, type Describe } from './describe.ts'
import { execute, type Execute } from './execute.ts'
import { bodyOf, type Frame } from './framer.ts'
import { parse, type Parse } from './parse.ts'
import { query, type Query } from './query.ts'
import { encodeMessage } from './server-message.ts'

/** What a client may send once it is logged in. Spec: Message Formats, (F). */
export type ClientMessage = Query | Parse | Bind | Describe | Execute | Close | Plain

/** Messages without fields that matter here; a CopyData's bytes stay in its frame. */
export interface Plain {
  readonly type: 'flush' | 'sync' | 'copy-data' | 'copy-done' | 'copy-fail' | 'terminate' | 'function-call'
}

/** The names at the start of a Bind that is too long to be held in full. */
export function readBindNames(frame: Frame): { portal: string; statement: string } {
  const body = new ByteReader(bodyOf(frame), 'Bind')
  return { portal: body.cstring(), statement: body.cstring() }
}

export function decodeClientMessage(frame: Frame): ClientMessage {
  const body = new ByteReader(bodyOf(frame), MESSAGE_NAMES[frame.tag] ?? 'message')
  const message = decodeBody(frame.tag, body)
  body.end()
  return message
}

function decodeBody(tag: number, body: ByteReader): ClientMessage {
  switch (tag) {
    case query.tag:
      return query.decode(body)
    case parse.tag:
      return parse.decode(body)
    case bind.tag:
      return bind.decode(body)
    case describe.tag:
      return describe.decode(body)
    case execute.tag:
      return execute.decode(body)
    case close.tag:
      return close.decode(body)
    case clientTags.copyFail:
      body.cstring()
      return { type: 'copy-fail' }
    case clientTags.copyData:
      body.rest()
      return { type: 'copy-data' }
    case clientTags.functionCall:
      body.rest()
      return { type: 'function-call' }
    case clientTags.flush:
      return { type: 'flush' }
    case clientTags.sync:
      return { type: 'sync' }
    case clientTags.copyDone:
      return { type: 'copy-done' }
    case clientTags.terminate:
      return { type: 'terminate' }
  }
  throw new WireError(`client: 0x${tag.toString(16).padStart(2, '0')} is not a message of this protocol`)
}

/** The tags of messages without a codec of their own. */
export const clientTags = {
  copyData: 0x64, // 'd'
  copyDone: 0x63, // 'c'
  copyFail: 0x66, // 'f'
  flush: 0x48, // 'H'
  functionCall: 0x46, // 'F'
  sync: 0x53, // 'S'
  terminate: 0x58, // 'X'
} as const

/** Messages that may arrive in pieces: they are evaluated without being held in full, or skipped once they have been refused. */
export const CLIENT_PIECES: ReadonlySet<number> = new Set([query.tag, parse.tag, bind.tag, clientTags.copyData])

export const FLUSH = Buffer.from([clientTags.flush, 0, 0, 0, 4])
export const SYNC = Buffer.from([clientTags.sync, 0, 0, 0, 4])
export const TERMINATE = Buffer.from([clientTags.terminate, 0, 0, 0, 4])
export const describePortal = (name: string): Buffer =>
  encodeMessage(describe, { type: 'describe', subject: 'portal', name })

/** A text that every server rejects as a syntax error. */
export const queryNothing = (): Buffer => encodeMessage(query, { type: 'query', sql: UNREADABLE })
export const parseNothing = (statement: string): Buffer =>
  encodeMessage(parse, { type: 'parse', statement, sql: UNREADABLE, parameterTypes: [] })
const UNREADABLE = ')'

/** A Bind and an Execute of a name that does not exist, so that they fail. */
export const bindUnknownStatement = (): Buffer =>
  encodeMessage(bind, {
    type: 'bind',
    portal: '',
    statement: nobody(),
    parameterFormats: [],
    parameters: [],
    resultFormats: [],
  })
export const executeUnknownPortal = (): Buffer =>
  encodeMessage(execute, { type: 'execute', portal: nobody(), maxRows: 0 })

const nobody = (): string => `pam_${randomUUID()}`

const MESSAGE_NAMES: Readonly<Record<number, string>> = {
  [query.tag]: 'Query',
  [parse.tag]: 'Parse',
  [bind.tag]: 'Bind',
  [describe.tag]: 'Describe',
  [execute.tag]: 'Execute',
  [close.tag]: 'Close',
  [clientTags.copyFail]: 'CopyFail',
  [clientTags.flush]: 'Flush',
  [clientTags.sync]: 'Sync',
  [clientTags.copyDone]: 'CopyDone',
  [clientTags.terminate]: 'Terminate',
}
