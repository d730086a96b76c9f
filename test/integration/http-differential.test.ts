import { readFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import { createServer as createPlainServer, type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../helpers/gateway-client.ts'
import { readEchoed, type EchoedRequest } from '../helpers/http-echo.ts'
import { startHttpGateway, TOKEN, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { seenByServer, shownToClient } from '../helpers/http-transparency.ts'
import { exchangeBytes, type WireAnswer } from '../helpers/raw-http.ts'
import { sampledRuns } from '../helpers/sampled.ts'

/** Random valid requests and answers: the same at the server, and the same for the client, directly and through a gateway that allows everything. */
describe('random exchanges of HTTP', () => {
  let gateway: HttpGateway
  let through: HttpPort
  let seen: EchoedRequest[] = []
  /** By the request's id. */
  const plans = new Map<string, AnswerPlan>()
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    void readEchoed(request).then((whole) => {
      seen.push(whole)
      giveAnswer(response, plans.get(request.headers['x-request-id'] as string))
    })
  })
  let direct = 0
  /** The same service twice: what the gateway reads of its answers by itself, and what it leaves to Node's client. */
  const services: Record<'twin1' | 'twin2', Server> = {
    twin1: startService(' '),
    twin2: startService('  '),
  }
  /** What they say to the request with this number. */
  const said = new Map<string, SaidAnswer>()

  /** `blanks` stand in front of the length of each answer: more than one mean the same to every reader, and are not plain. */
  function startService(blanks: string): Server {
    return createPlainServer((socket) => {
      let asked = ''
      socket.on('error', () => {})
      socket.setEncoding('latin1').on('data', (text: string) => {
        asked += text
        if (!asked.endsWith('\r\n\r\n')) return
        const { status, headers, text: body } = said.get(/^x-a: (\d+)/im.exec(asked)?.[1] ?? '') as SaidAnswer
        asked = ''
        const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('')
        const length = status === 204 || status === 304 ? '' : `Content-Length:${blanks}${Buffer.byteLength(body)}\r\n`
        // Without a length a 204 is plain as it stands: a connection that does not stay is not.
        const end = length === '' && blanks.length > 1 ? 'Connection: close\r\n' : ''
        socket.write(`HTTP/1.1 ${status} As It Is\r\n${lines}${length}${end}\r\n${length === '' ? '' : body}`)
        if (end !== '') socket.end()
      })
    })
  }

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    direct = (server.address() as AddressInfo).port
    const target = {
      type: 'http',
      host: '127.0.0.1',
      tls: 'disable',
      headers: ['x-a', 'x-b'],
    }
    const twice = { names: Object.keys(services) }
    for (const service of Object.values(services))
      await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    gateway = await startHttpGateway({
      targets: [
        { ...target, name: 'any', port: direct },
        ...Object.entries(services).map(([name, service]) => ({
          ...target,
          name,
          port: (service.address() as AddressInfo).port,
          credential: { type: 'bearer', token: 'file:token' },
        })),
      ],
      commands: [
        {
          name: 'nobody cancels',
          targets: twice,
          match: { routes: ['/cancel/**'] },
          deny: 'not here',
        },
        { name: 'everything', match: { unknown: true }, allow: true },
      ],
      masking: [
        {
          name: 'people',
          targets: twice,
          kinds: ['email', 'payment-card'],
          style: 'partial',
        },
        {
          name: 'notes',
          targets: twice,
          fields: ['*:/**/note'],
          style: 'redact',
        },
      ],
    })
    through = await gateway.open('any')
  })

  afterAll(async () => {
    await gateway?.stop()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    for (const service of Object.values(services)) service.close()
  })

  /** All on one connection. */
  async function run(
    exchanges: readonly RandomExchange[],
    cuts: readonly number[],
    port: number,
    authorization?: string,
  ) {
    seen = []
    plans.clear()
    exchanges.forEach(({ answer }, index) => plans.set(String(index), answer))
    const bytes = Buffer.concat(exchanges.map((one, index) => bytesOf(one, index, port, authorization)))
    const answers = await exchangeBytes(
      port,
      split(bytes, cuts),
      exchanges.map(({ method }) => method),
    )
    return {
      answers: answers.map((answer: WireAnswer) => shownToClient(answer, { origin: 'nowhere', unsteady: [] })),
      // A server that is asked directly may read the next request before the body of the last one has come.
      seen: seen.map(seenByServer).toSorted((one, other) => idOf(one) - idOf(other)),
    }
  }

  it('are the same directly and through the gateway', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(randomExchange, { minLength: 1, maxLength: 5 }),
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 4 }),
        async (exchanges, cuts) => {
          const expected = await run(exchanges, cuts, direct)
          const shown = await run(exchanges, cuts, through.port, through.authorization)
          expect(shown).toEqual(expected)
          expect(expected.seen).toHaveLength(exchanges.length)
        },
      ),
      { numRuns: 150 },
    )
  })

  it('are the same for the client, and on record, whether the gateway reads them by itself or Node does', async () => {
    const ports = {
      twin1: await gateway.open('twin1'),
      twin2: await gateway.open('twin2'),
    }
    /** One after the other on one connection: a head in one piece is plain, and one with a blank too many is not. */
    const ask = async (name: keyof typeof ports, requests: readonly SaidRequest[], from: number) => {
      const { port, authorization } = ports[name]
      const shown = []
      for (const [index, { method, target: path, header }] of requests.entries()) {
        const blanks = name === 'twin1' ? ' ' : '  '
        const lines = [`Host: 127.0.0.1:${port}`, `Authorization: ${authorization}`, `X-A:${blanks}${from + index}`]
        const bytes = Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\nX-B: ${header}\r\n\r\n`)
        const [answer] = await exchangeBytes(port, [bytes], [method])
        const { status, headers, body } = answer as WireAnswer
        shown.push({
          status,
          headers: headers.filter(([one]) => one !== 'date'),
          body: comparable(body.toString('utf8'), name),
        })
      }
      return shown
    }
    let count = 0
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ request: saidRequest, answer: saidAnswer }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (pairs) => {
          const from = count
          for (const { answer } of pairs) said.set(String(count++), answer)
          const requests = pairs.map(({ request }) => request)
          expect(await ask('twin2', requests, from)).toEqual(await ask('twin1', requests, from))
        },
      ),
      // What is looked for in the record below is drawn by chance otherwise.
      { numRuns: sampledRuns(30), examples: [[SAID_AT_LEAST]] },
    )
    const plain = await recordOf('twin1')
    expect(await recordOf('twin2')).toEqual(plain)
    expect(plain.length).toBeGreaterThan(count)
    const text = JSON.stringify(plain)
    for (const found of ['GET /', 'nobody cancels', '****', '<secret>']) expect(text).toContain(found)
    for (const secret of [TOKEN, 'mary@example.org', '4111111111111111', 'a private note'])
      expect(text).not.toContain(secret)
  })

  /** What a session has on record, without what differs between any two: times, ids, addresses, and what is made with the session's key. */
  async function recordOf(name: string): Promise<readonly unknown[]> {
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    const id = sessions.find(({ target }) => target === name)?.id ?? ''
    await gateway.bob.api.sessions.kill(id, 'for the record')
    await eventually(
      async () => ((await gateway.bob.api.sessions.get(id)).ended === undefined ? undefined : true),
      'the session has ended',
    )
    const file = join(gateway.directory, `${name}.jsonl`)
    await eventually(async () => {
      const { code } = await gateway.pamctl('export', id, '--format', 'jsonl', '--output', file)
      return code === 0 ? true : undefined
    }, 'its record is closed')
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    return lines.map((line) => comparable(JSON.parse(line), name))
  }
})

/** Ids of decisions and commitments are new each time. */
const withoutIds = (text: string): string =>
  text
    .replaceAll(/\b[a-z]{3}_[0-9a-z]{10,}\b/g, '<id>')
    .replaceAll(/<secret [^>]*>/g, '<secret>')
    .replaceAll(/, [0-9a-f]{12}›/g, '›')

function comparable(value: unknown, name: string): unknown {
  if (typeof value === 'string') return withoutIds(value).replaceAll(new RegExp(`\\b${name}\\b`, 'g'), '<target>')
  if (Array.isArray(value)) return value.map((one) => comparable(one, name))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, one]) => (OWN_FIELDS.test(key) ? [] : [[key, comparable(one, name)]])),
  )
}
/** Of each session, or of each moment. */
const OWN_FIELDS =
  /^(?:at|time|t|ms|seq|id|session|grant|grantId|hash|previous|digest|apart|duration.*|.*Ms|elapsed|port|from)$/

interface SaidRequest {
  readonly method: string
  readonly target: string
  readonly header: string
}

interface SaidAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly text: string
}

const phrase = fc.constantFrom(
  'mary@example.org',
  'x',
  '4111111111111111',
  'héllo',
  TOKEN,
  'a=b',
  '4111 1111 1111 1111',
  '',
)
const saidRequest: fc.Arbitrary<SaidRequest> = fc.record({
  method: fc.constantFrom('GET', 'GET', 'DELETE', 'OPTIONS'),
  target: fc.constantFrom(
    '/',
    '/orders/7',
    '/cancel/7',
    '/Cancel',
    '/people/mary@example.org',
    '/a?who=mary%40example.org&password=x',
    '/a//b',
    '/%61',
    '/a/%2e%2e/b',
  ),
  header: fc.constantFrom('x', 'mary@example.org', 'a b', '"q"'),
})
const saidAnswer: fc.Arbitrary<SaidAnswer> = fc
  .record({
    status: fc.constantFrom(200, 200, 200, 201, 204, 304, 404, 401, 500, 302),
    type: fc.constantFrom('application/json', 'text/plain', 'text/html; charset=utf-8', 'application/octet-stream'),
    words: fc.array(phrase, { maxLength: 5 }),
    header: phrase,
    location: fc.constantFrom('/next', 'https://elsewhere.example/', '/people/mary@example.org'),
  })
  .map(({ status, type, words: some, header, location }) => ({
    status,
    headers: [
      ['Content-Type', type] as const,
      ['X-A', Buffer.from(header).toString('latin1').trim()] as const,
      ...(status === 302 ? [['Location', location] as const] : []),
    ],
    text: type === 'application/json' ? JSON.stringify({ some, note: 'a private note' }) : some.join(' and '),
  }))

const SAID_AT_LEAST: { request: SaidRequest; answer: SaidAnswer }[] = [
  '/a?who=mary%40example.org&password=x',
  '/cancel/7',
].map((target) => ({
  request: { method: 'GET', target, header: 'x' },
  answer: {
    status: 200,
    headers: [['Content-Type', 'application/json']],
    text: '{"some":["mary@example.org"],"note":"a private note"}',
  },
}))

interface AnswerPlan {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly pieces: readonly Uint8Array[]
  readonly isChunked: boolean
}

interface RandomExchange {
  readonly method: string
  readonly target: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body:
    | {
        readonly type: string
        readonly bytes: Buffer
        readonly isChunked: boolean
      }
    | undefined
  readonly cuts: readonly number[]
  readonly answer: AnswerPlan
}

const idOf = ({ headers }: Pick<EchoedRequest, 'headers'>): number => Number(new Map(headers).get('x-request-id'))

function giveAnswer(response: ServerResponse, plan: AnswerPlan | undefined): void {
  const { status, headers, pieces, isChunked } = plan as AnswerPlan
  const isEmpty = status === 204 || status === 304
  for (const [name, value] of headers) response.appendHeader(name, value)
  if (!isEmpty && !isChunked)
    response.setHeader(
      'Content-Length',
      pieces.reduce((sum, { length }) => sum + length, 0),
    )
  response.writeHead(status)
  if (!isEmpty) for (const piece of pieces) response.write(piece)
  response.end()
}

function bytesOf(
  { method, target, headers, body, cuts }: RandomExchange,
  id: number,
  port: number,
  authorization: string | undefined,
): Buffer {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    `X-Request-Id: ${id}`,
    ...(authorization === undefined ? [] : [`Authorization: ${authorization}`]),
    ...headers.map(([name, value]) => `${name}: ${value}`),
    ...(body === undefined ? [] : [`Content-Type: ${body.type}`]),
    ...(body?.isChunked === true ? ['Transfer-Encoding: chunked'] : []),
    ...(body?.isChunked === false ? [`Content-Length: ${body.bytes.length}`] : []),
  ]
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (body === undefined) return head
  if (!body.isChunked) return Buffer.concat([head, body.bytes])
  const chunks = split(body.bytes, cuts).flatMap((chunk) => [`${chunk.length.toString(16)}\r\n`, chunk, '\r\n'])
  return Buffer.concat([head, ...chunks.map((part) => Buffer.from(part as string)), Buffer.from('0\r\n\r\n')])
}

/** None of them empty; `cuts` are parts of the whole. */
function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].toSorted((a, b) => a - b)
  return places.slice(1).flatMap((end, index) => {
    const piece = bytes.subarray(places[index], end)
    return piece.length === 0 ? [] : [piece]
  })
}

const words = (text: string): string[] => text.trim().split(/\s+/)
const chars = (text: string, maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...text), minLength: 1, maxLength })
const word = chars("abzAZ059-_éßñ中☃+=,@(&!$'*", 12)
// A letter between brackets is refused: ASP.NET has sessions there. So are segments of nothing but plus signs, which some servers leave out.
const segment = fc
  .oneof(
    word,
    fc.tuple(word, word).map((words) => words.join(' ')),
  )
  .filter((text) => !/\([a-z]\(|^\++$/i.test(text))
const target = fc
  .tuple(
    fc.array(segment, { maxLength: 5 }),
    fc.boolean(),
    fc.array(fc.tuple(word, fc.oneof(fc.constant(''), chars('abz09 %&=+;/?#éß☃"<>\\^|~', 20))), { maxLength: 4 }),
    fc.constantFrom('', '?'),
  )
  .map(([segments, isFolder, query, sign]) => {
    const path = segments.map((text) => encodeURIComponent(text)).join('/')
    const fields = query.map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`).join('&')
    return `/${path}${isFolder && path !== '' ? '/' : ''}${fields === '' ? sign : `?${fields}`}`
  })
const fieldValue = fc
  .string({
    unit: fc.constantFrom(...'abyz019 ,;:="\'\\/()<>@[]{}?\t!#$%&*+-.^_`|~'),
    maxLength: 40,
  })
  .map((text) => text.trim())
const requestHeaders = fc.array(
  fc.tuple(
    fc.constantFrom(
      ...words(`Accept ACCEPT-LANGUAGE User-Agent cache-control If-None-Match If-Match X-A x-b X-B X-Correlation-Id Pragma Traceparent
        Idempotency-Key Last-Event-Id If-Modified-Since`),
    ),
    fieldValue,
  ),
  { maxLength: 8 },
)
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), {
  maxLength: 5,
})
const bytes = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.uint8Array({ maxLength: 3000 }).map((some) => Buffer.from(some)),
  },
  // Longer than what is read before the decision.
  {
    weight: 1,
    arbitrary: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((some) => Buffer.alloc(1_200_000, some)),
  },
)
const body = fc.option(
  fc.record({
    isChunked: fc.boolean(),
    content: fc.oneof(
      fc.record({
        type: fc.constantFrom('application/json', 'application/vnd.api+json; charset=utf-8'),
        bytes: fc.json({ maxDepth: 3 }).map((text) => Buffer.from(text)),
      }),
      fc.record({
        type: fc.constantFrom('application/octet-stream', 'image/png'),
        bytes,
      }),
      fc.record({
        type: fc.constantFrom('text/plain', 'text/csv;charset="utf-8"'),
        bytes: word.map((text) => Buffer.from(text)),
      }),
    ),
  }),
  { nil: undefined },
)
const answer: fc.Arbitrary<AnswerPlan> = fc.record({
  status: fc.constantFrom(
    ...words(`200 200 200 201 202 203 204 206 207 226 299 304
      400 402 403 404 405 409 410 412 416 418 422 429 451 499 500 501 503 504 599`).map(Number),
  ),
  headers: fc.array(
    fc.tuple(
      fc.constantFrom(
        ...words(`Content-Type ETag Cache-Control X-A x-b Link Vary Content-Language Retry-After Server Last-Modified Expires Allow
          X-Content-Type-Options Content-Disposition Warning`),
      ),
      fieldValue,
    ),
    { maxLength: 8 },
  ),
  pieces: fc.array(bytes, { maxLength: 4 }),
  isChunked: fc.boolean(),
})
const randomExchange: fc.Arbitrary<RandomExchange> = fc
  .record({
    method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'REPORT', 'PURGE'),
    target,
    headers: requestHeaders,
    body,
    cuts,
    answer,
  })
  .map(({ body: given, ...exchange }) => ({
    ...exchange,
    body: given === undefined ? undefined : { ...given.content, isChunked: given.isChunked },
  }))
