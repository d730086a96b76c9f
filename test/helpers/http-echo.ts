import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'

/** A request as it has arrived. */
export interface EchoedRequest {
  readonly method: string
  readonly target: string
  /** Names in lower case, in order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly bytes: number
  readonly sha256: string
  /** As far as it is short. */
  readonly body: string
}

/** A service on Node that keeps what it is sent, and answers as the path says. */
export interface EchoServer {
  readonly port: number
  /** In order of arrival. */
  readonly seen: EchoedRequest[]
  /** What goes on where a request waits to be told. */
  release(this: void): void
  stop(): Promise<void>
}

export async function startEchoServer(): Promise<EchoServer> {
  const seen: EchoedRequest[] = []
  const waiting: (() => void)[] = []
  const released = (): Promise<void> => new Promise((resolve) => waiting.push(resolve))
  const server = createServer({ maxHeaderSize: 64 * 1024 }, (request, response) => {
    void readEchoed(request).then((whole) => {
      seen.push(whole)
      const { pathname } = new URL(whole.target, 'http://any')
      return (ANSWERS[pathname] ?? echo)({ request, response, whole, released })
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    release: () => waiting.shift()?.(),
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** A request with its whole body. */
export async function readEchoed(request: IncomingMessage): Promise<EchoedRequest> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  const body = Buffer.concat(chunks)
  const raw = request.rawHeaders
  return {
    method: request.method ?? '',
    target: request.url ?? '',
    headers: raw.flatMap((name, at) => (at % 2 === 0 ? [[name.toLowerCase(), raw[at + 1] ?? ''] as const] : [])),
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
    body: body.length <= 65_536 ? body.toString('latin1') : '',
  }
}

interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly whole: EchoedRequest
  /** Resolves when the test says so. */
  readonly released: () => Promise<void>
}

const echo = ({ response, whole }: Asked): void => {
  const { method, target, bytes, sha256 } = whole
  const text = JSON.stringify({ method, target, bytes, sha256 })
  response.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

/** Head and body, as they are given. */
const says =
  (status: number, headers: Readonly<Record<string, string | string[]>>, body: string | Buffer = '') =>
  ({ response }: Asked): void => {
    response.writeHead(status, headers)
    response.end(body)
  }

const raw =
  (...lines: readonly string[]) =>
  ({ request }: Asked): void =>
    void request.socket.write(lines.join('\r\n'), 'latin1')

const TEXT = { 'Content-Type': 'text/plain; charset=utf-8' }
const length = (body: string | Buffer) => ({ 'Content-Length': String(Buffer.byteLength(body)) })
const sized = (status: number, type: string, body: string | Buffer, more: Readonly<Record<string, string>> = {}) =>
  says(status, { 'Content-Type': type, ...length(body), ...more }, body)
const PROBLEM = '{"type":"about:blank","title":"no","status":422}'
const MULTISTATUS = '<?xml version="1.0"?><d:multistatus xmlns:d="DAV:"><d:response/></d:multistatus>'

const ANSWERS: Readonly<Record<string, (asked: Asked) => unknown>> = {
  '/no-content': says(204, { ETag: '"v7"', 'X-Note': 'done' }),
  '/reset-content': says(205, { 'Content-Length': '0' }),
  '/unchanged': says(304, { ETag: 'W/"v7"', 'Cache-Control': 'max-age=5', Vary: 'Accept' }),
  '/created': sized(201, 'application/json', '{"id":7}', { Location: '/things/7' }),
  '/accepted': says(202, { 'Retry-After': '3', 'Content-Length': '0' }),
  '/multi-status': sized(207, 'application/xml; charset=utf-8', MULTISTATUS),
  '/bad': sized(400, 'text/plain', 'no'),
  '/forbidden': sized(403, 'text/html', '<h1>no</h1>'),
  '/conflict': sized(409, 'application/json', '{"error":"conflict"}'),
  '/problem': sized(422, 'application/problem+json', PROBLEM),
  '/slow-down': sized(429, 'text/plain', 'later', { 'Retry-After': '120', 'RateLimit-Limit': '5' }),
  '/failed': sized(500, 'text/plain', 'Traceback (most recent call last)'),
  '/unavailable': sized(503, 'text/plain', '', { 'Retry-After': 'Fri, 31 Dec 2027 23:59:59 GMT' }),
  '/unlisted': sized(299, 'text/plain', 'an unlisted status'),
  '/repeated': says(
    200,
    { ...TEXT, Link: ['</a>; rel=next', '</b>; rel=prev'], 'X-Many': ['1', '2', '1'], ...length('x') },
    'x',
  ),
  '/odd-headers': raw(
    'HTTP/1.1 200 OK',
    'Content-Length: 2',
    'x-utf8: gr\xc3\xbc\xc3\x9fe',
    "x!#$%&'*+.^_`|~9: token",
    'X-Empty:',
    'X-Blanks:   a  b\t',
    'X-Quoted: "a, \\"b\\"; c=1"',
    '',
    'ok',
  ),
  '/large-header': ({ response }) => {
    response.writeHead(200, { 'X-Large': 'y'.repeat(12_000), 'X-Larger': 'z'.repeat(20_000), 'Content-Length': 0 })
    response.end()
  },
  '/many-headers': ({ response }) => {
    for (let number = 0; number < 90; number++) response.setHeader(`x-number-${number}`, String(number))
    response.end('many')
  },
  '/untyped': says(200, { 'Content-Length': '4' }, Buffer.from([0, 1, 254, 255])),
  '/download': sized(200, 'application/pdf', '%PDF-1.7', {
    'Content-Disposition': 'attachment; filename="a b.pdf"; filename*=UTF-8\'\'%C3%A4.pdf',
    'Content-Language': 'de',
    'Last-Modified': 'Tue, 14 Nov 2023 22:13:20 GMT',
    'Cache-Control': 'private, no-transform',
    Expires: '0',
    Age: '12',
  }),
  '/ndjson': says(200, { 'Content-Type': 'application/x-ndjson' }, '{"a":1}\n{"b":2}\n'),
  '/mixed': sized(200, 'multipart/mixed; boundary="=_x"', '--=_x\r\n\r\na\r\n--=_x--\r\n'),
  '/protobuf': sized(200, 'application/x-protobuf', Buffer.from([8, 150, 1, 0, 13, 10, 13, 10])),
  '/latin1': sized(200, 'text/plain; charset=iso-8859-1', Buffer.from([0xe4, 0xf6, 0xfc])),
  '/like-chunks': sized(200, 'text/plain', '5\r\nhello\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n'),
  '/pieces': async ({ response }) => {
    response.writeHead(200, TEXT)
    for (const byte of 'one byte each, ünd mehr') response.write(byte)
    response.end()
  },
  '/empty-chunked': says(200, { ...TEXT, 'Transfer-Encoding': 'chunked' }),
  '/until-close': ({ request }) => {
    request.socket.end('HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nuntil it closes')
  },
  '/old': ({ request }) => {
    request.socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nold')
  },
  '/megabytes': ({ response }) => {
    const block = Buffer.from('0123456789abcdef'.repeat(4096))
    response.writeHead(200, { 'Content-Type': 'application/octet-stream', 'Content-Length': block.length * 48 })
    Readable.from(Array.from({ length: 48 }, () => block)).pipe(response)
  },
  '/long-poll': async ({ response, released }) => {
    await released()
    response.writeHead(200, TEXT)
    response.end('at last')
  },
  '/events': async ({ response, released }) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' })
    response.write('retry: 1000\n\n')
    for (const number of [1, 2, 3]) {
      response.write(`id: ${number}\ndata: event ${number}\n\n`)
      await released()
    }
    response.end(': the end\n\n')
  },
  '/cookies': says(200, { ...TEXT, 'Set-Cookie': ['a=1; Path=/', 'b=2; HttpOnly'], ...length('x') }, 'x'),
  '/cors': says(200, { ...TEXT, 'Access-Control-Allow-Origin': '*', Vary: 'Origin', ...length('x') }, 'x'),
  '/sign-in': says(401, { 'WWW-Authenticate': 'Basic realm="service"', ...length('no') }, 'no'),
  '/zipped': ({ response }) => {
    const body = gzipSync('zipped, whoever asks')
    response.writeHead(200, {
      ...TEXT,
      'Content-Encoding': 'gzip',
      ETag: '"z"',
      Vary: 'Accept-Encoding',
      ...length(body),
    })
    response.end(body)
  },
  '/reason': raw('HTTP/1.1 200 Everything Is Fine', 'Content-Length: 2', '', 'ok'),
  '/early-hints': ({ response }) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
    response.writeHead(200, { ...TEXT, ...length('hinted') })
    response.end('hinted')
  },
  '/trailers': ({ response }) => {
    response.writeHead(200, { ...TEXT, Trailer: 'X-Sum' })
    response.write('with a trailer')
    response.addTrailers({ 'X-Sum': 'abc' })
    response.end()
  },
  '/relative': says(302, { Location: 'things?x=1#y', 'Content-Length': '0' }),
  '/unchanged-length': raw('HTTP/1.1 304 Not Modified', 'ETag: "v7"', 'Content-Length: 1234', '', ''),
}
