import { describe, expect, it } from 'vitest'
import { answerRecord } from '../../../../src/protocols/kubernetes/record/answer-record.ts'
import { readApiRequest } from '../../../../src/protocols/kubernetes/request/api-request.ts'

const VALUE = 'correct-horse-battery'
const ENCODED = Buffer.from(VALUE).toString('base64')
const JSON_TYPE = 'application/json'

interface Asked {
  readonly type?: string
  readonly encoding?: string
  readonly limit?: number
}

/** What the record has of an answer that comes in pieces of this many bytes. */
function recorded(target: string, body: string, asked: Asked = {}, size = 7): { rows: string[]; cut: boolean } {
  const { type = JSON_TYPE, encoding, limit = 4096 } = asked
  const [method = '', path = ''] = target.split(' ')
  const request = readApiRequest(method, path)
  if ('failure' in request) throw new Error(request.failure)
  const events: { rows: readonly (readonly (string | null)[])[]; cut?: true }[] = []
  const record = answerRecord({
    session: {
      masking: { columns: [], kinds: [], fields: [] },
      commitment: (text: string) => `c${text.length}`,
      recorder: { outcome: (event: never) => void events.push(event) },
    } as never,
    request,
    decision: 'dec_1',
    headers: [['content-type', type], ...(encoding === undefined ? [] : [['content-encoding', encoding] as const])],
    limit,
  })
  const bytes = Buffer.from(body)
  for (let at = 0; at < bytes.length; at += size) record?.push(bytes.subarray(at, at + size))
  record?.end()
  return {
    rows: events.flatMap(({ rows }) => rows.map(([text]) => text ?? '')),
    cut: events.some(({ cut }) => cut === true),
  }
}

const secret = (name: string) => ({ metadata: { name }, data: { password: ENCODED }, type: 'Opaque' })
const NS = '/api/v1/namespaces/dev'
const list = (...items: unknown[]) => JSON.stringify({ kind: 'SecretList', apiVersion: 'v1', items })

describe('the answer to a request, on record', () => {
  it.each<[string, string, string, number]>([
    ['an object', `GET ${NS}/secrets/a`, JSON.stringify({ kind: 'Secret', apiVersion: 'v1', ...secret('a') }), 1],
    ['a list', `GET ${NS}/secrets`, list(secret('a'), secret('b')), 2],
    [
      'a watch',
      `GET ${NS}/secrets?watch=1`,
      ['a', 'b'].map((name) => `${JSON.stringify({ type: 'ADDED', object: secret(name) })}\n`).join(''),
      2,
    ],
    [
      'a table',
      `GET ${NS}/secrets`,
      JSON.stringify({ kind: 'Table', columnDefinitions: [], rows: [{ cells: ['a', 1], object: secret('a') }] }),
      1,
    ],
    [
      'a copy in an annotation',
      `GET ${NS}/pods/a`,
      JSON.stringify({
        kind: 'Pod',
        metadata: {
          name: 'a',
          annotations: { last: JSON.stringify({ kind: 'Secret', apiVersion: 'v1', ...secret('a') }) },
        },
      }),
      1,
    ],
    [
      'a token',
      `POST ${NS}/serviceaccounts/a/token`,
      JSON.stringify({ kind: 'TokenRequest', metadata: { name: 'a' }, status: { token: VALUE } }),
      1,
    ],
    [
      'a variable that is called a password',
      `GET ${NS}/pods/a`,
      JSON.stringify({
        metadata: { name: 'a' },
        spec: { containers: [{ env: [{ name: 'DB_PASSWORD', value: VALUE }] }] },
      }),
      1,
    ],
  ])('has no secret of %s', (_, target, body, count) => {
    const { rows, cut } = recorded(target, body)
    expect(rows).toHaveLength(count)
    expect(cut).toBe(false)
    expect(rows[0]).toContain('"name":"a"')
    expect(rows.join()).not.toMatch(new RegExp(`${VALUE}|${ENCODED}`))
  })

  it('is kept up to the limit, in whole objects', () => {
    const body = list(...Array.from({ length: 100 }, (_, index) => ({ metadata: { name: `pod-${index}` } })))
    const { rows, cut } = recorded(`GET ${NS}/pods`, body, { limit: 500 })
    expect(cut).toBe(true)
    expect(rows.length).toBeGreaterThan(5)
    expect(rows.join('').length).toBeLessThanOrEqual(500)
    expect(rows.map((row) => JSON.parse(row) as unknown)).toContainEqual({ metadata: { name: 'pod-3' } })
  })

  it.each<[string, string, string, Asked]>([
    ['an object that is longer than the limit', `GET ${NS}/pods/a`, JSON.stringify({ a: 'x'.repeat(5000) }), {}],
    ['what is no JSON', `GET ${NS}/pods/a`, '{"a": nothing}', {}],
    ['what is nested too deep', `GET ${NS}/pods/a`, `${'['.repeat(20_000)}${']'.repeat(20_000)}`, { limit: 65_536 }],
  ])('says that it is not kept: %s', (_, target, body, asked) => {
    expect(recorded(target, body, asked, 4096)).toEqual({ rows: [], cut: true })
  })

  it.each<[string, string, Asked]>([
    ['discovery', 'GET /apis', {}],
    ['protobuf', `GET ${NS}/pods/a`, { type: 'application/vnd.kubernetes.protobuf' }],
    ['what is compressed', `GET ${NS}/pods/a`, { encoding: 'gzip' }],
    ['what a proxy answers', `GET ${NS}/services/a/proxy/x`, {}],
    ['anything where nothing is to be kept', `GET ${NS}/pods/a`, { limit: 0 }],
  ])('is not kept of %s', (_, target, asked) => {
    expect(recorded(target, '{}', asked)).toEqual({ rows: [], cut: false })
  })

  it('is kept of a log, line by line', () => {
    const text = 'one\npassword=hunter2 two\nend'
    const { rows } = recorded(`GET ${NS}/pods/a/log`, text, { type: 'text/plain' })
    expect(rows).toEqual(['one', 'password=<secret c7> two', 'end'])
  })
})
