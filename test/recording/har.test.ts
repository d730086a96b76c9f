import { describe, expect, it } from 'vitest'
import { har } from '../../src/recording/har.ts'
import type { EventBody, RecordedEvent } from '../../src/recording/event.ts'
import type { ReadEvent } from '../../src/recording/read.ts'
import { command, opened } from '../helpers/recordings.ts'
import { harProblems } from '../helpers/har-schema.ts'

async function* recorded(bodies: readonly EventBody[]): AsyncGenerator<ReadEvent> {
  for (const [seq, body] of bodies.entries()) {
    const event: RecordedEvent = { seq, at: `2026-01-01T00:00:0${seq % 10}.000Z`, ms: seq * 1000, ...body }
    yield { event, data: undefined }
  }
}

async function archiveOf(...bodies: EventBody[]) {
  let text = ''
  for await (const piece of har(recorded([{ ...opened(), protocol: 'http' }, ...bodies]), {
    name: 'pamctl',
    version: '1',
  }))
    text += piece
  const archive = JSON.parse(text) as { log: { entries: Record<string, unknown>[] } }
  expect(harProblems(archive)).toEqual([])
  return archive.log.entries
}

const rows = (command: string, columns: string[], ...values: string[][]): EventBody => ({
  type: 'rows',
  command,
  columns,
  rows: values,
})
const result = (command: string, tag: string, bytes = 0): EventBody => ({
  type: 'result',
  command,
  tag,
  rows: 0,
  bytes,
  durationMs: 5,
})

