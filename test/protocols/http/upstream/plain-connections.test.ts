import { request as startRequest } from 'node:http'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import type { UpstreamRequest } from '../../../../src/protocols/http/upstream/answer.ts'
import { Http1Upstream } from '../../../../src/protocols/http/upstream/http1.ts'
import { plainRequest, readPlainHead } from '../../../../src/protocols/http/upstream/plain-messages.ts'
import { toNodeHeaders } from '../../../../src/protocols/http/wire/headers.ts'
import { sampled, sampledRuns } from '../../../helpers/sampled.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A server that says what `script` says to each request that ends so; `asked` are all bytes that have come. */
async function scripted(
  script: (socket: Socket, count: number) => void,
): Promise<{ port: number; asked: () => string; connections: () => number }> {
  let asked = ''
  let connections = 0
  let count = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (text: string) => {
      asked += text
      if (text.endsWith('\r\n\r\n') || text.endsWith('.')) script(socket, ++count)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, asked: () => asked, connections: () => connections }
}

function upstreamTo(port: number): Http1Upstream {
  const upstream = new Http1Upstream('a:1', () => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(socket))
      socket.once('error', reject)
    })
  })
  closers.push(() => upstream.close())
  return upstream
}

const asked = (over: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'GET',
  target: '/a',
  headers: [['x-b', 'c']],
  body: undefined,
  signal: new AbortController().signal,
  ...over,
})

interface Outcome {
  readonly status?: number
  readonly headers?: readonly (readonly [string, string])[]
  readonly body?: string
  readonly failure?: string
}

async function outcomeOf(upstream: Http1Upstream, request: UpstreamRequest): Promise<Outcome> {
  try {
    const answer = await upstream.send(request)
    const chunks: Buffer[] = []
    for await (const chunk of answer.body as AsyncIterable<Buffer>) chunks.push(chunk)
    const cut = answer.cutOff?.()
    if (cut !== undefined) throw cut
    return { status: answer.status, headers: answer.headers, body: Buffer.concat(chunks).toString('latin1') }
  } catch (error) {
    return {
      failure: 'code' in (error as Error) ? String((error as { code: unknown }).code) : (error as Error).message,
    }
  }
}

const OK = 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n'
const PLAIN = `${OK}X-C: \r\nContent-Length: 4\r\n\r\nbody`

describe('plainRequest', () => {
  const header = fc.tuple(fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/), fc.stringMatching(/^[\t -~]{0,10}$/))
  it('is what Node sends', async () => {
    let bytes = ''
    const { port, asked: all } = await scripted((socket) =>
      socket.end(`${OK}Connection: close\r\nContent-Length: 0\r\n\r\n`),
    )
    let plain = 0
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('GET', 'POST', 'DELETE', 'PUT', 'OPTIONS', 'PATCH'),
        fc.stringMatching(/^\/[!-~]{0,10}$/),
        fc.array(header, { maxLength: 4 }),
        fc.option(fc.constantFrom('.', 'a body.')),
        async (method, target, headers, text) => {
          const body = text === null ? undefined : Buffer.from(text)
          const head = plainRequest(asked({ method, target, headers, body }), 'a:1')
          if (head === undefined) return
          plain++
          await new Promise<void>((resolve, reject) => {
            const length = body === undefined ? {} : { 'content-length': String(body.length) }
            const request = startRequest(
              {
                port,
                host: '127.0.0.1',
                method,
                path: target,
                setHost: false,
                headers: { ...toNodeHeaders(headers), host: 'a:1', ...length },
              },
              (answer) => answer.resume().on('end', resolve),
            )
            request.on('error', reject)
            request.end(body)
          })
          expect(all().slice(bytes.length)).toBe(head + (text ?? ''))
          bytes = all()
        },
      ),
      { numRuns: sampledRuns(500) },
    )
    expect(plain).toBeGreaterThan(10)
  })

  it('leaves to Node what needs thought', () => {
    for (const over of [
      { once: true },
      { method: 'HEAD' },
      { method: 'POST' },
      { target: '/a b' },
      { headers: [['te', 'trailers']] },
      { headers: [['x-a', 'b\r\nx: y']] },
      {
        headers: [
          ['x-a', 'b'],
          ['x-a', 'c'],
        ],
      },
      { headers: [['connection', 'x']] },
      { body: Buffer.from('a'), method: 'POST', trailers: [['x-a', 'b']] },
    ] satisfies Partial<UpstreamRequest>[])
      expect(plainRequest(asked(over), 'a:1')).toBeUndefined()
    expect(plainRequest(asked(), 'a\r\nb')).toBeUndefined()
  })
})

