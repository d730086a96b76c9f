import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { listenForTunnels, type TunnelListener } from '../../src/gateway/tunnel-listener.ts'
import type { Login } from '../../src/identity/login.ts'
import { PamError } from '../../src/shared/errors.ts'
import { MUX_PROTOCOL, OLDER_MUX_PROTOCOL } from '../../src/tunnel/multiplexer.ts'
import { TUNNEL_PROTOCOL } from '../../src/tunnel/web-socket-channel.ts'

let server: Server
let listener: TunnelListener
let url: string
let did: string[]
let refusal: PamError | undefined

beforeEach(async () => {
  server = createServer()
  did = []
  refusal = undefined
  listener = listenForTunnels(server, {
    authenticate: ({ url: asked }) => {
      did.push(`authenticate ${asked}`)
      return refusal === undefined ? Promise.resolve({ id: 'log_1' } as Login) : Promise.reject(refusal)
    },
    admitted: () => void did.push('admitted'),
    addressOf: ({ socket }) => socket.remoteAddress ?? '',
    serve: (channel, { id }, target, from) => {
      did.push(`serve ${id} ${target} ${from}`)
      channel.send({ v: 1, type: 'opened', id: 'ses_1' })
      return Promise.resolve()
    },
    takeOther: ({ headers }, socket) => {
      if (headers.host !== 'other.localhost') return false
      socket.end('taken')
      return true
    },
    problem: ({ code, message }) => ({ status: code === 'TOKEN_INVALID' ? 401 : 400, body: `${code}: ${message}` }),
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  url = `127.0.0.1:${(server.address() as AddressInfo).port}`
})

afterEach(async () => {
  listener.close()
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
})

/** What an upgrade is answered with, as it comes. */
async function answerTo(path: string, protocol: string, host = url): Promise<string> {
  const socket = connect(Number(url.split(':')[1]), '127.0.0.1')
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-protocol: ${protocol}\r\n\r\n`,
  )
  let answer = ''
  for await (const bytes of socket) answer += String(bytes)
  return answer
}

describe('an upgrade', () => {
  it('becomes a tunnel to the target that it names, once the caller is authenticated', async () => {
    const socket = new WebSocket(`ws://${url}/v1/tunnel?target=a%20b`, TUNNEL_PROTOCOL)
    const [frame] = (await once(socket, 'message')) as [Buffer]
    expect(JSON.parse(frame.toString())).toMatchObject({ type: 'opened', id: 'ses_1' })
    expect(did).toEqual(['authenticate /v1/tunnel?target=a%20b', 'admitted', 'serve log_1 a b 127.0.0.1'])
    socket.terminate()
  })

  it('becomes a connection for many tunnels, which serves nothing by itself', async () => {
    const socket = new WebSocket(`ws://${url}/v1/tunnels`, MUX_PROTOCOL)
    await once(socket, 'open')
    expect(did).toEqual(['authenticate /v1/tunnels', 'admitted'])
    socket.terminate()
  })

  it.each([
    [[OLDER_MUX_PROTOCOL, MUX_PROTOCOL], MUX_PROTOCOL],
    [[TUNNEL_PROTOCOL, OLDER_MUX_PROTOCOL, 'pamctl.tunnels.v9'], OLDER_MUX_PROTOCOL],
  ])('that offers %j gets %s, whatever came first', async (offered, spoken) => {
    const socket = new WebSocket(`ws://${url}/v1/tunnels`, offered)
    await once(socket, 'open')
    expect(socket.protocol).toBe(spoken)
    socket.terminate()
  })

  it.each([
    [
      'of a newer version alone',
      '/v1/tunnels',
      'pamctl.tunnels.v9',
      `VERSION_MISMATCH: this gateway speaks ${MUX_PROTOCOL} and ${OLDER_MUX_PROTOCOL}`,
    ],
    ['of another path', '/v1/other', TUNNEL_PROTOCOL, 'NOT_FOUND: only /v1/tunnel and /v1/tunnels can be upgraded'],
    [
      'of another version',
      '/v1/tunnel?target=a',
      'pam.tunnel.v0',
      `VERSION_MISMATCH: this gateway speaks ${TUNNEL_PROTOCOL}`,
    ],
    ['of the other protocol', '/v1/tunnel?target=a', MUX_PROTOCOL, 'VERSION_MISMATCH'],
    ['of a word with more behind it', '/v1/tunnel?target=a', `${TUNNEL_PROTOCOL}x`, 'VERSION_MISMATCH'],
  ])('%s is refused before anybody is authenticated', async (_what, path, protocol, message) => {
    const answer = await answerTo(path, protocol)
    expect(answer).toMatch(/^HTTP\/1\.1 400 Refused\r\ncontent-type: application\/problem\+json\r\n/)
    expect(answer).toContain(message)
    expect(did).toEqual([])
  })

  it('for something else is served there, and nobody is authenticated', async () => {
    expect(await answerTo('/v1/tunnel?target=a', TUNNEL_PROTOCOL, 'other.localhost')).toBe('taken')
    expect(did).toEqual([])
  })

  it('is refused where the caller is not authenticated, and serves nothing', async () => {
    refusal = new PamError('TOKEN_INVALID', 'the token is malformed')
    const answer = await answerTo('/v1/tunnel?target=a', TUNNEL_PROTOCOL)
    expect(answer).toMatch(/^HTTP\/1\.1 401 Refused\r\n/)
    expect(answer).toMatch(/\r\n\r\nTOKEN_INVALID: the token is malformed$/)
    expect(did).toEqual(['authenticate /v1/tunnel?target=a'])
  })

  it('is refused once the listener is closed, and open tunnels end', async () => {
    const socket = new WebSocket(`ws://${url}/v1/tunnel?target=a`, TUNNEL_PROTOCOL)
    await once(socket, 'message')
    listener.close()
    await once(socket, 'close')
    expect(await answerTo('/v1/tunnel?target=a', TUNNEL_PROTOCOL)).toContain('SHUTTING_DOWN')
  })
})
