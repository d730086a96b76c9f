import { execFileSync } from 'node:child_process'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually, openPort, signIn } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { OPENSSL } from '../helpers/run.ts'

let own: OwnGateways
beforeAll(async () => {
  own = await ownGateways()
})
afterAll(() => own?.stop())

const portOf = (url: string): number => Number(new URL(url).port)
/** For tests in which something does not come; whatever is to come in time has its own gateway, or its time. */
const LIMITS = 'limits: { handshake: 2s, pendingConnectionsPerAddress: 8 }'

/** All that comes back until the gateway closes. */
function talk(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => (answer += chunk.toString('latin1')))
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}

describe('every error is a problem', () => {
  let port: number
  let url: string
  let headers: (method: string, path: string) => Promise<string>
  beforeAll(async () => {
    url = (await own.start(await own.configured())).url
    port = portOf(url)
    const jane = await signIn(url, 'jane')
    headers = async (method, path) => {
      const { authorization, dpop } = await jane.headers(method, url + path)
      return `host: ${new URL(url).host}\r\nconnection: close\r\nauthorization: ${authorization}\r\ndpop: ${dpop}\r\n`
    }
  })

  const HOST = 'host: x\r\nconnection: close\r\n'
  const long = (length: number): string => 'x'.repeat(length)
  const post = async (path: string, more: string, body: string): Promise<string> =>
    `POST ${path} HTTP/1.1\r\n${await headers('POST', path)}${more}content-length: ${body.length}\r\n\r\n${body}`
  it.each<[string, number, () => string | Promise<string>]>([
    ['a path parameter that is too long', 414, () => `GET /v1/sessions/${long(100)} HTTP/1.1\r\n${HOST}\r\n`],
    ['a path that is none', 400, () => `GET /v1/%zz HTTP/1.1\r\n${HOST}\r\n`],
    ['no such route', 404, () => `GET /v1/nothing HTTP/1.1\r\n${HOST}\r\n`],
    ['no such method there', 404, () => `DELETE /v1/audit HTTP/1.1\r\n${HOST}\r\n`],
    ['no sign-in', 401, () => `GET /v1/audit HTTP/1.1\r\n${HOST}\r\n`],
    ['a body that is too long', 413, () => post('/v1/requests', 'content-type: application/json\r\n', long(70_000))],
    ['a body of another type', 415, () => post('/v1/requests', 'content-type: image/png\r\n', 'x')],
    ['a body without a type', 415, () => post('/v1/requests', '', 'x')],
    ['a body that is no JSON', 400, () => post('/v1/requests', 'content-type: application/json\r\n', '{')],
    ['an empty body', 400, () => post('/v1/requests', 'content-type: application/json\r\n', '')],
    ['a body that poisons', 400, () => post('/v1/requests', 'content-type: application/json\r\n', '{"__proto__":{}}')],
    [
      'a body with a field twice',
      400,
      () => post('/v1/requests', 'content-type: application/json\r\n', '{"target":"dev-db","\\u0074arget":"prod-db"}'),
    ],
    [
      'a body in another encoding',
      400,
      () => post('/v1/requests', 'content-type: application/json; charset=utf-16\r\n', '{"target":"prod-db"}'),
    ],
    [
      'two callers',
      400,
      () => post('/v1/requests', 'authorization: DPoP x\r\ncontent-type: application/json\r\n', '{}'),
    ],
    [
      'two types',
      400,
      () => post('/v1/requests', 'content-type: text/plain\r\ncontent-type: application/json\r\n', '{}'),
    ],
    ['two hosts', 400, () => `GET /healthz HTTP/1.1\r\n${HOST}Host: y\r\n\r\n`],
    [
      'an upgrade for two hosts',
      400,
      () => `GET /v1/tunnels HTTP/1.1\r\nhost: x\r\nhost: y\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n`,
    ],
    ['a body of the wrong fields', 400, () => post('/v1/requests', 'content-type: application/json\r\n', '{}')],
    [
      'a query of the wrong fields',
      400,
      async () => `GET /v1/audit?limit=x HTTP/1.1\r\n${await headers('GET', '/v1/audit?limit=x')}\r\n`,
    ],
    ['bytes that are no HTTP', 400, () => '\x16\x03\x01\x00\x01nonsense\r\n\r\n'],
    ['a method that is none', 400, () => `WHAT /v1/audit HTTP/1.1\r\n${HOST}\r\n`],
    ['no host', 400, () => 'GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n'],
    ['headers that are too long', 431, () => `GET /healthz HTTP/1.1\r\n${HOST}x: ${long(20_000)}\r\n\r\n`],
    ['two lengths', 400, () => `POST /v1/token HTTP/1.1\r\n${HOST}content-length: 1\r\ncontent-length: 2\r\n\r\nx`],
    [
      'a chunk that is none',
      400,
      () =>
        `POST /v1/token HTTP/1.1\r\n${HOST}content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
    ],
    ['an expectation that is none', 417, () => `GET /healthz HTTP/1.1\r\n${HOST}expect: miracles\r\n\r\n`],
    [
      'an upgrade of nothing',
      404,
      () => 'GET /v1/audit HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    ],
    [
      'a tunnel of another version',
      426,
      () =>
        'GET /v1/tunnel HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-protocol: pam-tunnel.v1\r\n\r\n',
    ],
  ])('%s: %s', async (_what, status, make) => isProblem(await talk(port, await make()), status))

  it('a call whose body comes after its caller has signed out is one of nobody', async () => {
    const bob = await signIn(url, 'bob')
    const { authorization, dpop } = await bob.headers('POST', `${url}/v1/policy/try`)
    const body = JSON.stringify({ target: 'shop', command: 'select 1' })
    const socket = connect(port, '127.0.0.1')
    const answer = new Promise<string>((resolve) => {
      let text = ''
      socket.on('data', (chunk: Buffer) => {
        text += chunk.toString('latin1')
        if (text.includes('}')) resolve(text.slice(text.lastIndexOf('HTTP/1.1')))
      })
    })
    socket.write(
      `POST /v1/policy/try HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ndpop: ${dpop}\r\n` +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\nexpect: 100-continue\r\n\r\n`,
    )
    // The gateway has the headers, and looks at them before it answers later calls.
    await new Promise((resolve) => socket.once('data', resolve))
    for (let n = 0; n < 3; n++) await bob.api.whoami()
    await bob.api.logout()
    socket.write(body)
    isProblem(await answer, 401)
    socket.destroy()
  })
})

