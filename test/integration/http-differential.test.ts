import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEchoed, type EchoedRequest } from '../helpers/http-echo.ts'
import { startHttpGateway, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { seenByServer, shownToClient } from '../helpers/http-transparency.ts'
import { exchangeBytes, type WireAnswer } from '../helpers/raw-http.ts'

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

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    direct = (server.address() as AddressInfo).port
    gateway = await startHttpGateway({
      targets: [
        { name: 'any', type: 'http', host: '127.0.0.1', port: direct, tls: 'disable', headers: ['x-a', 'x-b'] },
      ],
      commands: [{ name: 'everything', match: { unknown: true }, allow: true }],
    })
    through = await gateway.open('any')
  })

  afterAll(async () => {
    await gateway?.stop()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
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
})

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
  readonly body: { readonly type: string; readonly bytes: Buffer; readonly isChunked: boolean } | undefined
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
  .string({ unit: fc.constantFrom(...'abyz019 ,;:="\'\\/()<>@[]{}?\t!#$%&*+-.^_`|~'), maxLength: 40 })
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
const cuts = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 5 })
const bytes = fc.oneof(
  { weight: 8, arbitrary: fc.uint8Array({ maxLength: 3000 }).map((some) => Buffer.from(some)) },
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
      fc.record({ type: fc.constantFrom('application/octet-stream', 'image/png'), bytes }),
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
