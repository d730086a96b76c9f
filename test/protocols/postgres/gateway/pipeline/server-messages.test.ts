import { describe, expect, it } from 'vitest'
import type { Pending } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { startRun } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { ServerSide } from '../../../../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import { HARMLESS, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

const message = (tag: string, body = ''): Buffer => {
  const head = Buffer.from([tag.charCodeAt(0), 0, 0, 0, 0])
  head.writeUInt32BE(4 + body.length, 1)
  return Buffer.concat([head, Buffer.from(body, 'latin1')])
}
/** One of each message that a server may send. Source: manual, "Message Formats". */
const MESSAGES: Record<string, Buffer> = {
  AuthenticationOk: message('R', '\0\0\0\0'),
  BackendKeyData: message('K', '\0\0\0\x01\0\0\0\x02'),
  BindComplete: message('2'),
  CloseComplete: message('3'),
  CommandComplete: message('C', 'SELECT 0\0'),
  CopyBothResponse: message('W', '\0\0\0'),
  CopyData: message('d', 'x\n'),
  CopyDone: message('c'),
  CopyInResponse: message('G', '\0\0\0'),
  CopyOutResponse: message('H', '\0\0\0'),
  DataRow: message('D', '\0\0'),
  EmptyQueryResponse: message('I'),
  ErrorResponse: message('E', 'SERROR\0VERROR\0C22012\0Mx\0\0'),
  FunctionCallResponse: message('V', '\xff\xff\xff\xff'),
  NegotiateProtocolVersion: message('v', '\0\x03\0\0\0\0\0\0'),
  NoData: message('n'),
  NoticeResponse: message('N', 'SNOTICE\0VNOTICE\0C00000\0Mx\0\0'),
  NotificationResponse: message('A', '\0\0\0\x01c\0p\0'),
  ParameterDescription: message('t', '\0\0'),
  ParameterStatus: message('S', 'application_name\0x\0'),
  ParseComplete: message('1'),
  PortalSuspended: message('s'),
  ReadyForQuery: message('Z', 'I'),
  RowDescription: message('T', '\0\0'),
}
const ANYTIME = ['ErrorResponse', 'NoticeResponse', 'NotificationResponse', 'ParameterStatus']
const RESULT = [
  'CommandComplete',
  'CopyData',
  'CopyDone',
  'CopyInResponse',
  'CopyOutResponse',
  'DataRow',
  'EmptyQueryResponse',
]
/** What may answer each message first. Source: manual, "Message Flow". */
const ANSWERS: Record<Pending['type'], readonly string[]> = {
  query: [...RESULT, 'RowDescription'],
  execute: [...RESULT, 'PortalSuspended'],
  parse: ['ParseComplete'],
  bind: ['BindComplete'],
  close: ['CloseComplete'],
  describe: ['ParameterDescription', 'RowDescription', 'NoData'],
  sync: ['ReadyForQuery'],
  'made-to-fail': [],
  reply: [],
  own: [],
}

const prepared = {
  sql: 'select',
  parameterTypes: [],
  columns: [],
  described: 0,
  names: { errorExposure: 'none' as const, outputs: [] },
}
const bound = { facts: HARMLESS, changes: 0, at: 0 }
const portal = { decision: 'dec_1', prepared, facts: HARMLESS, bound, resultFormats: [] }
const change = { confirm() {}, undo() {} }
const SENT: Partial<Record<Pending['type'], () => Pending>> = {
  query: () => ({ type: 'query', run: startRun('dec_1', 'copy', HARMLESS) }),
  execute: () => ({ type: 'execute', run: startRun('dec_1', 'copy', HARMLESS), portal }),
  parse: () => ({ type: 'parse', change, errorExposure: 'none' }),
  bind: () => ({ type: 'bind', change, errorExposure: 'none', portal: { name: '', facts: HARMLESS, bound } }),
  close: () => ({ type: 'close', change, errorExposure: 'none' }),
  describe: () => ({ type: 'describe', of: prepared, hidden: false, errorExposure: 'none', names: prepared.names }),
  sync: () => ({ type: 'sync' }),
  'made-to-fail': () => ({ type: 'made-to-fail', sqlstate: '26000', error: Buffer.alloc(0) }),
}

describe.each(Object.entries(SENT))('what answers: %s', (type, sent) => {
  it.each(Object.keys(MESSAGES))('%s', (name) => {
    const { pipeline, ended, toClient } = testPipeline()
    pipeline.expect(sent())
    void pipeline.copyOrSettled()
    const bytes = MESSAGES[name] as Buffer
    new ServerSide(pipeline).push(bytes)
    const isDue = ANSWERS[type as Pending['type']].includes(name) || ANYTIME.includes(name)
    expect(ended.aborted).toBe(!isDue)
    expect(Buffer.concat(toClient)).toEqual(isDue ? bytes : Buffer.alloc(0))
  })
})

describe('COPY data are asked for', () => {
  const G = MESSAGES['CopyInResponse'] as Buffer
  it.each([
    ['by a text that cannot', 'select 1', true],
    ['where nobody waits for that', 'copy t from stdin', false],
  ])('%s: the session ends', (_what, sql, waits) => {
    const { pipeline, ended } = testPipeline()
    pipeline.expect({ type: 'query', run: startRun('dec_1', sql, HARMLESS) })
    if (waits) void pipeline.copyOrSettled()
    new ServerSide(pipeline).push(G)
    expect([ended.aborted, pipeline.copyIn]).toEqual([true, false])
  })

  it('and said to be complete before the client has sent all of them: the session ends', () => {
    const { pipeline, ended } = testPipeline()
    pipeline.expect({ type: 'query', run: startRun('dec_1', 'copy t from stdin', HARMLESS) })
    void pipeline.copyOrSettled()
    const side = new ServerSide(pipeline)
    side.push(G)
    expect([ended.aborted, pipeline.copyIn]).toEqual([false, true])
    side.push(MESSAGES['CommandComplete'] as Buffer)
    expect(ended.aborted).toBe(true)
  })
})

it.each(Object.keys(MESSAGES))('nothing was sent, and comes: %s', (name) => {
  const { pipeline, ended } = testPipeline()
  new ServerSide(pipeline).push(MESSAGES[name] as Buffer)
  expect(ended.aborted).toBe(!ANYTIME.includes(name))
})