describe('readPlainHead', () => {
  it('takes a whole head alone, and waits for the rest of one that may be', () => {
    const end = PLAIN.indexOf('body')
    for (let at = 0; at < end; at++) expect(readPlainHead(Buffer.from(PLAIN.slice(0, at)))).toBe('more')
    expect(readPlainHead(Buffer.from(PLAIN))).toMatchObject({ status: 200, length: 4, end })
  })

  it.each([
    'HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 100 Continue\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\n\r\n',
    'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n',
    `${OK}\r\n`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n`,
    `${OK}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n`,
    `${OK}Content-Length: 4\r\nContent-Length: 4\r\n\r\n`,
    `${OK}Content-Length: +4\r\n\r\n`,
    `${OK}Content-Length: 4\r\nConnection: close\r\n\r\n`,
    `${OK}Content-Length: 4\r\nX-A: b\r\n c\r\n\r\n`,
    `${OK}Content-Length: 4\r\nX-A : b\r\n\r\n`,
    `${OK}Content-Length: 4\r\nX-A: b\n\r\n\r\n`,
    `${OK}Content-Length: 4\r\nX-A: b\rX-B: c\r\n\r\n`,
    `${OK}Content-Length: 4\r\nX-A: \xfc\r\n\r\n`,
    `${OK}Content-Length: 4\n\nbody`,
    '220 mail.example.com ESMTP',
  ])('leaves %j to Node', (text) => expect(readPlainHead(Buffer.from(text, 'latin1'))).toBe('other'))
})

describe('an upstream of HTTP/1.1', () => {
  const ANSWERS = [
    PLAIN,
    'HTTP/1.1 204 No Content\r\n\r\n',
    'HTTP/1.1 304 Not Modified\r\nETag: "a"\r\nContent-Length: 9\r\n\r\n',
    'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n',
    `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-T: y\r\n\r\n`,
    `HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${PLAIN}`,
    `${OK}Content-Length: 4\r\nX-A:\tb \r\nX-\xfc: c\r\n\r\nbody`,
    `${OK}Content-Length: 4\r\nX-A: \xfc\r\n\r\nbody`,
  ]

  it.each(ANSWERS)('gives %j as it is where Node reads it, cut anywhere', async (answer) => {
    let cut = 0
    const { port } = await scripted((socket) => {
      socket.write(answer.slice(0, cut), 'latin1', () => setImmediate(() => socket.write(answer.slice(cut), 'latin1')))
    })
    const byNode = await outcomeOf(upstreamTo(port), asked({ once: true }))
    for (cut of sampled([...answer].map((_, index) => index)))
      expect([cut, await outcomeOf(upstreamTo(port), asked())]).toEqual([cut, byNode])
  })

  it.each(
    ANSWERS.flatMap((answer) =>
      sampled([...answer].map((_, index) => index))
        .filter((at) => at % 7 === 0)
        .map((at) => answer.slice(0, at)),
    ),
  )('ends as with Node where the server closes behind %j', async (answer) => {
    const { port } = await scripted((socket) => socket.end(answer, 'latin1'))
    expect(await outcomeOf(upstreamTo(port), asked())).toEqual(await outcomeOf(upstreamTo(port), asked({ once: true })))
  })

  it('sends one request after another over one connection', async () => {
    const { port, connections } = await scripted((socket) => socket.write(PLAIN))
    const upstream = upstreamTo(port)
    for (let n = 0; n < 3; n++)
      expect(await outcomeOf(upstream, asked({ method: 'POST', body: Buffer.from('.') }))).toMatchObject({
        body: 'body',
      })
    expect(connections()).toBe(1)
  })

  it('goes on with Node over the same connection, in turn with requests that only Node sends', async () => {
    const { port, connections } = await scripted((socket, count) =>
      socket.write(count % 2 === 1 ? `${OK}Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n` : PLAIN),
    )
    const upstream = upstreamTo(port)
    for (let n = 0; n < 4; n++) expect((await outcomeOf(upstream, asked())).body).toBe('body')
    expect(connections()).toBe(1)
    const other = upstreamTo(port)
    await (await other.send(asked({ headers: [['te', 'trailers']] }))).body.resume().toArray()
    for (let n = 0; n < 4; n++) expect((await outcomeOf(other, asked())).body).toBe('body')
    expect(connections()).toBeLessThanOrEqual(3)
  })

  it('asks nothing more of a server that says more than its answer, or something unasked', async () => {
    const { port, connections } = await scripted((socket) => socket.write(`${PLAIN}${PLAIN.replace('body', 'evil')}`))
    const upstream = upstreamTo(port)
    expect((await outcomeOf(upstream, asked())).body).toBe('body')
    expect((await outcomeOf(upstream, asked())).body).toBe('body')
    expect(connections()).toBe(2)
    const late = await scripted((socket, count) => {
      socket.write(PLAIN)
      if (count === 1) setImmediate(() => socket.write(PLAIN.replace('body', 'evil')))
    })
    const other = upstreamTo(late.port)
    expect((await outcomeOf(other, asked())).body).toBe('body')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect((await outcomeOf(other, asked())).body).toBe('body')
    expect(late.connections()).toBe(2)
  })

  it('sends what may be sent again over a new connection where the server has closed the old one', async () => {
    const {
      port,
      connections,
      asked: all,
    } = await scripted((socket, count) => (count === 2 ? socket.destroy() : socket.write(PLAIN)))
    const upstream = upstreamTo(port)
    await outcomeOf(upstream, asked())
    expect((await outcomeOf(upstream, asked())).body).toBe('body')
    expect([connections(), all().match(/GET/g)?.length]).toEqual([2, 3])
  })

  it.each<[string, (upstream: Http1Upstream, giveUp: AbortController, socket: Socket | undefined) => void]>([
    ['the session ends', (upstream) => upstream.close()],
    ['the request is given up', (_, giveUp) => giveUp.abort(new Error('enough'))],
    ['the server leaves', (_, __, socket) => socket?.destroy()],
  ])('lets the rest of an answer that nobody reads fail unheard, as Node does: %s', async (_, end) => {
    let socket: Socket | undefined
    const { port } = await scripted((one) => {
      socket = one
      one.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf')
    })
    const upstream = upstreamTo(port)
    const giveUp = new AbortController()
    const { body } = await upstream.send(asked({ signal: giveUp.signal }))
    const closed = new Promise((resolve) => body.once('close', resolve))
    end(upstream, giveUp, socket)
    await closed
    expect(body.destroyed).toBe(true)
  })

  it('does not send again what may not be', async () => {
    const { port } = await scripted((socket, count) => (count === 2 ? socket.destroy() : socket.write(PLAIN)))
    const upstream = upstreamTo(port)
    await outcomeOf(upstream, asked())
    expect(await outcomeOf(upstream, asked({ method: 'DELETE' }))).toEqual({ failure: 'ECONNRESET' })
  })

  it('opens a new connection where the server has said that it closes the old one by now', async () => {
    const { port, connections } = await scripted((socket) =>
      socket.write(PLAIN.replace('X-C: ', 'Keep-Alive: timeout=1')),
    )
    const upstream = upstreamTo(port)
    await outcomeOf(upstream, asked())
    await outcomeOf(upstream, asked())
    expect(connections()).toBe(2)
  })

  it.each(['before the answer', 'within it'])('gives up a request %s, and its connection with it', async (when) => {
    const giving = new AbortController()
    let closed = (): void => {}
    const over = new Promise<void>((resolve) => (closed = resolve))
    const { port } = await scripted((socket) => {
      socket.on('close', closed)
      if (when === 'within it') socket.write(PLAIN.slice(0, -2))
      setImmediate(() => giving.abort(new Error('enough')))
    })
    const outcome = await outcomeOf(upstreamTo(port), asked({ signal: giving.signal }))
    expect(outcome.failure).toBeDefined()
    await over
  })
})
