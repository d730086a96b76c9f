import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Client, ConnectConfig } from 'ssh2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { greetClient } from '../../../../src/protocols/ssh/gateway/admit.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'
import { socketChannel } from '../../../../src/shared/socket-channel.ts'

const hostKey = makeEd25519Key()
const ownKey = makeEd25519Key()
let server: Server
let accepted: Promise<Socket>
const clients: Client[] = []
beforeEach(async () => {
  server = createServer({ pauseOnConnect: true, allowHalfOpen: true })
  accepted = new Promise((resolve) => server.once('connection', resolve))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy()
  server.close()
})

const port = (): number => (server.address() as AddressInfo).port
const greet = async (handshake = 20_000) =>
  greetClient(socketChannel(await accepted), { privateKeys: [hostKey], certificates: [] }, { handshake })
function clientOf(config: ConnectConfig = {}): Client {
  const client = new ssh2.Client()
  clients.push(client)
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', port: port(), username: 'deploy', ...config })
  return client
}

describe('a client of SSH', () => {
  it.each<[string, ConnectConfig]>([
    ['nothing', {}],
    ['a password', { password: 'whatever' }],
    ['a key', { privateKey: ownKey }],
  ])('is let in under the name it gives, and shows %s for it', async (_, config) => {
    const client = clientOf(config)
    const ready = once(client, 'ready')
    const { account, hello } = await greet()
    expect(account).toBe('deploy')
    await hello.admit()
    await ready
    expect(hello.left.aborted).toBe(false)
    client.end()
    if (!hello.left.aborted) await once(hello.left, 'abort')
    expect(hello.left.reason).toMatchObject({ code: 'CLIENT_LEFT' })
    await expect(hello.admit()).rejects.toMatchObject({ code: 'CLIENT_LEFT' })
  })

  it.each([
    ['a cipher', { cipher: ['aes128-cbc'] }],
    ['a key exchange', { kex: ['diffie-hellman-group14-sha1'] }],
    ['a key exchange with a group of its choice', { kex: ['diffie-hellman-group-exchange-sha256'] }],
    ['a digest', { hmac: ['hmac-sha1'], cipher: ['aes128-ctr'] }],
  ])('is not let in with %s that is not taken', async (_, algorithms) => {
    clientOf({ algorithms: algorithms as never })
    await expect(greet()).rejects.toMatchObject({
      code: expect.stringMatching(/PROTOCOL_VIOLATION|CLIENT_LEFT/) as string,
    })
  })

  it.each([
    ['says nothing', ''],
    ['says something else', 'GET / HTTP/1.1\r\n\r\n'],
    ['says no more than who it is', 'SSH-2.0-test\r\n'],
  ])('is not waited for where it %s', async (_, said) => {
    const socket = connect(port(), '127.0.0.1')
    socket.on('error', () => {})
    socket.write(said)
    await expect(greet(50)).rejects.toMatchObject({
      message: 'the client did not finish the SSH handshake in time',
    })
    socket.destroy()
  })

  it('has left where it closes its side', async () => {
    const socket = connect(port(), '127.0.0.1')
    socket.on('error', () => {})
    const greeting = greet()
    socket.end('SSH-2.0-test\r\n')
    await expect(greeting).rejects.toMatchObject({ code: 'CLIENT_LEFT' })
  })
})
