import { createServer } from 'node:http'
import { connect, createServer as createPlainServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Exchange, HttpHandler, RequestHead } from '../../../../src/protocols/http/server/exchange.ts'
import { Http1Server } from '../../../../src/protocols/http/server/http1.ts'
import { exchangeOf } from '../../../../src/protocols/http/server/http1-exchange.ts'
import { readPlainRequest } from '../../../../src/protocols/http/server/plain-request.ts'
import { sampled, sampledRuns } from '../../../helpers/sampled.ts'

/** What Node's parser, and the checks behind it, make of bytes; undefined where they refuse them or want more. */
function readByNode(bytes: string): Promise<RequestHead | undefined> {
  return new Promise((resolve) => {
    const server = createServer({ requireHostHeader: false, joinDuplicateHeaders: false })
    server.maxHeadersCount = 0
    const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
    server.on('request', (request, response) => {
      const exchange = exchangeOf(request, response)
      // It must be whole with the last of the bytes.
      setImmediate(() => {
        resolve(exchange instanceof Error || !request.complete ? undefined : exchange.request)
        stream.destroy()
      })
    })
    for (const event of ['clientError', 'upgrade', 'connect', 'checkContinue'] as const)
      server.on(event, () => {
        resolve(undefined)
        stream.destroy()
      })
    server.emit('connection', stream)
    stream.push(Buffer.from(bytes, 'latin1'))
    setImmediate(() => setImmediate(() => setImmediate(() => resolve(undefined))))
  })
}

const REQUEST =
  'GET /a/b?c=%20d HTTP/1.1\r\nHost: localhost:20000\r\nAuthorization: Bearer abc\r\nAccept: */*, text/x\r\n\r\n'
const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9]{0,6}(?:-[A-Za-z0-9]{1,6})?$/)
const value = fc.stringMatching(/^[\t -~]{0,12}$/)
const field = fc.oneof(
  fc.tuple(token, value),
  fc.constantFrom<[string, string]>(
    ['Host', 'other'],
    ['Connection', 'keep-alive'],
    ['Connection', 'close'],
    ['Content-Length', '0'],
    ['Transfer-Encoding', 'chunked'],
    ['Expect', '100-continue'],
    ['Upgrade', 'websocket'],
    ['TE', 'trailers'],
  ),
)
const request = fc
  .oneof(
    fc.tuple(
      fc.constantFrom('GET', 'DELETE', 'OPTIONS', 'POST', 'HEAD', 'get'),
      fc.stringMatching(/^\/[!-~]{0,20}$/),
      fc.constantFrom('HTTP/1.1', 'HTTP/1.0', 'HTTP/2.0'),
      fc.array(field, { maxLength: 5 }),
      fc.constantFrom('', '', '', 'x', '\r\n', REQUEST),
    ),
    // Most of the others are not plain, and these nearly always.
    fc.tuple(
      fc.constantFrom('GET', 'DELETE', 'OPTIONS'),
      fc.stringMatching(/^\/[\w.~/?=&%-]{0,20}$/),
      fc.constant('HTTP/1.1'),
      fc.array(fc.tuple(token, value), { maxLength: 5 }),
      fc.constant(''),
    ),
  )
  .map(
    ([method, target, version, fields, behind]) =>
      `${method} ${target} ${version}\r\nHost: localhost\r\n${fields.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n${behind}`,
  )

describe('readPlainRequest', () => {
  it('reads a head, and takes nothing that has more or less', () => {
    expect(readPlainRequest(REQUEST)).toMatchObject({ method: 'GET', target: '/a/b?c=%20d', host: 'localhost:20000' })
    for (let end = 0; end < REQUEST.length; end++) expect(readPlainRequest(REQUEST.slice(0, end))).toBeUndefined()
    expect(readPlainRequest(`${REQUEST}x`)).toBeUndefined()
    expect(readPlainRequest(REQUEST + REQUEST)).toBeUndefined()
  })

  it('reads nothing that Node does not read in the same way: random requests', async () => {
    let plain = 0
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        const head = readPlainRequest(bytes)
        if (head === undefined) return
        plain++
        expect(head).toEqual(await readByNode(bytes))
      }),
      { numRuns: sampledRuns(2000) },
    )
    expect(plain).toBeGreaterThan(10)
  })

  it('reads nothing that Node does not read in the same way: a byte put in, left out or changed anywhere', async () => {
    for (const at of sampled([...REQUEST].map((_, index) => index)))
      for (const byte of ['', '\0', '\t', '\n', '\r', ' ', ':', ';', ',', '\x7f', '\x80', '\xff', '_'])
        for (const rest of [REQUEST.slice(at), REQUEST.slice(at + 1)]) {
          const bytes = REQUEST.slice(0, at) + byte + rest
          const head = readPlainRequest(bytes)
          if (head !== undefined) expect(head).toEqual(await readByNode(bytes))
        }
  })
})

const LARGE = 2_000_000

