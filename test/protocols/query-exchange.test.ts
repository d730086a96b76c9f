import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { afterEach, expect, it } from 'vitest'
import { QueryExchange } from '../../src/protocols/query-exchange.ts'
import { WireError } from '../../src/wire/wire-error.ts'

/** Each byte is a message; `!` is none of the protocol. */
const bytewise = {
  push(chunk: Buffer, take: (frame: string) => boolean): void {
    for (const letter of chunk.toString()) {
      if (letter === '!') throw new WireError('server: no such message')
      take(letter)
    }
  },
}

const server = createServer().listen(0, '127.0.0.1')
const sockets: Socket[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  server.unref()
})

async function open(
  onUnexpected?: (letter: string, exchange: QueryExchange<string>) => void,
): Promise<{ readonly exchange: QueryExchange<string>; readonly peer: Socket }> {
  if (!server.listening) await once(server, 'listening')
  const peer = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const exchange: QueryExchange<string> = new QueryExchange(socket, bytewise, (letter) =>
    onUnexpected?.(letter, exchange),
  )
  sockets.push(socket, await peer)
  return { exchange, peer: await peer }
}

const untilZ = (letter: string): boolean => letter === 'z'

it('hands over what is answered until the exchange is complete', async () => {
  const { exchange, peer } = await open()
  const heard: string[] = []
  peer.once('data', (asked) => peer.write(`${String(asked)}bz`))
  await exchange.converse(Buffer.from('a'), (letter) => heard.push(letter) > 0 && untilZ(letter))
  expect(heard.join('')).toBe('abz')
})

it('fails with GATEWAY_LOST when the connection ends in the middle, and so does all that is asked later', async () => {
  const { exchange, peer } = await open()
  peer.once('data', () => peer.end('b'))
  await expect(exchange.converse(Buffer.from('a'), untilZ)).rejects.toMatchObject({ code: 'GATEWAY_LOST' })
  await expect(exchange.converse(Buffer.from('a'), untilZ)).rejects.toMatchObject({ code: 'GATEWAY_LOST' })
})

it('fails with what the server has said last, if the connection ends then', async () => {
  const { exchange, peer } = await open()
  peer.once('data', () => peer.end('e'))
  const refused = new Error('revoked')
  const hear = (): boolean => {
    exchange.reason = refused
    return false
  }
  await expect(exchange.converse(Buffer.from('a'), hear)).rejects.toBe(refused)
})

it('reports messages between exchanges, which may end the connection', async () => {
  const refused = new Error('killed')
  const { exchange, peer } = await open((_letter, told) => told.fail(refused))
  peer.once('data', () => peer.write('ze'))
  await exchange.converse(Buffer.from('a'), untilZ)
  await expect(exchange.converse(undefined, untilZ)).rejects.toBe(refused)
})

it('cuts off a server that breaks the protocol', async () => {
  const { exchange, peer } = await open()
  peer.once('data', () => peer.write('!'))
  const closed = once(peer, 'close')
  await expect(exchange.converse(Buffer.from('a'), untilZ)).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' })
  await closed
})

it('says goodbye when nothing runs, and cuts off what runs', async () => {
  const idle = await open()
  idle.exchange.close(Buffer.from('X'))
  expect(String(await once(idle.peer, 'data'))).toBe('X')
  const busy = await open()
  const running = busy.exchange.converse(Buffer.from('a'), untilZ)
  await once(busy.peer, 'data')
  const left: Buffer[] = []
  busy.peer.on('data', (chunk: Buffer) => left.push(chunk))
  busy.exchange.close(Buffer.from('X'))
  await expect(running).rejects.toMatchObject({ code: 'GATEWAY_LOST' })
  await once(busy.peer, 'close')
  expect(left).toEqual([])
})
