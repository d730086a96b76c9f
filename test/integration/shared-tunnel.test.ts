import { createServer as createHttpServer } from 'node:http'
import { createServer, type AddressInfo } from 'node:net'
import pg from 'pg'
import WebSocket, { WebSocketServer } from 'ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { localHalves } from '../../src/protocols/local.ts'
import { forward } from '../../src/agent/forward.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { createProver } from '../../src/gateway-client/prover.ts'
import { SharedTunnel } from '../../src/gateway-client/shared-tunnel.ts'
import { openWebSocket, tunnelUrl } from '../../src/gateway-client/tunnel.ts'
import { MUX_PROTOCOL, Multiplexer, MuxRefusal, type OpenRequest } from '../../src/tunnel/multiplexer.ts'
import { idleHandler } from '../../src/shared/channel.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { eventually, grantFor, signIn, type SignedIn } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'

let stack: DemoStack
let jane: SignedIn
const cleanUps: (() => unknown)[] = []
beforeAll(async () => {
  stack = await startHostedStack()
  jane = await signIn(stack.gateway, 'jane')
})
afterAll(async () => {
  for (const cleanUp of cleanUps.toReversed()) await cleanUp()
  await stack?.stop()
})

/** WebSockets that are open to the gateway, by counting what was asked for. */
function shared(person: SignedIn) {
  const asked: string[] = []
  const tunnel = new SharedTunnel({
    gateway: person.gateway,
    ca: undefined,
    authorize(method, url) {
      asked.push(new URL(url).pathname)
      return person.headers(method, url)
    },
  })
  cleanUps.push(() => tunnel.close())
  return { tunnel, connections: () => asked.filter((path) => path === '/v1/tunnels').length }
}