function isProblem(answer: string, status: number): void {
  expect(answer.split('\r\n')[0]).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `))
  expect(answer).toMatch(/\r\ncontent-type: application\/problem\+json/i)
  const body = answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)
  expect(JSON.parse(body)).toMatchObject({
    status,
    code: expect.any(String),
    detail: expect.any(String),
    type: 'about:blank',
  })
}

describe('silent connections', () => {
  /** Sockets of which the gateway may close some. */
  function open(port: number, count: number, text: string): { all: Socket[]; left: () => number } {
    const all = Array.from({ length: count }, () => {
      const socket = connect(port, '127.0.0.1', () => void (text !== '' && socket.write(text)))
      socket.on('error', () => {})
      socket.resume()
      return socket
    })
    return { all, left: () => all.filter(({ destroyed }) => !destroyed).length }
  }
  const dripping = (sockets: readonly Socket[]): NodeJS.Timeout =>
    setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write('x')
    }, 100)

  async function attack(port: number, text: string, drip: boolean): Promise<void> {
    const { all, left } = open(port, 30, text)
    const timer = drip ? dripping(all) : undefined
    await eventually(() => (left() <= 8 ? true : undefined), 'those above the limit are closed')
    await eventually(() => (left() === 0 ? true : undefined), 'the others are closed at their deadline')
    clearInterval(timer)
  }

  it('silent, dripping and half-sent ones: a limit for each address, and a deadline; whoever is signed in is served meanwhile', async () => {
    const directory = await own.configured((config) => `${config}\n${LIMITS}\n`)
    const { url } = await own.start(directory)
    const jane = await signIn(url, 'jane')
    const port = portOf(url)
    // Tunnels, streams and calls of somebody who is known do not count.
    const tunnels = await openPort(jane, 'dev-db')
    const streams: Response[] = []
    for (let n = 0; n < 10; n++)
      streams.push(await fetch(`${url}/v1/events`, { headers: await jane.headers('GET', `${url}/v1/events`) }))
    expect(streams.map(({ status }) => status)).toEqual(Array.from({ length: 10 }, () => 200))
    await attack(port, '', false)
    await attack(port, 'GET /healthz HTTP/1.1\r\nhost: x\r\nx: ', true)
    await attack(port, 'GET /healthz HTTP/1.1\r\n', false)
    isProblem(await talk(port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n'), 408)
    expect((await jane.api.whoami()).login).toBe(jane.token.login)
    for (const stream of streams) await stream.body?.cancel()
    tunnels.close()
  })

  it('answers to somebody unknown settle nothing, read or not; refused upgrades leave nothing behind', async () => {
    const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()))
    // Without a deadline that would close them as well.
    const limits = LIMITS.replace('2s', '10m')
    const { url } = await own.start(await own.configured((config) => `${config}\n${limits}\n`))
    const port = portOf(url)
    const health = 'GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n'
    const answered = open(port, 30, health)
    await eventually(() => (answered.left() <= 8 ? true : undefined), 'those above the limit are closed')
    expect(answered.left()).toBe(8)
    for (const socket of answered.all) socket.destroy()
    const [pipeline] = open(port, 1, 'GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n'.repeat(200)).all
    await closed(pipeline as Socket)
    // Such a client does not close its side when the gateway does.
    const upgrade =
      'GET /v1/tunnel HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-protocol: pam-tunnel.v1\r\n\r\n'
    const halfOpen = await Promise.all(
      Array.from(
        { length: 8 },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.write(upgrade))
            socket.on('error', () => {})
            socket.once('end', () => resolve(socket)).resume()
          }),
      ),
    )
    await eventually(
      async () => (await talk(port, `${health.slice(0, -2)}connection: close\r\n\r\n`)) || undefined,
      'served',
    )
    for (const socket of halfOpen) socket.destroy()
  })

  it.skipIf(!OPENSSL)(
    'TLS handshakes that stall, too',
    async () => {
      const directory = await own.configured((yaml, where) => {
        execFileSync(
          'openssl',
          // prettier-ignore
          ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'tls.key', '-out', 'tls.crt', '-subj', '/CN=localhost', '-days', '2'],
          { cwd: where, stdio: 'pipe' },
        )
        const port = /listen: .*port: (\d+)/.exec(yaml)?.[1]
        const listen = `listen: { host: 127.0.0.1, port: ${port}, tls: { certificate: tls.crt, key: tls.key } }`
        return `${yaml.replace(/listen: .*/, listen)}\n${LIMITS}\n`
      })
      const { url } = await own.start(directory)
      const port = portOf(url)
      await attack(port, '', false)
      // The beginning of a ClientHello.
      await attack(port, '\x16\x03\x01\x02\x00\x01', false)
    },
    120_000,
  )
})

describe('files', () => {
  it('are for the gateway alone, whatever the umask, and those that were not are made so', async () => {
    const directory = await own.configured()
    const data = join(directory, 'data')
    mkdirSync(join(data, 'spool', '2026-01'), { recursive: true })
    writeFileSync(join(data, 'state.db'), '')
    writeFileSync(join(data, 'spool', '2026-01', 'old'), '')
    for (const path of ['', 'spool', 'spool/2026-01']) chmodSync(join(data, path), 0o777)
    for (const path of ['state.db', 'spool/2026-01/old']) chmodSync(join(data, path), 0o666)
    const gateway = await own.start(directory, ['sh', '-c', 'umask 000 && exec "$@"', 'sh'])
    const jane = await signIn(gateway.url, 'jane')
    const port = await openPort(jane, 'dev-db')
    const { default: pg } = await import('pg')
    const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app_dev', ssl: false })
    await db.connect()
    await db.query("select 'x'")
    const modes = (): string[] =>
      ['', ...readdirSync(data, { recursive: true, encoding: 'utf8' })].flatMap((name) => {
        const found = lstatSync(join(data, name), { throwIfNoEntry: false })
        return found === undefined || (found.mode & 0o077) === 0 ? [] : [`${name} ${(found.mode & 0o777).toString(8)}`]
      })
    expect(readdirSync(data)).toEqual(
      expect.arrayContaining(['state.db', 'state.db-wal', 'state.db-shm', 'keys', 'spool']),
    )
    expect(modes()).toEqual([])
    await db.end()
    await eventually(() => (readdirSync(data).includes('recordings') ? true : undefined), 'stored')
    expect(modes()).toEqual([])
    expect(readFileSync(join(directory, 'gateway.log'), 'utf8')).toContain('files.made_private')
    port.close()
  })
})