describe('an archive of HTTP', () => {
  it('has the operations of the OpenAPI document', async () => {
    const [entry, other] = await archiveOf(
      { ...command('GET /orders'), operations: ['listOrders'] },
      result('dec_1', '200'),
      command('GET /other', 'dec_2'),
    )
    expect(entry).toMatchObject({ _operations: ['listOrders'] })
    expect(other).not.toHaveProperty('_operations')
  })

  it('has requests and answers, with what followed the body', async () => {
    const [entry] = await archiveOf(
      command('POST /orders?a=1&b=%C3%A9\ncontent-type: application/json\nx-tenant: t1\n\n{"a":1}\n\n{"b":2}'),
      rows(
        'dec_1',
        ['header', 'value'],
        ['status', '201'],
        ['content-type', 'application/json'],
        ['location', '/orders/7'],
      ),
      rows('dec_1', ['trailer', 'value'], ['x-sum', '1']),
      rows('dec_1', ['body'], ['{"id":7}']),
      result('dec_1', '201', 8),
    )
    expect(entry).toMatchObject({
      startedDateTime: '2026-01-01T00:00:01.000Z',
      time: 5,
      request: {
        method: 'POST',
        url: 'https://prod/orders?a=1&b=%C3%A9',
        headers: [
          { name: 'content-type', value: 'application/json' },
          { name: 'x-tenant', value: 't1' },
        ],
        queryString: [
          { name: 'a', value: '1' },
          { name: 'b', value: 'é' },
        ],
        postData: { mimeType: 'application/json', text: '{"a":1}\n\n{"b":2}' },
      },
      response: {
        status: 201,
        statusText: 'Created',
        content: { size: 8, mimeType: 'application/json', text: '{"id":7}' },
        redirectURL: '/orders/7',
        _trailers: [{ name: 'x-sum', value: '1' }],
      },
    })
  })

  it('keeps the order of requests that ran side by side, and says what was refused or is missing', async () => {
    const entries = await archiveOf(
      command('GET /slow', 'dec_1'),
      { ...command('DELETE /x', 'dec_2'), verdict: 'deny', rule: 'no', message: 'not here' },
      command('GET /quick', 'dec_3'),
      rows('dec_3', ['header', 'value'], ['status', '200']),
      result('dec_3', '200'),
      rows('dec_1', ['header', 'value'], ['status', '204']),
      result('dec_1', '204'),
      command('GET /cut', 'dec_4'),
    )
    expect(
      entries.map(({ _id, _verdict, response, comment }) => [
        _id,
        _verdict,
        (response as { status: number }).status,
        comment,
      ]),
    ).toEqual([
      ['dec_1', 'allow', 204, undefined],
      ['dec_2', 'deny', 0, 'not here'],
      ['dec_3', 'allow', 200, undefined],
      ['dec_4', 'allow', 0, undefined],
    ])
  })

  it('says how long a request waited for a person', async () => {
    const [held, denied] = await archiveOf(
      { ...command('DELETE /a', 'dec_1'), verdict: 'hold' },
      { ...command('DELETE /b', 'dec_2'), verdict: 'hold' },
      { type: 'approval', id: 'apr_2', command: 'dec_2', state: 'denied', by: 'bob' },
      { type: 'approval', id: 'apr_1', command: 'dec_1', state: 'approved', by: 'bob' },
      { type: 'forwarded', command: 'dec_1' },
      result('dec_1', '200'),
    )
    expect(held).toMatchObject({ time: 4005, timings: { blocked: 4000, wait: 5 }, comment: 'approved' })
    expect(denied).toMatchObject({ response: { status: 0 }, comment: 'denied' })
  })

  it('has what is no text in base64, and says what the record has not', async () => {
    const cut: EventBody = { type: 'rows', command: 'dec_1', columns: ['body'], rows: [['\\x00ff']], cut: true }
    const [binary, unread] = await archiveOf(
      command('GET /picture', 'dec_1'),
      cut,
      result('dec_1', '200', 9),
      command('‹a request that could not be read›', 'dec_2'),
    )
    expect(binary).toMatchObject({
      response: { content: { text: 'AP8=', encoding: 'base64', size: 9, comment: 'the record has the beginning' } },
    })
    expect(unread).toMatchObject({ request: { method: '', comment: '‹a request that could not be read›' } })
  })

  it('has the status of a call of gRPC, and how many messages went which way', async () => {
    const [entry] = await archiveOf(
      command('POST /a.B/C\ncontent-type: application/grpc\n\n(messages)', 'dec_1'),
      rows('dec_1', ['header', 'value'], ['status', '200'], ['content-type', 'application/grpc']),
      rows('dec_1', ['trailer', 'value'], ['grpc-status', '5']),
      rows(
        'dec_1',
        ['direction', 'messages', 'bytes', 'sha256'],
        ['sent', '1', '7', 'ab'],
        ['received', '0', '0', 'cd'],
      ),
      result('dec_1', 'grpc-status 5'),
    )
    expect(entry).toMatchObject({
      response: { status: 200, _trailers: [{ name: 'grpc-status', value: '5' }] },
      _messages: [
        { direction: 'sent', messages: '1', bytes: '7', sha256: 'ab' },
        { direction: 'received', messages: '0', bytes: '0', sha256: 'cd' },
      ],
    })
  })

  it('has objects of Kubernetes as a body, one below the other', async () => {
    const [entry] = await archiveOf(
      command('GET /api/v1/namespaces/shop/pods', 'dec_1'),
      { type: 'rows', command: 'dec_1', rows: [['{"kind":"Pod"}'], ['{"kind":"Pod","x":1}']] },
      result('dec_1', '200', 40),
    )
    expect(entry).toMatchObject({
      response: {
        status: 200,
        statusText: 'OK',
        content: { text: '{"kind":"Pod"}\n{"kind":"Pod","x":1}\n', size: 40 },
      },
    })
  })

  it('is whole where nothing was asked, and of sessions of HTTP alone', async () => {
    expect(await archiveOf()).toEqual([])
    const postgres = har(recorded([opened()]), { name: 'pamctl', version: '1' })
    await expect(postgres.next()).rejects.toThrow('only HTTP and Kubernetes sessions export as HAR')
  })

  it('has the messages of a WebSocket as Chrome writes them', async () => {
    const [entry] = await archiveOf(
      command('GET /live\nupgrade: websocket'),
      rows('dec_1', ['header', 'value'], ['status', '101'], ['upgrade', 'websocket']),
      rows('dec_1', ['from', 'type', 'message'], ['client', 'text', 'hello']),
      { type: 'rows', command: 'dec_1', rows: [['target', 'binary', '\\x00ff']] },
      result('dec_1', '101, 2 messages', 2),
    )
    expect(entry).toMatchObject({
      response: { status: 101, content: { size: 2 } },
      _webSocketMessages: [
        { type: 'send', time: Date.parse('2026-01-01T00:00:03.000Z') / 1000, opcode: 1, data: 'hello' },
        { type: 'receive', time: Date.parse('2026-01-01T00:00:04.000Z') / 1000, opcode: 2, data: 'AP8=' },
      ],
    })
    expect(entry).not.toHaveProperty('response.content.text')
  })
})
