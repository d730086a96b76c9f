import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { Framer } from '../../src/protocols/postgres/wire/framer.ts'
import { readStartupPacket } from '../../src/protocols/postgres/wire/startup.ts'

/** What the gateway said: `startup`, `ssl-request`, or the letter of a message, with its bytes. */
export interface Said {
  readonly what: string
  readonly text: string
}

/**
 * What becomes of a message of the gateway: it goes to the real server, it is answered with these bytes, or with nothing.
 * After either of the last two the real server is not asked any more, nor heard.
 */
export type Answer = 'pass' | 'silent' | Buffer

/** A server that is the real one until it is told to be another. */
export interface HostilePostgres {
  readonly port: number
  /** Asked for each message of the gateway. */
  answer: (said: Said) => Answer
  /** Changes what the real server says; `undefined`: nothing of it. */
  mutate: ((bytes: Buffer) => Buffer) | undefined
  /** All that the gateway has sent, over all connections. */
  received(): Buffer
  /** Resolves once every connection is closed. */
  allClosed(): Promise<void>
  stop(): void
}

export async function hostilePostgres(realPort: number): Promise<HostilePostgres> {
  const open = new Set<Socket>()
  const received: Buffer[] = []
  const server: Server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => open.delete(socket))
    const real = connect(realPort, '127.0.0.1')
    real.on('error', () => {})
    real.on('close', () => socket.end())
    socket.on('close', () => real.destroy())
    let isReal = true
    let isEncrypted = false
    real.on('data', (bytes: Buffer) => {
      if (isReal) socket.write(hostile.mutate?.(bytes) ?? bytes)
    })
    const framer = new Framer(100_000_000, 'the gateway')
    let start: Buffer | undefined = Buffer.alloc(0)
    const handle = (what: string, bytes: Buffer): void => {
      const answer = hostile.answer({ what, text: bytes.toString('latin1') })
      if (answer === 'pass') {
        if (isReal) real.write(bytes)
        return
      }
      isReal = false
      if (answer !== 'silent') socket.write(answer)
    }
    socket.on('data', (bytes: Buffer) => {
      received.push(bytes)
      if (isEncrypted) return
      let rest = bytes
      while (start !== undefined) {
        start = Buffer.concat([start, rest])
        const read = readStartupPacket(start)
        if (read === undefined) return
        const packet = start.subarray(0, read.length)
        rest = start.subarray(read.length)
        start = read.packet.type === 'startup' ? undefined : Buffer.alloc(0)
        handle(read.packet.type, packet)
        isEncrypted = read.packet.type === 'ssl-request' && !isReal
        if (isEncrypted) return
        if (start !== undefined && rest.length === 0) return
      }
      framer.push(rest, (frame) => handle(String.fromCharCode(frame.tag), frame.bytes))
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const hostile: HostilePostgres = {
    port: (server.address() as AddressInfo).port,
    answer: () => 'pass',
    mutate: undefined,
    received: () => Buffer.concat(received),
    async allClosed() {
      // A write that the gateway no longer takes is an error of the socket before its end.
      await Promise.all([...open].map((socket) => new Promise((resolve) => socket.once('close', resolve))))
    },
    stop() {
      server.close()
      for (const socket of open) socket.destroy()
    },
  }
  return hostile
}
