import { constants } from 'node:http2'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { UpstreamAnswer, UpstreamRequest } from '../../../../src/protocols/http/upstream/answer.ts'
import { Http1Upstream } from '../../../../src/protocols/http/upstream/http1.ts'
import { Upstream } from '../../../../src/protocols/http/upstream/upstream.ts'
import { makeCertificates, type TestCertificates } from '../../../helpers/certificates.ts'
import { startScriptedApiServer, type ScriptedApiServer, type Script } from '../../../helpers/scripted-api-server.ts'

let directory: string
let certificates: TestCertificates
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-upstream-'))
  certificates = makeCertificates(directory)
})
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** How many connections it has opened. */
let connections = 0
function upstreamTo(port: number): Upstream {
  connections = 0
  const upstream = new Upstream({
    host: `localhost:${port}`,
    connect: (alpn) =>
      new Promise((resolve, reject) => {
        connections++
        const socket = connect({
          port,
          host: '127.0.0.1',
          servername: 'localhost',
          ca: readFileSync(certificates.ca),
          ALPNProtocols: [...alpn],
        })
        socket.once('secureConnect', () => resolve(socket))
        socket.on('error', reject)
      }),
  })
  closers.push(() => upstream.close())
  return upstream
}

async function scripted(script: Script, protocols?: readonly ['http/1.1']): Promise<ScriptedApiServer> {
  const server = await startScriptedApiServer(certificates, script, protocols)
  closers.push(() => server.close())
  return server
}

const asked = (over: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  method: 'GET',
  target: '/a',
  headers: [['x-of-ours', 'yes']],
  body: undefined,
  signal: new AbortController().signal,
  ...over,
})

/** The whole body; throws where it is not whole. */
async function whole(answer: UpstreamAnswer): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of answer.body as AsyncIterable<Buffer>) chunks.push(chunk)
  const cut = answer.cutOff?.()
  if (cut !== undefined) throw cut
  return Buffer.concat(chunks).toString()
}

