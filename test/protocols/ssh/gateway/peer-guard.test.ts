import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import type { Client, ClientChannel, Connection, Server, ServerChannel } from 'ssh2'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { guardPeer } from '../../../../src/protocols/ssh/gateway/peer-guard.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'

/** Of 64 KiB: many more than may wait. */
const PIECES = 60

/** A client and a server of the library's, either of which may be the gateway's. */
let server: Server
let client: Client
let connection: Connection
let channel: ServerChannel
let far: ClientChannel
let failures: string[]

interface Insides {
  _protocol: {
    parse: (chunk: Buffer, from: number, to: number) => void
    rekey(): void
    ping(): void
    channelSuccess(id: number): void
    readonly _queue: readonly Buffer[] | undefined
    readonly _kexinit: Buffer | undefined
  }
}
const inside = (end: Client | Connection): Insides['_protocol'] => (end as unknown as Insides)._protocol

async function start(guarded: 'client' | 'server', handshake: number): Promise<void> {
  const fail = (error: Error): void => void failures.push(error.message)
  const hostKey = makeEd25519Key()
  const opened = new Promise<ServerChannel>((resolve) => {
    server = new ssh2.Server({ hostKeys: [hostKey] }, (accepted) => {
      connection = accepted
      if (guarded === 'server') guardPeer(accepted, { handshake }, fail)
      accepted.on('error', () => {})
      accepted.on('authentication', (context) => context.accept())
      accepted.on('session', (accept) => accept().on('shell', (take) => resolve(take())))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' })
  if (guarded === 'client') guardPeer(client, { handshake }, fail)
  client.on('error', () => {})
  await once(client, 'ready')
  far = await new Promise((resolve, reject) =>
    client.shell(false, (error, shell) => (error === undefined ? resolve(shell) : reject(error))),
  )
  channel = await opened
  client.setNoDelay()
  ;(connection as unknown as Client).setNoDelay()
}
beforeEach(() => (failures = []))
afterEach(() => {
  client.end()
  connection.end()
  server.close()
})

const failed = (): Promise<string> =>
  new Promise((resolve) => {
    const look = (): unknown => (failures[0] === undefined ? setImmediate(look) : resolve(failures[0]))
    look()
  })

describe.each(['client', 'server'] as const)('key exchanges that the peer of a %s begins', (guarded) => {
  const peer = (): Client | Connection => (guarded === 'server' ? client : connection)
  const own = (): Client | Connection => (guarded === 'server' ? connection : client)
  const output = (): ServerChannel | ClientChannel => (guarded === 'server' ? channel : far)
  const input = (): ServerChannel | ClientChannel => (guarded === 'server' ? far : channel)
  /** From here on the peer reads nothing, until what it gets back is called. */
  function stall(): () => void {
    const protocol = inside(peer())
    const { parse } = protocol
    const kept: Buffer[] = []
    protocol.parse = (chunk, from, to) => void kept.push(Buffer.from(chunk.subarray(from, to)))
    protocol.rekey()
    return () => {
      protocol.parse = parse
      for (const chunk of kept) protocol.parse(chunk, 0, chunk.length)
    }
  }
  async function stalled(): Promise<() => void> {
    const goOn = stall()
    while (inside(own())._kexinit === undefined) await new Promise((resolve) => setImmediate(resolve))
    return goOn
  }

  it('end the connection where they are not finished', async () => {
    await start(guarded, 200)
    stall()
    expect(await failed()).toBe('a key exchange was begun and not finished in time')
  })

  it('hold back what is written to channels, and lose nothing of it', async () => {
    await start(guarded, 60_000)
    // A window without end, as a peer may give it.
    ;(output() as unknown as { outgoing: { window: number } }).outgoing.window = 0xf0000000
    const goOn = await stalled()
    let sent = 0
    const piece = (at: number): Buffer => Buffer.alloc(64 * 1024, at)
    for (let at = 0; at < PIECES; at++) output().write(piece(at), () => sent++)
    await new Promise((resolve) => setImmediate(resolve))
    expect(sent).toBe(0)
    const waiting = (inside(own())._queue ?? []).reduce((sum, { length }) => sum + length, 0)
    expect(waiting).toBeLessThan(2 * piece(0).length)
    const read: Buffer[] = []
    let size = 0
    const all = new Promise<void>((resolve) =>
      input().on('data', (bytes: Buffer) => {
        read.push(bytes)
        size += bytes.length
        if (size === PIECES * piece(0).length) resolve()
      }),
    )
    goOn()
    await all
    expect(Buffer.concat(read).equals(Buffer.concat(Array.from({ length: PIECES }, (_, at) => piece(at))))).toBe(true)
    expect(failures).toEqual([])
  })

  it('or none: what a peer does not read is left with who writes it', async () => {
    await start(guarded, 60_000)
    input().resume()
    ;(output() as unknown as { outgoing: { window: number } }).outgoing.window = 0xf0000000
    const socket = (own() as unknown as { _sock: Socket })._sock
    socket.cork()
    let sent = 0
    for (let at = 0; at < PIECES; at++) output().write(Buffer.alloc(64 * 1024), () => sent++)
    while (socket.writableLength < 1024 * 1024) await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
    expect(socket.writableLength).toBeLessThan(1024 * 1024 + 2 * 64 * 1024)
    expect(sent).toBeLessThan(20)
    socket.uncork()
    await new Promise<void>((resolve) => output().write(Buffer.alloc(1), () => resolve()))
    expect(sent).toBe(PIECES)
  })

  it('end the connection where too much else waits', async () => {
    await start(guarded, 60_000)
    await stalled()
    for (let i = 0; i < 400_000; i++) inside(own()).channelSuccess(0)
    expect(failures).toEqual([])
    for (let i = 0; i < 200_000; i++) inside(own()).channelSuccess(0)
    expect(await failed()).toBe('a key exchange is not finished, and too much waits for its end')
  })

  it('may follow traffic, and nothing else', async () => {
    await start(guarded, 60_000)
    input().resume()
    const exchange = async (): Promise<void> => {
      const done = once(peer(), guarded === 'server' ? 'handshake' : 'rekey')
      inside(peer()).rekey()
      await done
    }
    await new Promise<void>((resolve) => output().write(Buffer.alloc(1024 * 1024), () => resolve()))
    for (let i = 0; i < 150; i++) await exchange()
    expect(failures).toEqual([])
    for (let i = 0; i < 2000 && failures.length === 0; i++) await exchange()
    expect(failures).toEqual(['keys are exchanged too often'])
  })
})

it('global requests behind one that is not answered are kept up to a limit', async () => {
  await start('server', 60_000)
  const replies: (() => void)[] = []
  connection.on('request', (accept) => void replies.push(() => accept?.()))
  const answers: (Error | undefined)[] = []
  client.forwardIn('127.0.0.1', 1, (error) => void answers.push(error ?? undefined))
  const ask = (count: number): void => {
    for (let i = 0; i < count; i++) inside(client).ping()
  }
  ask(1999)
  await arrived()
  expect(failures).toEqual([])
  // All are answered, in their order, and as many may be asked again.
  replies.shift()?.()
  while (answers.length === 0) await new Promise((resolve) => setImmediate(resolve))
  client.forwardIn('127.0.0.1', 2, () => {})
  ask(1999)
  await arrived()
  expect(failures).toEqual([])
  ask(1)
  expect(await failed()).toBe('more than 2000 global requests wait for a reply')
})

/** What the client has sent so far is read: a channel is answered by whoever reads it. */
async function arrived(): Promise<void> {
  await new Promise((resolve) => client.shell(false, resolve))
}
