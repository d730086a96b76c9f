import { bind, type Format } from '../../src/protocols/postgres/wire/bind.ts'
import { close } from '../../src/protocols/postgres/wire/close.ts'
import { describe } from '../../src/protocols/postgres/wire/describe.ts'
import { execute } from '../../src/protocols/postgres/wire/execute.ts'
import { parse } from '../../src/protocols/postgres/wire/parse.ts'
import { query } from '../../src/protocols/postgres/wire/query.ts'
import { encodeMessage } from '../../src/protocols/postgres/wire/server-message.ts'
import { encodeStartupPacket } from '../../src/protocols/postgres/wire/startup.ts'
import type { Subject } from '../../src/protocols/postgres/wire/subject.ts'

/** What a client sends, named by the tag: tests that speak the protocol by hand read like its traces. */
export const startup = (database: string): Buffer =>
  encodeStartupPacket({
    type: 'startup',
    major: 3,
    minor: 0,
    parameters: new Map([
      ['user', 'app'],
      ['database', database],
    ]),
  })
export const Q = (sql: string): Buffer => encodeMessage(query, { type: 'query', sql })
export const P = (sql: string, statement = ''): Buffer =>
  encodeMessage(parse, { type: 'parse', statement, sql, parameterTypes: [] })
export const B = (statement = '', portal = '', resultFormats: Format[] = []): Buffer =>
  encodeMessage(bind, { type: 'bind', portal, statement, parameterFormats: [], parameters: [], resultFormats })
export const D = (name = '', subject: Subject['subject'] = 'portal'): Buffer =>
  encodeMessage(describe, { type: 'describe', subject, name })
export const E = (portal = '', maxRows = 0): Buffer => encodeMessage(execute, { type: 'execute', portal, maxRows })
export const C = (name = '', subject: Subject['subject'] = 'statement'): Buffer =>
  encodeMessage(close, { type: 'close', subject, name })