/** Plain requests, each in one piece, and the same in pieces, which Node reads. */
describe('PlainServerConnection', () => {
  const servers = new Http1Server()
  let server: Server
  let heads: RequestHead[] = []
  const handler: HttpHandler = {
    async serve(exchange: Exchange) {
      heads.push(exchange.request)
      const { target } = exchange.request
      if (target === '/wait')
        await new Promise<void>((resolve) => exchange.left.addEventListener('abort', () => resolve()))
      if (target.startsWith('/later')) await new Promise((resolve) => setImmediate(resolve))
      if (target === '/204') return void exchange.answer({ status: 204, headers: [['x-a', 'b']] }).end()
      if (target === '/304') return void exchange.answer({ status: 304, headers: [['etag', '"a"']] }).end()
      if (target === '/empty') return void exchange.answer({ status: 404, headers: [['content-length', '0']] }).end()
      if (target === '/short') {
        exchange.answer({ status: 200, headers: [['content-length', '10']] }).end('four')
        return
      }
      if (target === '/long') {
        exchange.answer({ status: 200, headers: [['content-length', '4']] }).end('more than four')
        return
      }
      if (target.startsWith('/large')) {
        const headers = target === '/large' ? [['content-length', String(LARGE)] as const] : []
        const out = exchange.answer({ status: 200, headers })
        for (let left = LARGE; left > 0; left -= 50_000)
          if (!out.write('z'.repeat(50_000))) await new Promise((resolve) => out.once('drain', resolve))
        return void out.end()
      }
      if (target === '/announced-chunks') {
        const out = exchange.answer({ status: 200, headers: [['trailer', 'x-t']] })
        exchange.trail([['x-t', 'y']])
        return void out.end('body')
      }
      const twice = target === '/twice' ? ([['x-a', 'c']] as const) : []
      const length = target.endsWith('chunks') ? [] : ([['content-length', '9']] as const)
      const latin = target === '/latin1' ? '\xfc' : 'b'
      const out = exchange.answer({ status: 200, headers: [['x-a', latin], ...twice, ...length] })
      out.write('some ')
      const hasTrailers = exchange.trail([['x-t', 'y']])
      out.end(hasTrailers ? 'tail' : 'more')
    },
    refusal: ({ code }) => ({ status: 400, contentType: 'text/plain', body: Buffer.from(code) }),
  }
  beforeAll(async () => {
    server = createPlainServer((socket) => void servers.serve(socket, handler))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  afterAll(() => {
    servers.close()
    server.close()
  })

  /** Each piece once something of the answer to the one before has come, or at once. The last request closes the connection. */
  async function talk(pieces: readonly string[], isPatient = true): Promise<string> {
    const socket: Socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.setNoDelay(true)
    let all = ''
    let answered = (): void => {}
    socket.setEncoding('latin1').on('data', (text: string) => {
      all += text
      answered()
    })
    const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => {}))
    for (const piece of pieces) {
      const first = new Promise<void>((resolve) => (answered = resolve))
      socket.write(piece, 'latin1')
      if (isPatient && piece.endsWith('\r\n\r\n')) await Promise.race([first, closed])
      else await new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
    }
    await closed
    return all
  }
  const asks = (path: string, more = ''): string => `GET ${path} HTTP/1.1\r\nHost: a\r\nX-B: c d\r\n${more}\r\n`
  const LAST = 'Connection: close\r\n'

  it.each(['/', '/later', '/chunks', '/204', '/304', '/empty', '/twice', '/latin1', '/announced-chunks'])(
    'answers %s as it does where Node reads it',
    async (path) => {
      heads = []
      const plain = await talk([asks(path), asks('/', LAST)])
      const [ours] = heads
      heads = []
      const whole = asks(path)
      const byNode = await talk([whole.slice(0, 9), whole.slice(9), asks('/', LAST)])
      expect(plain).toBe(byNode)
      expect(ours).toEqual(heads[0])
    },
  )

  it('goes on with Node at every byte of a request that is cut', async () => {
    const whole = asks('/later')
    const expected = await talk([asks('/'), whole, asks('/', LAST)])
    for (const at of sampled([...whole].map((_, index) => index)).filter((index) => index > 0))
      expect(await talk([asks('/'), whole.slice(0, at), whole.slice(at), asks('/', LAST)])).toBe(expected)
  })

  it('answers requests that are sent before the answer to the last one in their order', async () => {
    for (const first of ['/later', '/later-chunks', '/chunks']) {
      const expected = await talk([asks(first), asks('/empty'), asks('/chunks'), asks('/', LAST)])
      expect(await talk([asks(first), asks('/empty'), asks('/chunks'), asks('/', LAST)], false)).toBe(expected)
      expect(await talk([asks(first) + asks('/empty') + asks('/chunks') + asks('/', LAST)])).toBe(expected)
    }
  })

  it('refuses what is not HTTP behind the answer to what is', async () => {
    const answer = await talk([asks('/later'), 'no such thing\r\n\r\n'], false)
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK[^]*moreHTTP\/1\.1 400 Bad Request[^]*PROTOCOL_VIOLATION$/)
  })

  it('ends the connection where an answer is not as long as it says', async () => {
    expect(await talk([asks('/short')])).toMatch(/four$/)
    expect(await talk([asks('/long')])).toMatch(/\r\n\r\n$/)
  })

  it('sends a long answer as fast as it is taken, in chunks and by its length', async () => {
    for (const path of ['/large-chunks', '/large']) {
      const answer = await talk([asks(path), asks('/', LAST)])
      expect(answer.match(/z/g)?.length).toBe(LARGE)
      expect(answer).toMatch(/HTTP\/1\.1 200 OK[^]*HTTP\/1\.1 200 OK[^]*more$/)
    }
  })

  it('tells the handler that the client has left', async () => {
    heads = []
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(asks('/wait'))
    while (heads.length === 0) await new Promise((resolve) => setImmediate(resolve))
    // The rest of the handler throws where it did not end.
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.destroy()
    await closed
  })
})
