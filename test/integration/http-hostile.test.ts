import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { constants, createSecureServer, type Http2SecureServer, type ServerHttp2Stream } from 'node:http2'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer, type TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCertificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { startHostileHttpTarget, type HostileHttpTarget } from '../helpers/hostile-http-target.ts'
import { startHttpGateway, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { startHttpTarget, type HttpTestTarget } from '../helpers/http-target.ts'
import { megabytesOf } from '../helpers/memory.ts'
import { ASYNC_RULES, ASYNC_TARGETS, asyncRequests } from './http/async-requests.ts'
import { LARGE_RULES, LARGE_TARGETS, largeBodies } from './http/large-bodies.ts'

/** Clients and targets that do what they should not, written by hand, around a real agent and gateway. */
describe('hostile peers of HTTP', () => {
  let directory: string
  let calm: HttpTestTarget
  let hostile: HostileHttpTarget
  let http2: Http2SecureServer
  let flood: Flood
  let gateway: HttpGateway
  let port: HttpPort
  let other: HttpPort
  let slowHead: Promise<string>
  let slowBody: Promise<string>

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-hostile-'))
    const { ca, certificate, key } = makeCertificates(directory)
    calm = await startHttpTarget()
    hostile = await startHostileHttpTarget()
    http2 = await startHttp2(certificate, key)
    flood = await startFlood(certificate, key)
    const plain = { type: 'http', host: '127.0.0.1', tls: 'disable' }
    gateway = await startHttpGateway({
      targets: [
        { name: 'calm', ...plain, port: calm.port },
        ...[...LARGE_TARGETS, ...ASYNC_TARGETS].map((own) => ({ ...plain, port: calm.port, ...own })),
        ...['hostile', 'down', 'up'].map((name) => ({ name, ...plain, port: hostile.port })),
        { name: 'http2', type: 'http', host: 'localhost', port: (http2.address() as AddressInfo).port, ca },
        { name: 'flood', type: 'http', host: 'localhost', port: flood.port, ca },
      ],
      commands: [
        ...LARGE_RULES,
        ...ASYNC_RULES,
        {
          name: 'a person decides',
          match: { methods: ['DELETE'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        { name: 'no admin', match: { routes: ['/admin/**'] }, deny: 'not here' },
        { name: 'the rest', match: { methods: ['GET', 'PUT', 'POST'] }, allow: true },
      ],
    })
    port = await gateway.open('hostile')
    other = await gateway.open('calm')
    // They take as long as the gateway waits, a minute: what else needs such a gateway is tested meanwhile.
    slowHead = port.raw(`GET /slow HTTP/1.1\r\nHost: 127.0.0.1:${port.port}\r\nX-A: `)
    slowBody = port.raw(`POST /slow HTTP/1.1\r\n${head()}Content-Type: text/plain\r\nContent-Length: 10\r\n\r\nx`)
  })

  afterAll(async () => {
    await gateway?.stop()
    await Promise.all([calm?.stop(), hostile?.stop()])
    http2?.close()
    flood?.stop()
    rmSync(directory, { recursive: true, force: true })
  })

  afterEach(async () => {
    // Somebody else on the same gateway goes on, and so does the next request of the same session.
    expect((await other.request('GET', '/orders')).status).toBe(200)
    expect((await port.request('GET', '/after')).body).toBe('reached /after')
  })

  const head = (to = port): string => `Host: 127.0.0.1:${to.port}\r\nAuthorization: ${to.authorization}\r\n`
  const codeIn = (answer: string): string | undefined => /"code":"(\w+)"/.exec(answer)?.[1]
  const statuses = (answer: string): number[] =>
    Array.from(answer.matchAll(/HTTP\/1\.1 (\d+)/g), ([, status]) => Number(status))
  /** A connection on which something is asked, and what comes of it. */
  const begin = (to: HttpPort, bytes: string) => {
    const socket: Socket = connect(to.port, '127.0.0.1')
    const seen = { text: '' }
    socket.setEncoding('latin1').on('data', (text: string) => (seen.text += text))
    socket.on('error', () => {})
    socket.write(bytes, 'latin1')
    return { socket, seen, closed: once(socket, 'close') }
  }
  const replay = async (target: string): Promise<string> => {
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    return (await gateway.pamctl('replay', sessions.find((one) => one.target === target)?.id ?? '')).stdout
  }

  describe('clients', () => {
    it.each([
      ['a long request line', () => `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n${head()}\r\n`, 431],
      ['a long header', () => `GET / HTTP/1.1\r\n${head()}X-A: ${'a'.repeat(70_000)}\r\n\r\n`, 431],
      ['many headers', () => `GET / HTTP/1.1\r\n${head()}${'Accept: a\r\n'.repeat(120)}\r\n`, 431],
      [
        'a long body that a person would decide on',
        () => `DELETE /x HTTP/1.1\r\n${head()}Content-Length: 2000000\r\n\r\n`,
        413,
      ],
      [
        'a body that is longer than any number',
        () => `PUT / HTTP/1.1\r\n${head()}Content-Length: 99999999999999999999\r\n\r\n`,
        400,
      ],
    ])('%s is answered with a problem, and nothing of it reaches the target', async (_name, bytes, status) => {
      const before = hostile.asked.length
      const answer = await port.raw(bytes())
      expect(statuses(answer)).toEqual([status])
      expect(answer).toMatch(/content-type: application\/problem\+json/i)
      expect(answer).toContain(`"status":${status}`)
      expect(codeIn(answer)).toMatch(/MESSAGE_TOO_LARGE|PROTOCOL_VIOLATION/)
      expect(hostile.asked.length).toBe(before)
    })

    it('a bad chunk ends a request before anybody decides', async () => {
      const before = hostile.asked.length
      const chunks = 'Content-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'
      const answer = await port.raw(`PUT /chunks HTTP/1.1\r\n${head()}${chunks}`)
      expect(statuses(answer).filter((status) => status !== 400)).toEqual([])
      expect(hostile.asked.length).toBe(before)
    })

    it('50 requests that are sent ahead, of which one is refused, are answered in order', async () => {
      const all = Array.from(
        { length: 50 },
        (_, index) =>
          `GET /${index === 20 ? 'admin/x' : `n${index}`} HTTP/1.1\r\n${head()}${index === 49 ? 'Connection: close\r\n' : ''}\r\n`,
      )
      const answer = await port.raw(all.join(''))
      expect(statuses(answer)).toEqual(all.map((_, index) => (index === 20 ? 403 : 200)))
      expect([...answer.matchAll(/reached \/n(\d+)/g)].map(([, number]) => Number(number))).toEqual(
        all.map((_, index) => index).filter((index) => index !== 20),
      )
      expect(hostile.asked.some((line) => line.includes('/admin'))).toBe(false)
      expect(/"id":"dec_\w+"/.test(answer)).toBe(true)
    })

    it('requests behind a held one wait for the decision', async () => {
      const before = hostile.asked.length
      const { seen, closed } = begin(
        port,
        `GET /first HTTP/1.1\r\n${head()}\r\nDELETE /held HTTP/1.1\r\n${head()}\r\nGET /behind HTTP/1.1\r\n${head()}Connection: close\r\n\r\n`,
      )
      await eventually(async () => (await gateway.bob.api.reviews.list())[0], 'it waits')
      expect(statuses(seen.text)).toEqual([200])
      expect(hostile.asked.slice(before)).toEqual(['GET /first HTTP/1.1'])
      await gateway.decide('deny')
      await closed
      expect(statuses(seen.text)).toEqual([200, 403, 200])
      expect(hostile.asked.slice(before)).toEqual(['GET /first HTTP/1.1', 'GET /behind HTTP/1.1'])
    })

    it('one that leaves in the middle of a download ends it at the target', async () => {
      const { socket, seen } = begin(port, `GET /endless HTTP/1.1\r\n${head()}\r\n`)
      await eventually(() => (seen.text.length > 100_000 ? true : undefined), 'it has begun')
      socket.destroy()
      await eventually(() => (hostile.sockets.size <= 2 ? true : undefined), 'the target is left')
    })

    it('one that leaves while a target does not answer', async () => {
      for (const path of ['/stalls', '/stalls-in-head', '/stalls-in-body']) {
        const before = hostile.asked.length
        const { socket } = begin(port, `GET ${path} HTTP/1.1\r\n${head()}\r\n`)
        await eventually(() => hostile.asked[before], 'it is asked')
        socket.destroy()
        await eventually(() => (hostile.sockets.size <= 2 ? true : undefined), 'the target is left')
      }
    })
  })

  describe('targets', () => {
    it.each([
      '/reset',
      '/both-lengths',
      '/two-lengths',
      '/odd-length',
      '/endless-interim',
      '/endless-head',
      '/endless-line',
      '/mail',
      '/status-99',
      '/status-2000',
      '/status-word',
      '/version-9',
      '/header-with-control',
      '/header-with-return',
      '/switches',
    ])('%s is answered with 502 and a problem', async (path) => {
      const { status, head: lines, body } = await port.request('GET', path)
      expect(status).toBe(502)
      expect(lines).toMatch(/^content-type: application\/problem\+json$/im)
      expect(codeIn(body)).toBe('TARGET_LEFT')
      expect(await replay('hostile')).toContain(`GET ${path}\n`)
    })

    it.each([
      ['/short', 'half of it'],
      ['/reset-in-body', 'half of it'],
      ['/reset-in-chunks', 'half of it'],
      ['/bad-chunk', 'half'],
      ['/endless-extension', 'half'],
      ['/endless-trailers', 'half'],
    ])('%s is cut off, so that the client sees that it is not whole', async (path, part) => {
      const answer = await port.raw(`GET ${path} HTTP/1.1\r\n${head()}\r\n`)
      expect(statuses(answer)).toEqual([200])
      const length = /^content-length: (\d+)\r$/im.exec(answer)?.[1]
      const body = answer.slice(answer.indexOf('\r\n\r\n') + 4)
      if (length === undefined) expect(body).not.toMatch(/\r\n0\r\n\r\n$/)
      else expect(body.length).toBeLessThan(Number(length))
      expect(part.startsWith(body) || body.includes(part)).toBe(true)
    })

    it.each([
      ['GET', '/long', 200, 'half'],
      ['GET', '/two-answers', 200, 'first'],
      ['GET', '/204-with-body', 204, ''],
      ['GET', '/304-with-body', 304, ''],
      ['HEAD', '/head-with-body', 200, ''],
      ['GET', '/some-interim', 200, 'at last'],
    ])('%s %s: what is beyond the answer is nobody’s', async (method, path, status, body) => {
      // The next request is on the same connections.
      const answer = await port.raw(
        `${method} ${path} HTTP/1.1\r\n${head()}\r\nGET /next HTTP/1.1\r\n${head()}Connection: close\r\n\r\n`,
      )
      expect(statuses(answer)).toEqual([status, 200])
      expect(answer).toContain('reached /next')
      if (body !== '') expect(answer).toContain(body)
      expect(answer).not.toContain('POISON')
      expect(answer).not.toContain('half of it')
    })

    it('one that sends the client elsewhere does not', async () => {
      const { status, head: lines, body } = await port.request('GET', '/elsewhere')
      expect([status, codeIn(body)]).toEqual([400, 'FEATURE_REFUSED'])
      expect(lines + body).not.toContain('evil.example')
    })

    it('one that sends another transfer encoding is not passed on, and one that folds a header is read as it is meant or not at all', async () => {
      expect(codeIn((await port.request('GET', '/other-encoding')).body)).toBe('FEATURE_REFUSED')
      const { status, head: lines } = await port.request('GET', '/header-folded')
      expect([200, 502]).toContain(status)
      expect(lines).not.toMatch(/^set-cookie/im)
    })
  })

  describe('targets of HTTP/2', () => {
    let h2: HttpPort
    beforeAll(async () => (h2 = await gateway.open('http2')))

    it.each(['/refused-once', '/goaway-once', '/settings', '/pings', '/interim'])('%s is answered', async (path) => {
      const answer = await h2.request('GET', path)
      expect([answer.status, answer.body]).toEqual([200, `reached ${path}`])
    })

    it.each(['/reset', '/refused', '/gone', '/endless-interim'])(
      '%s is answered with 502 and a problem',
      async (path) => {
        const { status, body } = await h2.request('GET', path)
        expect([status, codeIn(body)]).toEqual([502, 'TARGET_LEFT'])
        expect((await h2.request('GET', '/fine')).body).toBe('reached /fine')
      },
    )

    it.each(['/half-reset', '/half-gone', '/half-short'])('%s is cut off', async (path) => {
      const answer = await h2.raw(`GET ${path} HTTP/1.1\r\n${head(h2)}\r\n`)
      expect(statuses(answer)).toEqual([200])
      expect(answer).not.toMatch(/\r\n0\r\n\r\n$/)
      expect((await h2.request('GET', '/fine')).body).toBe('reached /fine')
    })
  })

  it('a target that floods the gateway with settings is left with the client', async () => {
    const own = await gateway.open('flood')
    const before = megabytesOf(gateway.pid)
    const { socket, closed } = begin(own, `GET / HTTP/1.1\r\n${head(own)}\r\n`)
    // nghttp2 itself leaves a peer of whom it has read a thousand settings before it could answer one, which is a matter of luck.
    const isLeft = (): boolean => flood.frames() > 0 && flood.sockets.size === 0
    await eventually(() => (flood.frames() > 100_000 || isLeft() ? true : undefined), 'it floods')
    expect((await other.request('GET', '/orders')).status).toBe(200)
    expect(megabytesOf(gateway.pid) - before).toBeLessThan(100)
    socket.destroy()
    await closed
    await eventually(() => (flood.sockets.size === 0 ? true : undefined), 'the target is left')
  })

  it.each(['down', 'up'])('a grant that is revoked in the middle cuts both sides off: %s', async (name) => {
    const own = await gateway.open(name)
    const before = hostile.asked.length
    const { socket, seen, closed } = begin(
      own,
      name === 'down'
        ? `GET /endless HTTP/1.1\r\n${head(own)}\r\n`
        : `PUT /stalls HTTP/1.1\r\n${head(own)}Content-Type: text/plain\r\nContent-Length: 5000000\r\n\r\n${'x'.repeat(2_000_000)}`,
    )
    await eventually(() => hostile.asked[before], 'it is asked')
    if (name === 'down') await eventually(() => (seen.text.length > 100_000 ? true : undefined), 'it has begun')
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    const { grantId } = await gateway.bob.api.sessions.get(sessions.find((one) => one.target === name)?.id ?? '')
    await gateway.bob.api.grants.revoke(grantId, 'enough')
    await closed
    expect(socket.destroyed).toBe(true)
    if (name === 'up') expect(codeIn(seen.text)).toBe('GRANT_REVOKED')
    else expect(seen.text).not.toMatch(/\r\n0\r\n\r\n$/)
    await eventually(() => (hostile.sockets.size <= 2 ? true : undefined), 'the target is left')
    await eventually(async () => ((await replay(name)).includes('GRANT_REVOKED') ? true : undefined), 'on record')
  })

  it('100 clients that do not read what they have asked for cost little memory', async () => {
    const before = megabytesOf(gateway.pid)
    const clients = Array.from({ length: 100 }, () => {
      const one = begin(port, `GET /endless HTTP/1.1\r\n${head()}\r\n`)
      one.socket.pause()
      return one
    })
    await eventually(() => (hostile.sockets.size >= 100 ? true : undefined), 'all are asked')
    // Until nothing more is taken from the target.
    await eventually(() => {
      const sent = [...hostile.sockets].reduce((sum, socket) => sum + socket.bytesWritten - socket.writableLength, 0)
      const isSame = sent === lastSent
      lastSent = sent
      return isSame ? true : undefined
    }, 'they stall')
    const used = megabytesOf(gateway.pid) - before
    for (const { socket } of clients) socket.destroy()
    await eventually(() => (hostile.sockets.size <= 2 ? true : undefined), 'the target is left')
    expect(used).toBeLessThan(200)
  })

  asyncRequests(() => ({ gateway, target: calm }))
  largeBodies(() => ({ gateway, target: calm }))

  it('clients that send slowly are answered at last', async () => {
    expect(codeIn(await slowHead)).toBe('HANDSHAKE_TIMEOUT')
    expect(codeIn(await slowBody)).toBe('HANDSHAKE_TIMEOUT')
  })
})

let lastSent = -1

interface Flood {
  readonly port: number
  readonly sockets: ReadonlySet<TLSSocket>
  /** How many it has sent. */
  frames(): number
  stop(): void
}

/** A server of HTTP/2 that says nothing but how it is set, again and again (CVE-2019-9515). */
async function startFlood(certificate: string, key: string): Promise<Flood> {
  const sockets = new Set<TLSSocket>()
  let frames = 0
  const settings = Buffer.from('000000040000000000', 'hex')
  const many = Buffer.concat(Array.from({ length: 1000 }, () => settings))
  const server = createTlsServer({
    cert: readFileSync(certificate),
    key: readFileSync(key),
    ALPNProtocols: ['h2'],
  }).listen(0, '127.0.0.1')
  server.on('secureConnection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
    socket.resume()
    const more = (): void => {
      if (!socket.writable) return
      frames += 1000
      if (socket.write(many)) setImmediate(more)
      else socket.once('drain', more)
    }
    more()
  })
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    sockets,
    frames: () => frames,
    stop() {
      for (const socket of sockets) socket.destroy()
      server.close()
    },
  }
}

