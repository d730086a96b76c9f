import { connect as connectHttp2, constants, type ClientHttp2Session } from 'node:http2'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Exchange, HttpHandler } from '../../../../src/protocols/http/server/exchange.ts'
import { readBody } from '../../../../src/protocols/http/server/read-body.ts'
import { HttpServers } from '../../../../src/protocols/http/server/serve-http.ts'
import { socketChannel } from '../../../../src/shared/socket-channel.ts'

/** Requests as bytes, in both versions of HTTP: what reaches a handler, and what is refused before. */
const servers = new HttpServers()
/** One that waits for the rest of a head for a moment only. */
const impatient = new HttpServers({ headMs: 50 })
let server: Server
let served: { method: string; target: string; host: string; body: string; left: boolean }[] = []
let answered: (() => void)[] = []
/** The last connection, as the server has it. */
let accepted: Socket | undefined
/** Whether trailers were sent behind the last answer. */
let trailed: boolean | undefined

const handler: HttpHandler = {
  async serve(exchange: Exchange) {
    const { method, target, host } = exchange.request
    if (target === '/held') {
      await new Promise<void>((resolve) => {
        exchange.left.addEventListener('abort', () => resolve())
        answered.push(resolve)
      })
    }
    let body = ''
    try {
      body = (
        await readBody(exchange.body, { maxBytes: 100, maxMs: 60_000, left: exchange.left, take() {} })
      ).toString()
    } catch (error) {
      body = (error as { code: string }).code
    }
    served.push({ method, target, host, body, left: exchange.left.aborted })
    if (exchange.left.aborted) return
    if (exchange.upgrade === 'echo') {
      const stream = exchange.switchProtocols([
        ['connection', 'Upgrade'],
        ['upgrade', 'echo'],
      ])
      stream.pipe(stream)
      return
    }
    if (target === '/half') {
      exchange.answer({ status: 200, headers: [] }).write('half')
      setImmediate(() => exchange.abandon())
      return
    }
    if (target.startsWith('/trailers')) {
      const { trailers } = exchange
      const shown = trailers instanceof Error ? trailers.message : JSON.stringify(trailers)
      const length = target === '/trailers/sized' ? [['content-length', String(shown.length)] as const] : []
      const out = exchange.answer({ status: 200, headers: length })
      trailed = exchange.trail([['x-behind', 'yes']])
      out.end(shown)
      return
    }
    if (target === '/whole') {
      exchange.answer({ status: 200, headers: [['grpc-status', '7']], isWhole: true }).end()
      return
    }
    const headers = [
      ['content-type', 'text/plain'],
      ...(target === '/utf8' ? [['x-name', 'gr\xc3\xbc\xc3\x9fe'] as const] : []),
    ] as const
    exchange.answer({ status: 200, headers }).end(`${method} ${target} ${body}`)
  },
  refusal: ({ code }) => ({
    status: code === 'MESSAGE_TOO_LARGE' ? 413 : 400,
    contentType: 'text/plain',
    body: Buffer.from(code),
  }),
}

const listen = async (serving: HttpServers): Promise<Server> => {
  const made = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    accepted = socket
    const channel = socketChannel(socket)
    serving.greet(channel, 60_000).then(
      (client) => void serving.serve(client, handler).closed.then(() => channel.destroy()),
      () => channel.destroy(),
    )
  })
  await new Promise<void>((resolve) => made.listen(0, '127.0.0.1', resolve))
  return made
}
beforeAll(async () => (server = await listen(servers)))
afterAll(() => {
  servers.close()
  server.close()
})
beforeEach(() => {
  served = []
  answered = []
})

const port = (): number => (server.address() as AddressInfo).port

/** Everything that comes back for these bytes. */
const talk = (...chunks: string[]): Promise<string> => {
  const socket: Socket = connect(port(), '127.0.0.1')
  const next = (): void => {
    const chunk = chunks.shift()
    if (chunk !== undefined) socket.write(chunk, 'latin1', next)
  }
  next()
  return text(socket)
}
const HOST = 'Host: localhost:20000\r\n'
const CLOSE = 'Connection: close\r\n'
const UPGRADE = `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: echo\r\n\r\n`