describe.each([
  ['HTTP/2', undefined],
  ['HTTP/1.1', ['http/1.1']],
] as const)('a server of %s', (_, protocols) => {
  it('is asked over one connection, with what is given and nothing else', async () => {
    const server = await scripted(({ body }, response) => {
      response.writeHead(201, { 'x-theirs': 'b' })
      response.end(`got ${body.toString()}`)
    }, protocols)
    const upstream = upstreamTo(server.port)
    const answer = await upstream.send(asked({ method: 'POST', body: Buffer.from('abc') }))
    expect(answer.status).toBe(201)
    expect(answer.headers).toContainEqual(['x-theirs', 'b'])
    expect(await whole(answer)).toBe('got abc')
    expect(await whole(await upstream.send(asked()))).toBe('got ')
    expect(connections).toBe(1)
    const names = Object.keys(server.requests[0]?.headers ?? {}).filter((name) => !name.startsWith(':'))
    expect(names.toSorted()).toEqual(
      ['content-length', 'x-of-ours', ...(protocols === undefined ? [] : ['connection', 'host'])].toSorted(),
    )
  })

  it('is asked over new connections from the moment that these are renewed, while what runs goes on', async () => {
    let finish = (): void => {}
    const server = await scripted(({ target }, response) => {
      response.writeHead(200, {})
      if (target === '/slow') {
        response.write('half')
        finish = () => void response.end(' and half')
      } else response.end('yes')
    }, protocols)
    const upstream = upstreamTo(server.port)
    const slow = await upstream.send(asked({ target: '/slow' }))
    upstream.renew()
    expect(await whole(await upstream.send(asked()))).toBe('yes')
    expect(connections).toBe(2)
    const gone = [...server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    finish()
    expect(await whole(slow)).toBe('half and half')
    await Promise.race(gone)
    upstream.close()
    await Promise.all(gone)
  })

  it('has an answer that is cut off taken for what it is', async () => {
    const server = await scripted((_request, response) => {
      response.writeHead(200, {})
      response.write('half')
      if (protocols === undefined) setImmediate(() => response.stream.close(constants.NGHTTP2_INTERNAL_ERROR))
      else setImmediate(() => response.socket.destroy())
    }, protocols)
    await expect(upstreamTo(server.port).send(asked()).then(whole)).rejects.toThrow()
  })

  it('has an answer within which its connection breaks taken for what it is', async () => {
    const server = await scripted((_request, response) => {
      response.writeHead(200, {})
      response.write('half')
    }, protocols)
    const answer = await upstreamTo(server.port).send(asked())
    for (const socket of server.sockets) socket.destroy()
    await expect(whole(answer)).rejects.toThrow()
  })

  it('has an answer that we give up taken for what it is', async () => {
    const server = await scripted((_request, response) => {
      response.writeHead(200, {})
      response.write('half')
    }, protocols)
    const giving = new AbortController()
    const answer = await upstreamTo(server.port).send(asked({ signal: giving.signal }))
    setImmediate(() => giving.abort(new Error('enough')))
    await expect(whole(answer)).rejects.toThrow()
  })

  it('is connected to again after its connection has gone', async () => {
    const server = await scripted((_request, response) => void response.end('yes'), protocols)
    const upstream = upstreamTo(server.port)
    expect(await whole(await upstream.send(asked()))).toBe('yes')
    const gone = [...server.sockets].map((socket) => new Promise((resolve) => socket.once('close', resolve)))
    for (const socket of server.sockets) socket.destroy()
    await Promise.all(gone)
    await new Promise((resolve) => setImmediate(resolve))
    await expect.poll(async () => upstream.send(asked()).then(whole, () => 'no')).toBe('yes')
    expect(connections).toBe(2)
  })
})

/** A server of TLS that answers each request with these bytes. */
async function speaking(answer: string): Promise<number> {
  const server: Server = createServer(
    { cert: readFileSync(certificates.certificate), key: readFileSync(certificates.key), ALPNProtocols: ['http/1.1'] },
    (socket: TLSSocket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answer, 'latin1'))
    },
  )
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('a hostile server', () => {
  it.each<[string, string]>([
    ['changes the protocol unasked', 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'],
    ['says two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'says a length beside chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['sends less than it says', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc'],
    ['ends in the middle of a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab'],
    ['sends a head without end', `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(100_000)}\r\n\r\n`],
    ['speaks something else', 'SSH-2.0-x\r\n\r\n'],
    ['says nothing', ''],
  ])('that %s gives no answer', async (_, bytes) => {
    const upstream = upstreamTo(await speaking(bytes))
    await expect(upstream.send(asked({ method: 'POST', body: Buffer.from('x') })).then(whole)).rejects.toThrow()
  })
})

describe('a server that closes before it has read everything', () => {
  const SWITCHED = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'

  it('is heard to the end, although writing to it fails', async () => {
    // In place of a socket: in which order a kernel tells of a reset, of what came before and of a write that fails is its own affair.
    const socket: Duplex = new Duplex({
      read() {},
      write(bytes: Buffer, _encoding, done) {
        if (bytes.toString().startsWith('GET ')) {
          done()
          socket.push(SWITCHED)
          return
        }
        done(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }))
        // Behind whatever the failure sets off.
        setImmediate(() => {
          socket.push('the last words')
          socket.push(null)
        })
      },
    })
    const upstream = new Http1Upstream('localhost', () => Promise.resolve(socket))
    closers.push(() => upstream.close())
    const answer = await upstream.switchProtocols(asked(), 'x')
    if (!('stream' in answer)) throw new Error('it did not switch')
    const heard = text(answer.stream)
    answer.stream.write('more input')
    expect(await heard).toBe('the last words')
  })
})

describe('a request that was read, and not answered, on a connection that has served another', () => {
  const forgetful = (): Promise<ScriptedApiServer> =>
    scripted(
      ({ target }, response) => {
        if (target === '/first') response.end('yes')
        else response.socket.destroy()
      },
      ['http/1.1'],
    )

  it('is sent again where it changes nothing', async () => {
    const server = await forgetful()
    const upstream = upstreamTo(server.port)
    await whole(await upstream.send(asked({ target: '/first' })))
    await expect(upstream.send(asked())).rejects.toThrow()
    expect(server.requests.map(({ target }) => target)).toEqual(['/first', '/a', '/a'])
  })

  it('is not sent again where somebody has approved it, and has a connection of its own', async () => {
    const server = await forgetful()
    const upstream = upstreamTo(server.port)
    await whole(await upstream.send(asked({ target: '/first' })))
    await expect(upstream.send(asked({ once: true }))).rejects.toThrow()
    expect(server.requests.map(({ target }) => target)).toEqual(['/first', '/a'])
    expect(connections).toBe(2)
  })
})
