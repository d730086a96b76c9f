import { describe, expect, it } from 'vitest'
import type { Pending } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { startRun } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'
import { ownQueries } from '../../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { ServerSide } from '../../../../../src/protocols/postgres/gateway/pipeline/server-side.ts'
import type { MaskingPlan } from '../../../../../src/masking/plan.ts'
import { EMAIL_MASKED, HARMLESS, NOTHING_MASKED, testPipeline } from '../../../../helpers/postgres-pipeline.ts'

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
const portal = { decision: 'dec_1', prepared, facts: HARMLESS, resultFormats: [] }
const change = { confirm() {}, undo() {} }
const SENT: Partial<Record<Pending['type'], () => Pending>> = {
  query: () => ({ type: 'query', run: startRun('dec_1', 'copy', HARMLESS) }),
  execute: () => ({ type: 'execute', run: startRun('dec_1', 'copy', HARMLESS), portal }),
  parse: () => ({ type: 'parse', change, errorExposure: 'none' }),
  bind: () => ({ type: 'bind', change, errorExposure: 'none', portal: { name: '', facts: HARMLESS } }),
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

it('what a setting is for a query of the gateway stays from the client; what else changes meanwhile does not', () => {
  const { pipeline, toClient, ended } = testPipeline()
  const server = new ServerSide(pipeline)
  ownQueries(pipeline, ['select 1']).catch(() => {})
  server.push(message('S', 'search_path\0pg_catalog\0'))
  server.push(message('S', 'in_hot_standby\0off\0'))
  expect(Buffer.concat(toClient)).toEqual(message('S', 'in_hot_standby\0off\0'))
  const other = testPipeline()
  other.pipeline.expect({ type: 'query', run: startRun('dec_1', 'set search_path to a', HARMLESS) })
  new ServerSide(other.pipeline).push(message('S', 'search_path\0a\0'))
  expect(Buffer.concat(other.toClient)).toEqual(message('S', 'search_path\0a\0'))
  expect([ended.aborted, other.ended.aborted]).toEqual([false, false])
})

describe('an application_name that the server reports', () => {
  const report = (pinned: 'application_name'[], value: string) => {
    const { pipeline, toClient, ended } = testPipeline({
      settings: { application_name: '{person}', pinned },
      parameters: new Map([['application_name', 'jane']]),
    })
    new ServerSide(pipeline).push(message('S', `application_name\0${value}\0`))
    return { ended, toClient: Buffer.concat(toClient).toString() }
  }

  it('ends a session in which it is pinned and something changed it', () => {
    const { ended, toClient } = report(['application_name'], 'somebody')
    expect(ended.reason).toMatchObject({
      code: 'SETTING_REFUSED',
      message: expect.stringMatching(/^application_name is pinned/) as string,
    })
    expect(toClient).not.toContain('somebody')
  })

  it.each([
    ['as it is pinned', ['application_name'] as 'application_name'[], 'jane'],
    ['where it is a default', [], 'somebody'],
  ])('is passed on %s', (_, pinned, value) => {
    const { ended, toClient } = report(pinned, value)
    expect(ended.aborted).toBe(false)
    expect(toClient).toContain(`application_name\0${value}`)
  })
})

describe('a setting that code which nobody has read may have made of masked values', () => {
  const reported = (masking: MaskingPlan): string => {
    const { pipeline, toClient } = testPipeline({ masking })
    const server = new ServerSide(pipeline)
    server.push(message('S', 'application_name\0psql\0'))
    pipeline.ranUnread = true
    server.push(message('S', 'application_name\0jane@example.com\0'))
    server.push(message('S', 'application_name\0psql\0'))
    return Buffer.concat(toClient)
      .toString('latin1')
      .replaceAll(/S\0\0\0.application_name\0|\0/gs, ' ')
  }

  it('is not reported to the client, which is told what it was told before', () => {
    expect(reported(EMAIL_MASKED).match(/\S+/g)).toEqual(['psql', 'psql'])
    expect(reported(NOTHING_MASKED).match(/\S+/g)).toEqual(['psql', 'jane@example.com', 'psql'])
  })
})

it.each([
  ['ends, and the client is not told, where something made the next transactions read-write', true, 'off', true],
  ['goes on where they are read-only as before', true, 'on', false],
  ['goes on where it may write', false, 'off', false],
])('a session %s', (_, readOnly, value, ends) => {
  const { pipeline, toClient, ended } = testPipeline({ readOnly })
  const bytes = message('S', `default_transaction_read_only\0${value}\0`)
  new ServerSide(pipeline).push(bytes)
  expect(ended.aborted).toBe(ends)
  expect(Buffer.concat(toClient)).toEqual(ends ? Buffer.alloc(0) : bytes)
  if (ends) expect(ended.reason).toMatchObject({ code: 'SETTING_REFUSED' })
})