async function portOf(tunnel: SharedTunnel, target: string): Promise<number> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    forward(socketChannel(socket), {
      protocol: localHalves.postgres,
      open: () => tunnel.open(target),
      tell() {},
      failed() {},
      closed() {},
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function client(port: number, database = 'app_dev'): Promise<pg.Client> {
  const db = new pg.Client({ host: '127.0.0.1', port, user: 'app', database, ssl: false })
  db.on('error', () => {})
  await db.connect()
  cleanUps.push(() => db.end().catch(() => {}))
  return db
}

describe('tunnels that share a connection', () => {
  it('are sessions of their own: one that is held or ended is nothing to the others', async () => {
    const bob = await signIn(stack.gateway, 'bob')
    await grantFor(jane, bob, 'prod-db')
    const { tunnel, connections } = shared(jane)
    const [dev, prod] = [await portOf(tunnel, 'dev-db'), await portOf(tunnel, 'prod-db')]
    const [one, other, risky] = [await client(dev), await client(dev), await client(prod, 'app')]
    expect(connections()).toBe(1)
    const held = risky.query('truncate audit_tmp')
    const review = await eventually(async () => (await bob.api.reviews.list())[0], 'it is held')
    const { rows } = await one.query('select count(*)::int as n from generate_series(1, 100000)')
    expect(rows).toEqual([{ n: 100_000 }])
    const sessions = (await jane.api.sessions.list({ active: true, limit: 10 })).items
    expect(sessions.filter(({ target }) => target === 'dev-db')).toHaveLength(2)
    const ended = new Promise((resolve) => other.once('error', resolve))
    await bob.api.sessions.kill(sessions.find(({ target }) => target === 'dev-db')?.id ?? '', 'enough')
    await Promise.race([ended, new Promise((resolve) => one.once('error', resolve))])
    const { digest } = review
    await bob.api.reviews.decide(review.id, {
      verdict: 'approve',
      comment: '',
      ...(digest === undefined ? {} : { digest }),
    })
    expect((await held).command).toBe('TRUNCATE')
  })

  it('end together without waiting for backends that hang', async () => {
    const bob = await signIn(stack.gateway, 'bob')
    const port = await portOf(shared(jane).tunnel, 'dev-db')
    const before = new Set((await jane.api.sessions.list({ mine: true, limit: 100 })).items.map(({ id }) => id))
    const frozen: number[] = []
    const thaw = (pid: number): void => {
      try {
        process.kill(pid, 'SIGCONT')
      } catch {
        // It is gone.
      }
    }
    cleanUps.push(() => frozen.forEach(thaw))
    // More than leave at the same time.
    for (let n = 0; n < 20; n++) {
      const { rows } = await (await client(port)).query<{ pid: number }>('select pg_backend_pid() as pid')
      frozen.push(rows[0]?.pid as number)
    }
    for (const pid of frozen) process.kill(pid, 'SIGSTOP')
    await client(port)
    const sessions = async () =>
      (await jane.api.sessions.list({ mine: true, limit: 100 })).items
        .filter(({ id }) => !before.has(id))
        .toSorted((a, b) => a.openedAt.localeCompare(b.openedAt))
    expect(await sessions()).toHaveLength(21)
    const grant = (await jane.api.grants.list({ active: true })).items.find(({ target }) => target === 'dev-db')
    await bob.api.grants.revoke(grant?.id ?? '', 'all at once')
    const ends = await eventually(async () => {
      const found = (await sessions()).map(({ ended }) => ended?.at)
      return found.includes(undefined) ? undefined : (found as string[])
    }, 'all are over')
    // The one whose backend leaves did not wait for any of those whose does not.
    const [last = ''] = ends.splice(-1)
    expect(ends.filter((end) => end <= last)).toEqual([])
    await bob.api.grants.lift(grant?.id ?? '')
  })

  it('are each proven: the connection opens nothing by itself', async () => {
    const url = `${stack.gateway}/v1/tunnels`
    const options = { headers: await jane.headers('GET', url), ca: undefined }
    const connection = await openWebSocket(
      stack.gateway,
      url,
      [MUX_PROTOCOL],
      options,
      (socket, below) => new Multiplexer(socket, { connection: below, isAgent: true }),
    )
    cleanUps.push(() => connection.close())
    const ask = async (request: OpenRequest): Promise<string> => {
      try {
        const channel = await connection.open(request)
        channel.destroy()
        return 'open'
      } catch (error) {
        return (JSON.parse((error as MuxRefusal).problem) as { code: string }).code
      }
    }
    const request = async (person: SignedIn, target: string, proven = target): Promise<OpenRequest> => {
      const { authorization = '', dpop = '' } = await person.headers('GET', tunnelUrl(stack.gateway, proven))
      return { target, authorization, dpop }
    }
    const good = await request(jane, 'dev-db')
    expect(await ask(good)).toBe('open')
    expect(await ask(good)).toBe('PROOF_REPLAYED')
    expect(await ask({ ...(await request(jane, 'dev-db')), authorization: '' })).toBe('NOT_SIGNED_IN')
    expect(await ask({ ...(await request(jane, 'dev-db')), dpop: '' })).toBe('PROOF_INVALID')
    const { authorization = '', dpop = '' } = await jane.headers('GET', url)
    expect(await ask({ target: 'dev-db', authorization, dpop })).toBe('PROOF_INVALID')
    const thief = await createProver()
    const token = jane.token.accessToken
    expect(
      await ask({
        target: 'dev-db',
        authorization: `DPoP ${token}`,
        dpop: await thief.prove('GET', tunnelUrl(stack.gateway, 'dev-db'), token),
      }),
    ).toBe('PROOF_INVALID')
    // Whoever opened the connection lends nobody anything.
    const alice = await signIn(stack.gateway, 'alice')
    expect(await ask(await request(alice, 'dev-db'))).toBe('open')
    await alice.api.logout()
    expect(await ask(await request(alice, 'dev-db'))).toBe('NOT_SIGNED_IN')
    expect(await ask(await request(jane, 'dev-db'))).toBe('open')
  })

  it('cannot be shared by nobody: the connection itself is authenticated', async () => {
    const dial = (headers: Record<string, string>, protocol: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const socket = new WebSocket(`${stack.gateway.replace('http', 'ws')}/v1/tunnels`, protocol, { headers })
        socket.on('open', () => {
          socket.terminate()
          resolve(101)
        })
        socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0))
        socket.on('error', reject)
      })
    const url = `${stack.gateway}/v1/tunnels`
    expect(await dial(await jane.headers('GET', url), MUX_PROTOCOL)).toBe(101)
    expect(await dial({}, MUX_PROTOCOL)).toBe(401)
    expect(await dial(await jane.headers('GET', tunnelUrl(stack.gateway, 'dev-db')), MUX_PROTOCOL)).toBe(401)
    expect(await dial(await jane.headers('GET', url), 'pamctl.tunnel.v1')).toBeGreaterThanOrEqual(400)
  })

  it('are opened on a new connection where the old one was lost', async () => {
    const { tunnel, connections } = shared(jane)
    const port = await portOf(tunnel, 'dev-db')
    const first = await client(port)
    const gone = new Promise((resolve) => first.once('end', resolve))
    tunnel.close()
    await gone
    const many = await Promise.all(Array.from({ length: 5 }, () => client(port)))
    for (const db of many) expect((await db.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    expect(connections()).toBe(2)
  })

  it('carry on with a gateway that knows only the older protocol, which takes the first that it is offered', async () => {
    const server = createHttpServer()
    const sockets = new WebSocketServer({ server, perMessageDeflate: false })
    sockets.on('connection', (socket, { socket: below }) => {
      spoken.push(socket.protocol)
      const mux: Multiplexer = new Multiplexer(socket, {
        connection: below,
        isAgent: false,
        asked(channel) {
          mux.accept(channel)
          channel.write(Buffer.from('hello'))
          channel.destroy()
        },
      })
    })
    const spoken: string[] = []
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    cleanUps.push(() => server.close())
    const tunnel = new SharedTunnel({
      gateway: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      ca: undefined,
      authorize: async () => ({ authorization: 'DPoP x', dpop: 'y' }),
    })
    cleanUps.push(() => tunnel.close())
    const channels = await Promise.all([tunnel.open('db'), tunnel.open('db')])
    const ends = channels.map(
      (channel) =>
        new Promise<string>((resolve) => {
          let got = ''
          channel.handler = { ...idleHandler, data: (bytes) => (got += bytes.toString()), closed: () => resolve(got) }
          channel.resume()
        }),
    )
    expect(await Promise.all(ends)).toEqual(['hello', 'hello'])
    expect(spoken).toEqual(['pamctl.tunnels.v1'])
  })

  it('get connections of their own from a gateway that knows no shared one', async () => {
    const { createServer: createHttp, request: httpRequest } = await import('node:http')
    // An older gateway, as the agent sees it: it answers as this one does to a path that it does not know.
    const older = createHttp()
    older.on('upgrade', (request, socket, head) => {
      const url = request.url?.startsWith('/v1/tunnels') === true ? '/v1/nothing' : request.url
      const onward = httpRequest(stack.gateway + url, { headers: request.headers })
      onward.on('upgrade', (response, upstream, rest) => {
        const lines = Object.entries(response.headers).map(([name, value]) => `${name}: ${String(value)}`)
        socket.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join('\r\n')}\r\n\r\n`)
        upstream.unshift(rest)
        upstream.pipe(socket).pipe(upstream)
        upstream.on('error', () => socket.destroy())
        socket.on('error', () => upstream.destroy())
      })
      onward.on('response', (response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () =>
          socket.end(
            `HTTP/1.1 ${response.statusCode} No\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n${body}`,
          ),
        )
      })
      onward.end(head)
    })
    await new Promise<void>((resolve) => older.listen(0, '127.0.0.1', resolve))
    cleanUps.push(() => older.close())
    const gateway = `http://127.0.0.1:${(older.address() as AddressInfo).port}`
    // Proofs name the gateway that they are for: those for the older one are made for the address behind it.
    const tunnel = new SharedTunnel({
      gateway,
      ca: undefined,
      authorize: (method, url) => jane.headers(method, url.replace(gateway, stack.gateway)),
    })
    const db = await client(await portOf(tunnel, 'dev-db'))
    expect((await db.query('select 2 as two')).rows).toEqual([{ two: 2 }])
  })
})