describe('HTTP/1.1', () => {
  it.each<[string, string, string]>([
    ['a request', `GET /a?b=c HTTP/1.1\r\n${HOST}${CLOSE}\r\n`, 'GET /a?b=c '],
    ['a body with a length', `POST /a HTTP/1.1\r\n${HOST}${CLOSE}Content-Length: 3\r\n\r\nabc`, 'POST /a abc'],
    [
      'a body in chunks',
      `POST /a HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n`,
      'POST /a abc',
    ],
    [
      'Expect: 100-continue',
      `POST /a HTTP/1.1\r\n${HOST}${CLOSE}Expect: 100-continue\r\nContent-Length: 1\r\n\r\na`,
      'POST /a a',
    ],
    ['an address of IPv6 as host', `GET / HTTP/1.1\r\nHost: [::1]:20000\r\n${CLOSE}\r\n`, 'GET / '],
  ])('serves %s', async (_, bytes, told) => {
    const answer = await talk(bytes)
    expect(answer).toMatch(/HTTP\/1\.1 200 OK\r\n/)
    expect(answer).toContain(told)
    expect(served).toHaveLength(1)
  })

  it.each<[string, string]>([
    ['two hosts', `GET / HTTP/1.1\r\n${HOST}Host: other\r\n${CLOSE}\r\n`],
    ['no host', `GET / HTTP/1.1\r\n${CLOSE}\r\n`],
    ['an empty host', `GET / HTTP/1.1\r\nHost:\r\n${CLOSE}\r\n`],
    ['a list of hosts', `GET / HTTP/1.1\r\nHost: localhost, other\r\n${CLOSE}\r\n`],
    ['a host with a user', `GET / HTTP/1.1\r\nHost: a@localhost\r\n${CLOSE}\r\n`],
    ['absolute form', `GET http://localhost/ HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['a fragment', `GET /a#b HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['a backslash', `GET /a\\b HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['bytes beyond ASCII in the target', `GET /\xe9 HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['asterisk form', `OPTIONS * HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['CONNECT', `CONNECT localhost:443 HTTP/1.1\r\n${HOST}\r\n`],
    ['TRACE', `TRACE / HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['a method in lower case', `get / HTTP/1.1\r\n${HOST}${CLOSE}\r\n`],
    ['HTTP/1.0', `GET / HTTP/1.0\r\n${HOST}\r\n`],
    ['HTTP/1.0 with chunks', `POST / HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    [
      'another encoding beside chunked',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'identity beside chunked',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'two transfer encodings',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      'a length beside chunks',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    ['two lengths', `POST / HTTP/1.1\r\n${HOST}${CLOSE}Content-Length: 1\r\nContent-Length: 1\r\n\r\na`],
    ['a length with a sign', `POST / HTTP/1.1\r\n${HOST}${CLOSE}Content-Length: +1\r\n\r\na`],
    ['a length with a zero in front', `POST / HTTP/1.1\r\n${HOST}${CLOSE}Content-Length: 01\r\n\r\na`],
    [
      'two content types',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 0\r\n\r\n`,
    ],
    [
      'more than 100-continue expected',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Expect: 100-continue, more\r\nContent-Length: 0\r\n\r\n`,
    ],
    ['a folded header', `GET / HTTP/1.1\r\n${HOST}${CLOSE}X: a\r\n b\r\n\r\n`],
    ['a header beyond ASCII', `GET / HTTP/1.1\r\n${HOST}${CLOSE}X: \xe9\r\n\r\n`],
    ['a space before a colon', `GET / HTTP/1.1\r\n${HOST}${CLOSE}X : a\r\n\r\n`],
    ['a bare carriage return', `GET / HTTP/1.1\r\n${HOST}${CLOSE}X: a\rb\r\n\r\n`],
    ['bare newlines', `GET / HTTP/1.1\nHost: localhost\n\n`],
    ['too many headers', `GET / HTTP/1.1\r\n${HOST}${CLOSE}${'A: b\r\n'.repeat(120)}\r\n`],
    ['a head that is too large', `GET / HTTP/1.1\r\n${HOST}${CLOSE}A: ${'b'.repeat(70_000)}\r\n\r\n`],
    [
      'chunks with an extension that never ends',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: chunked\r\n\r\n1;${'x'.repeat(20_000)}\r\na\r\n0\r\n\r\n`,
    ],
    [
      'a chunk of a size that is no number',
      `POST / HTTP/1.1\r\n${HOST}${CLOSE}Transfer-Encoding: chunked\r\n\r\nz\r\na\r\n0\r\n\r\n`,
    ],
    [
      'an upgrade with a body',
      `GET /a HTTP/1.1\r\n${HOST}Connection: Upgrade\r\nUpgrade: echo\r\nContent-Length: 1\r\n\r\na`,
    ],
    ['no HTTP at all', `SSH-2.0-OpenSSH_9.9\r\n\r\n`],
  ])('refuses %s', async (_, bytes) => {
    const answer = await talk(bytes)
    expect(answer).not.toContain('HTTP/1.1 200')
    expect(served.filter(({ body }) => body !== 'CLIENT_LEFT')).toEqual([])
  })

  it('refuses HTTP/0.9, whose head has no end', async () => {
    const short = await listen(impatient)
    const { port: own } = short.address() as AddressInfo
    const answer = await text(
      connect(own, '127.0.0.1').on('connect', function (this: Socket) {
        this.write('GET /\r\n')
      }),
    )
    impatient.close()
    short.close()
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(served).toEqual([])
  })

  it('refuses a body beyond the limit, and reads no more of it', async () => {
    const answer = await talk(`POST /a HTTP/1.1\r\n${HOST}Content-Length: 1000000\r\n\r\n${'x'.repeat(500)}`)
    expect(answer).toContain('POST /a MESSAGE_TOO_LARGE')
    expect(answer).toMatch(/^connection: close/im)
  })

  it('gives headers of answers as the bytes that they are', async () => {
    expect(await talk(`GET /utf8 HTTP/1.1\r\n${HOST}${CLOSE}\r\n`)).toContain('\r\nx-name: grüße\r\n')
  })

  it('serves requests of one connection one after the other', async () => {
    const socket = connect(port(), '127.0.0.1')
    socket.write(`GET /held HTTP/1.1\r\n${HOST}\r\nGET /next HTTP/1.1\r\n${HOST}${CLOSE}\r\n`)
    const all = text(socket)
    await expect.poll(() => answered.length).toBe(1)
    expect(served).toEqual([])
    answered[0]?.()
    expect(await all).toMatch(/GET \/held [^]*GET \/next /)
    expect(served.map(({ target }) => target)).toEqual(['/held', '/next'])
  })

  it.each<[string, string, readonly string[], string, number?]>([
    [
      'more requests than it takes before an answer',
      Array.from({ length: 90 }, (_, index) => `GET /${index} HTTP/1.1\r\n${HOST}\r\n`).join(''),
      Array.from({ length: 63 }, (_, index) => `/${index}`),
      'RATE_LIMITED',
    ],
    [
      'heads that are longer together than what it keeps',
      Array.from(
        { length: 9 },
        (_, index) => `GET /${index} HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(40_000)}\r\n\r\n`,
      ).join(''),
      Array.from({ length: 6 }, (_, index) => `/${index}`),
      'RATE_LIMITED',
      // The seventh of nine: what is behind it may not be read.
      7 / 9,
    ],
    ['what is no request', 'nonsense\r\n\r\n', [], 'PROTOCOL_VIOLATION'],
    [
      'a request that is refused, and another',
      `GET / HTTP/1.1\r\n${HOST}${HOST}\r\nGET /next HTTP/1.1\r\n${HOST}\r\n`,
      [],
      'PROTOCOL_VIOLATION',
    ],
  ])(
    'answers what came before %s, refuses it, and serves nothing behind it',
    async (_, bytes, others, refusal, share = 1) => {
      const held = `GET /held HTTP/1.1\r\n${HOST}\r\n`
      const all = talk(`${held}${bytes}`)
      await expect.poll(() => answered.length).toBe(1)
      // Until then requests wait: answered sooner, they would be served as they come.
      await expect.poll(() => accepted?.bytesRead).toBeGreaterThanOrEqual(held.length + bytes.length * share)
      answered[0]?.()
      const answer = await all
      const targets = ['/held', ...others]
      expect(served.map(({ target }) => target)).toEqual(targets)
      expect([...answer.matchAll(/GET (\S+) /g)].map(([, target]) => target)).toEqual(targets)
      expect(answer.slice(answer.lastIndexOf('HTTP/1.1 '))).toMatch(
        new RegExp(`^HTTP/1\\.1 400 [^]*connection: close[^]*${refusal}$`, 'i'),
      )
    },
  )

  it('does not end an answer that is given up', async () => {
    const answer = await talk(`GET /half HTTP/1.1\r\n${HOST}\r\n`)
    expect(answer).toMatch(/\r\n4\r\nhalf\r\n$/)
  })

  it('gives trailers, and sends them behind an answer in chunks alone', async () => {
    const body = 'Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n'
    const ask = (target: string, trailers: string): Promise<string> =>
      talk(`POST ${target} HTTP/1.1\r\n${HOST}${CLOSE}${body}${trailers}\r\n`)
    expect(await ask('/trailers', 'X-Sum: 1\r\nX-Sum: 2\r\n')).toMatch(
      /\[\["x-sum","1"\],\["x-sum","2"\]\]\r\n0\r\nx-behind: yes\r\n\r\n$/,
    )
    expect(trailed).toBe(true)
    expect(await ask('/trailers/sized', '')).toMatch(/\r\n\r\n\[\]$/)
    expect(trailed).toBe(false)
    // The parser ends the connection at this one.
    expect(await ask('/trailers', 'Content-Length: 1\r\n')).toBe('')
    for (const name of ['Host', 'Authorization', 'TE', 'Content-Type'])
      expect(await ask('/trailers', `${name}: 1\r\n`)).toContain('is not allowed in trailers')
  })

  it('notices that a client has left', async () => {
    const socket = connect(port(), '127.0.0.1')
    socket.write(`GET /held HTTP/1.1\r\n${HOST}\r\n`)
    await expect.poll(() => answered.length).toBe(1)
    socket.destroy()
    await expect.poll(() => served.map(({ left }) => left)).toEqual([true])
  })

  it('gives the connection away where another protocol is agreed on', async () => {
    const socket = connect(port(), '127.0.0.1')
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk))
    // Behind another request, whose answer is on its way.
    socket.write(`GET /held HTTP/1.1\r\n${HOST}\r\n${UPGRADE}`)
    await expect.poll(() => answered.length).toBe(1)
    answered[0]?.()
    await expect.poll(() => answer).toMatch(/GET \/held [^]*HTTP\/1\.1 101 Switching Protocols\r\n[^]*\r\n\r\n$/)
    socket.write('hello')
    await expect.poll(() => answer).toMatch(/\r\n\r\nhello$/)
    socket.destroy()
  })

  it.each([
    ['a request', `GET /next HTTP/1.1\r\n${HOST}\r\n`],
    ['bytes of the other protocol', '\x81\x80'],
  ])('refuses a change of the protocol with %s behind it', async (_name, behind) => {
    const answer = await talk(`${UPGRADE}${behind}`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 [^]*PROTOCOL_VIOLATION$/)
    expect(served).toEqual([])
  })

  it.each([
    ['leaves', (socket: Socket) => socket.end()],
    ['does not wait for the answer', (socket: Socket) => socket.write(`GET /next HTTP/1.1\r\n${HOST}\r\n`)],
  ])('notices that a client that wants another protocol %s', async (_name, act) => {
    const socket = connect(port(), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(UPGRADE.replace('/a', '/held'))
    await expect.poll(() => answered.length).toBe(1)
    act(socket)
    await expect
      .poll(() => served.map(({ target, left }) => ({ target, left })))
      .toEqual([{ target: '/held', left: true }])
  })
})

describe('HTTP/2', () => {
  let session: ClientHttp2Session
  beforeAll(() => {
    session = connectHttp2(`http://localhost:${port()}`)
    session.on('error', () => {})
  })
  afterAll(() => session.destroy())

  const ask = (headers: Record<string, string | string[]>, body?: string): Promise<string> => {
    const stream = session.request(headers, { endStream: body === undefined })
    let status: number | undefined
    stream.on('response', (head) => (status = head[':status']))
    if (body !== undefined) stream.end(body)
    return text(stream).then(
      (answer) => `${status} ${answer}`,
      () => 'reset',
    )
  }

  it('serves requests side by side', async () => {
    const held = ask({ ':path': '/held' })
    expect(await ask({ ':path': '/a', ':method': 'POST' }, 'abc')).toBe('200 POST /a abc')
    await expect.poll(() => answered.length).toBe(1)
    answered[0]?.()
    expect(await held).toBe('200 GET /held ')
  })

  it.each<[string, Record<string, string | string[]>]>([
    ['another host beside the authority', { ':path': '/', ':authority': 'localhost', host: 'other' }],
    ['an authority that is no host', { ':path': '/', ':authority': 'a@b' }],
    ['a target that is no path', { ':path': 'http://localhost/' }],
    ['a fragment', { ':path': '/a#b' }],
    ['TRACE', { ':path': '/', ':method': 'TRACE' }],
    ['a method in lower case', { ':path': '/', ':method': 'get' }],
    ['an expectation of its own', { ':path': '/', expect: 'more' }],
  ])('refuses %s', async (_, headers) => {
    expect(await ask(headers)).toMatch(/^400 PROTOCOL_VIOLATION$|^reset$/)
    expect(served).toEqual([])
  })

  it('does not end an answer that is given up', async () => {
    const stream = session.request({ ':path': '/half' })
    let isWhole = false
    stream.on('error', () => {})
    stream.on('end', () => (isWhole = !stream.aborted && stream.rstCode === 0))
    stream.resume()
    await new Promise((resolve) => stream.once('close', resolve))
    expect(isWhole).toBe(false)
    expect(stream.rstCode).toBe(constants.NGHTTP2_INTERNAL_ERROR)
  })

  it('gives trailers, and sends them', async () => {
    const stream = session.request({ ':path': '/trailers', ':method': 'POST' }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'x-sum': '1' }))
    let trailers: Record<string, unknown> = {}
    stream.on('trailers', (given) => (trailers = { ...given }))
    stream.end('a')
    expect(await text(stream)).toBe('[["x-sum","1"]]')
    expect({ ...trailers }).toMatchObject({ 'x-behind': 'yes' })
    expect(trailed).toBe(true)
  })

  it('ends an answer with its head, where that is all of it', async () => {
    const stream = session.request({ ':path': '/whole' })
    const flags = new Promise((resolve) => stream.on('response', (_head, given) => resolve(given)))
    stream.resume()
    expect(Number(await flags) & constants.NGHTTP2_FLAG_END_STREAM).not.toBe(0)
  })

  it.each([
    ['HEAD', '/a'],
    ['HEAD', '/trailers'],
  ])('answers %s %s without a body or trailers', async (method, path) => {
    const stream = session.request({ ':path': path, ':method': method })
    expect(await text(stream)).toBe('')
    expect(stream.rstCode).toBe(0)
  })

  it('does not take a body that its client gave up for a whole one', async () => {
    const stream = session.request({ ':path': '/a', ':method': 'POST' }, { endStream: false })
    stream.on('error', () => {})
    stream.write('half')
    await new Promise((resolve) => setImmediate(resolve))
    stream.destroy()
    await expect.poll(() => served.length).toBe(1)
    expect(served[0]?.body).toBe('CLIENT_LEFT')
  })
})