async function startHttp2(certificate: string, key: string): Promise<Http2SecureServer> {
  const server = createSecureServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  const seen = new Set<string>()
  server.on('sessionError', () => {})
  server.on('session', (session) => session.on('error', () => {}))
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    const path = headers[':path'] ?? ''
    const isFirst = !seen.has(path)
    seen.add(path)
    const { session } = stream
    stream.on('error', () => {})
    const answer = (): void => {
      stream.respond({ ':status': 200, 'content-type': 'text/plain' })
      stream.end(`reached ${path}`)
    }
    const half = (more: Record<string, string> = {}): void => {
      stream.respond({ ':status': 200, 'content-type': 'text/plain', ...more })
      stream.write('half of it')
    }
    switch (path) {
      case '/reset':
        return stream.close(constants.NGHTTP2_INTERNAL_ERROR)
      case '/refused':
        return stream.close(constants.NGHTTP2_REFUSED_STREAM)
      case '/refused-once':
        return isFirst ? stream.close(constants.NGHTTP2_REFUSED_STREAM) : answer()
      case '/gone':
        return session?.destroy()
      case '/goaway-once':
        session?.goaway()
        return answer()
      case '/settings':
        for (let count = 0; count < 5; count++) session?.settings({ initialWindowSize: 65_535 + count })
        return answer()
      case '/pings':
        for (let count = 0; count < 10; count++) session?.ping(() => {})
        return answer()
      case '/interim':
        for (let count = 0; count < 50; count++) stream.additionalHeaders({ ':status': 103, link: '</a>' })
        return answer()
      case '/endless-interim': {
        const more = (): void => {
          if (stream.destroyed) return
          for (let count = 0; count < 100; count++) stream.additionalHeaders({ ':status': 103, link: '</a>' })
          setImmediate(more)
        }
        return more()
      }
      case '/half-reset':
        half()
        return void setImmediate(() => stream.destroy(new Error('half of it is all')))
      case '/half-gone':
        half()
        return void setImmediate(() => session?.destroy())
      case '/half-short':
        half({ 'content-length': '100' })
        return void stream.end()
      default:
        return answer()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return server
}
