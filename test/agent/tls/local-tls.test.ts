import { once } from 'node:events'
import { connect as connectTcp } from 'node:net'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { request, type RequestOptions } from 'node:https'
import { networkInterfaces, tmpdir, userInfo } from 'node:os'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { listenLocally, type LocalListener } from '../../../src/agent/local-listener.ts'
import { makeAuthority } from '../../../src/agent/tls/certificates.ts'
import { HttpProgress } from '../../../src/protocols/http/local/progress.ts'
import { refuseHttp } from '../../../src/protocols/http/local/refuse.ts'
import type { LocalHalf } from '../../../src/protocols/local-half.ts'

/** A port whose clients come over TLS, and speak HTTP within. */
const refuse = refuseHttp(({ code, message }) => ({
  status: 403,
  contentType: 'text/plain',
  body: Buffer.from(`${code}: ${message}`),
}))
const protocol: LocalHalf = {
  socketName: () => 'unused',
  refuse,
  follow: () => new HttpProgress(refuse),
  tls: ['h2', 'http/1.1'],
}
const { uid } = userInfo()
let owner: number | 'gone' | 'unknown' = uid
let accepted = 0
const away: string[] = []
let listener: LocalListener
beforeAll(async () => {
  listener = await listenLocally({
    name: 'https://pam.example.com jane cluster',
    port: undefined,
    protocol,
    private: false,
    runtime: tmpdir(),
    uid,
    ownerOf: () => owner,
    turnedAway: (reason) => away.push(reason),
    accept: (client) => {
      accepted++
      client.handler = { data: (bytes) => client.write(bytes), drained() {}, ended: () => client.end(), closed() {} }
      client.resume()
    },
  })
})
afterAll(() => listener.close())

/** What a client of the port connects with; `shown` is what it shows in place of the certificate it was given. */
function options(shown: ConnectionOptions = given(), host = '127.0.0.1'): ConnectionOptions {
  return { host, port: listener.info.port, ca: listener.info.tls?.authority ?? '', ...shown }
}
const given = (): ConnectionOptions => ({ cert: listener.info.tls?.certificate, key: listener.info.tls?.key })
const validity = { from: new Date(Date.now() - 1000), to: new Date(Date.now() + 3_600_000) }
const forged = makeAuthority('pamctl clients', validity).issue('pamctl', 'client')

const echoed = (connecting: ConnectionOptions): Promise<string> => {
  const socket = connect(connecting)
  socket.end('hello')
  return text(socket)
}

/** The first answer over HTTP/1.1. */
const over1 = (connecting: ConnectionOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const wanted: RequestOptions = {
      ...(connecting as RequestOptions),
      path: '/api',
      agent: false,
    }
    const asked = request(wanted, (answer) => {
      text(answer).then((body) => resolve(`${answer.statusCode} ${body}`), reject)
    })
    asked.on('error', reject).end()
  })

/** The first answer over HTTP/2. */
const over2 = (connecting: ConnectionOptions): Promise<string> =>
  new Promise((resolve, reject) => {
    const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${listener.info.port}`, {
      createConnection: () => connect({ ...connecting, ALPNProtocols: ['h2'] }),
    })
    session.on('error', reject)
    const stream = session.request({ ':path': '/api' })
    let status: number | undefined
    stream.on('response', (headers) => (status = headers[':status']))
    text(stream).then((body) => {
      session.destroy()
      resolve(`${status} ${body}`)
    }, reject)
  })

describe('a local port with TLS', () => {
  it('admits a client with the certificate that was made for it, and forwards the decrypted bytes', async () => {
    owner = uid
    expect(await echoed(options())).toBe('hello')
    expect(accepted).toBe(1)
    expect(listener.info).not.toHaveProperty('socketDirectory')
    expect(listener.info).not.toHaveProperty('secret')
  })

  it('is trusted under the names of the loopback interface', async () => {
    expect(await echoed(options({ ...given(), servername: 'localhost' }))).toBe('hello')
    const hasLoopback6 = networkInterfaces()['lo']?.some(({ address }) => address === '::1') === true
    if (hasLoopback6) expect(await echoed(options(given(), '::1'))).toBe('hello')
    await expect(echoed(options({ ...given(), servername: 'example.com' }))).rejects.toThrow('not match')
  })

  it('survives a client that leaves during the handshake', async () => {
    // Its deadline never comes.
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    const socket = connectTcp(listener.info.port, '127.0.0.1').resume()
    socket.end('\x16\x03')
    await once(socket, 'close')
  })

  it('agrees on a version of HTTP within TLS', async () => {
    for (const [offered, taken] of [
      [['http/1.1', 'h2'], 'h2'],
      [['http/1.1'], 'http/1.1'],
    ] as const) {
      const socket: TLSSocket = connect({ ...options(), ALPNProtocols: [...offered] })
      await new Promise((resolve) => socket.once('secureConnect', resolve))
      expect(socket.alpnProtocol).toBe(taken)
      socket.destroy()
    }
  })

  it.each([
    ['no certificate', () => ({})],
    ['one of another authority of that name', () => ({ cert: forged.certificate, key: forged.key })],
  ])('identifies a client that presents %s, in every version of TLS', async (_, shown) => {
    accepted = 0
    away.length = 0
    const told = '403 NOT_ALLOWED: pam: this port requires the client certificate that was made for it'
    expect(await over1(options(shown()))).toBe(told)
    expect(await over2(options(shown()))).toBe(told)
    expect(accepted).toBe(0)
    expect(away).toEqual(Array(2).fill('a connection without the certificate of this port'))
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'resumes no session of %s that another connection started',
    async (version) => {
      const begun = { minVersion: version, maxVersion: version }
      const first = connect({ ...options(), ...begun })
      const sessions: Buffer[] = []
      first.on('session', (session) => sessions.push(session))
      first.end('hello')
      expect(await text(first)).toBe('hello')
      const second = connect({ ...options({}), ...begun, session: sessions.at(-1) })
      await new Promise((resolve, reject) => second.once('secureConnect', resolve).once('error', reject))
      expect(second.isSessionReused()).toBe(false)
      second.end('GET / HTTP/1.1\r\n\r\n')
      expect(await text(second)).toContain('requires the client certificate')
    },
  )

  it.each([uid + 1, 'gone' as const])('turns owner %s away, certificate or not', async (other) => {
    owner = other
    accepted = 0
    for (const shown of [given(), {}]) expect(await over1(options(shown))).toContain('403 NOT_ALLOWED: pam: ')
    expect(accepted).toBe(0)
    owner = uid
  })

  it('relies on the certificate if the system cannot identify the connecting user', async () => {
    owner = 'unknown'
    expect(await echoed(options())).toBe('hello')
    expect(await over1(options({}))).toContain('requires the client certificate')
    owner = uid
  })
})
