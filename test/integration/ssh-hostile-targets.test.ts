import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import ssh2, { type AuthContext, type ClientChannel, type Connection, type ServerChannel } from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { makeEd25519Key } from '../../src/protocols/ssh/own-host-keys.ts'
import type { Port } from '../helpers/gateway-client.ts'
import { publicKeyOf, sshClient } from '../helpers/ssh-client.ts'
import { startSshGateway, type SshGateway } from '../helpers/ssh-gateway.ts'
import { SSHD } from '../helpers/ssh-server.ts'

/**
 * Whoever answers in a target's place may send anything: to the gateway's SSH client before it knows whom it talks to, and after.
 * By hand, others and more of them: PAMCTL_FUZZ_SEED=$RANDOM PAMCTL_FUZZ_FACTOR=20 npx vitest run …
 */
let own: SshGateway
let odd: Port
let target: Server
let onSocket: (socket: Socket) => void
let onAuthentication: (connection: Connection, context: AuthContext) => void
let onConnection: (connection: Connection) => void
let onSubsystem: (channel: ServerChannel) => void
let onExec: (channel: ServerChannel, connection: Connection) => void
const sockets = new Set<Socket>()
const hostKey = makeEd25519Key()
const publicKey = publicKeyOf(hostKey)

beforeAll(async () => {
  if (!SSHD) return
  target = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    onSocket(socket)
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const { port } = target.address() as AddressInfo
  own = await startSshGateway({
    prepare: ({ directory }) => writeFileSync(join(directory, 'password'), 'open sesame\n'),
    target: ({ directory }) => `
  - { name: odd, type: ssh, host: 127.0.0.1, port: ${port}, hostKeys: ["${publicKey}"], logins: [{ name: root, password: "file:${join(directory, 'password')}", shell: sh }] }
`,
    rules: `commands:
  - { name: all, match: { unknown: true }, allow: true }`,
  })
  odd = await own.port('odd')
})
beforeEach(() => {
  onSocket = serve
  onAuthentication = (_, context) => (context.method === 'password' ? context.accept() : context.reject(['password']))
  onConnection = () => {}
  onSubsystem = (channel) => channel.end()
  onExec = (channel) => {
    channel.write('fine\n')
    channel.exit(0)
    channel.end()
  }
})
afterAll(async () => {
  for (const socket of sockets) socket.destroy()
  target?.close()
  await own?.stop()
})

function serve(socket: Socket): void {
  const server = new ssh2.Server({ hostKeys: [hostKey] }, (connection) => {
    connection.on('error', () => {})
    onConnection(connection)
    connection.on('authentication', (context) => onAuthentication(connection, context))
    connection.on('session', (accept) => {
      const session = accept()
      session.on('subsystem', (open) => onSubsystem(open()))
      session.on('exec', (open) => onExec(open(), connection))
    })
  })
  server.injectSocket(socket)
}

interface Insides {
  readonly _protocol: {
    readonly _handlers: Record<string, (protocol: unknown, info: { sender: number }) => void>
    readonly _packetRW: {
      readonly write: { allocStart: number; alloc(length: number): Buffer; finalize(packet: Buffer): Buffer }
    }
    readonly _cipher: { encrypt(packet: Buffer): void }
  }
}

/** A payload that the library itself would not send. */
function raw(connection: Connection, payload: Buffer): void {
  const { _protocol: protocol } = connection as unknown as Insides
  const { write } = protocol._packetRW
  const packet = write.alloc(payload.length)
  payload.copy(packet, write.allocStart)
  protocol._cipher.encrypt(write.finalize(packet))
}
const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value >>> 0)
  return bytes
}
const text = (value: string): Buffer => Buffer.concat([u32(value.length), Buffer.from(value, 'latin1')])
const message = (type: number, ...fields: Buffer[]): Buffer => Buffer.concat([Buffer.from([type]), ...fields])
const YES = Buffer.from([1])
const idOf = (channel: ServerChannel): Buffer => u32((channel as unknown as { outgoing: { id: number } }).outgoing.id)

/** The gateway is there, and others do not notice. */
async function othersGoOn(): Promise<void> {
  expect((await fetch(`${own.gateway.url}/healthz`)).status).toBe(200)
  expect(own.gateway.log()).not.toMatch(/uncaught|unhandled|"INTERNAL"|tunnel\.failed|session\.failed/)
}

const exec = () => own.ssh(odd, ['echo x'], 'input')

describe.skipIf(!SSHD)('before the gateway knows whom it talks to', () => {
  const version = 'SSH-2.0-x\r\n'
  const packet = (length: number, rest: Buffer): Buffer => Buffer.concat([Buffer.from(version), u32(length), rest])
  const lists = (...names: string[]): Buffer =>
    message(20, Buffer.alloc(16), ...names.map(text), Buffer.from([0]), u32(0))
  const framed = (payload: Buffer): Buffer => {
    const padding = 8 - ((5 + payload.length) % 8) + 8
    return packet(1 + payload.length + padding, Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)]))
  }
  it.each<[string, Buffer]>([
    ['a version without an end', Buffer.alloc(1_000_000, 'S')],
    ['lines without end before the version', Buffer.from('hello\r\n'.repeat(100_000))],
    ['another version', Buffer.from('SSH-1.5-old\r\n')],
    ['a packet of 4 GiB', packet(0xffffffff, Buffer.alloc(100))],
    ['a packet of nothing', packet(0, Buffer.alloc(100))],
    ['a packet with more padding than packet', packet(12, Buffer.from([255, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))],
    ['an exchange of keys that is cut', framed(message(20, Buffer.alloc(16), u32(500)))],
    ['an exchange without algorithms', framed(lists('', '', '', '', '', '', '', '', '', ''))],
    ['success before an exchange', framed(message(52))],
    [
      'a group of its own choice',
      framed(
        lists('diffie-hellman-group-exchange-sha256', 'ssh-ed25519', ...Array.from({ length: 8 }, () => 'aes256-ctr')),
      ),
    ],
  ])('%s', async (_, bytes) => {
    onSocket = (socket) => void socket.end(bytes)
    const { code, stderr } = await exec()
    expect(code).not.toBe(0)
    expect(stderr).toContain('pam: odd cannot be reached, or the SSH handshake failed')
    await othersGoOn()
  })

  it('transcripts that are damaged anywhere', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(3000), fc.uint8Array({ minLength: 1, maxLength: 8 }), async (where, noise) => {
        onSocket = (socket) => {
          let seen = 0
          const write = socket.write.bind(socket)
          socket.write = (bytes: Buffer, ...rest: never[]) => {
            const at = where - seen
            seen += bytes.length
            const changed = Buffer.from(bytes)
            if (at >= 0 && at < changed.length)
              noise.forEach((byte, index) => (changed[Math.min(at + index, changed.length - 1)] = byte))
            return write(changed, ...rest)
          }
          serve(socket)
        }
        const client = await sshClient(odd, 'root').catch(() => undefined)
        const told = await new Promise((resolve) => {
          if (client === undefined) return resolve('closed')
          client.on('close', () => resolve('closed'))
          client.on('error', () => resolve('closed'))
          client.exec('echo x', (error, channel) => {
            if (error !== undefined) return resolve('refused')
            channel.on('close', () => resolve('done')).resume()
            channel.stderr.resume()
          })
        })
        expect(told).toBeDefined()
        client?.end()
        await othersGoOn()
      }),
      {
        seed: Number(process.env['PAMCTL_FUZZ_SEED'] ?? 1),
        numRuns: 12 * Number(process.env['PAMCTL_FUZZ_FACTOR'] ?? 1),
      },
    )
  }, 1_200_000)
})

describe.skipIf(!SSHD)('while it logs in', () => {
  const prompt = message(60, text(''), text(''), text(''), u32(1), text('Password: '), Buffer.from([0]))
  it.each<[string, (connection: Connection, context: AuthContext) => void]>([
    [
      'asks again and again',
      (connection, context) =>
        context.method === 'keyboard-interactive'
          ? forever(connection, prompt, context)
          : context.reject(['keyboard-interactive']),
    ],
    ['wants another password', (connection) => raw(connection, message(60, text('change it'), text('')))],
    ['lets in what nobody asked for, twice', (connection) => [1, 2].forEach(() => raw(connection, message(52)))],
    [
      'says no without end',
      (connection) =>
        Array.from({ length: 1000 }).forEach(() => raw(connection, message(51, text('password'), Buffer.from([0])))),
    ],
    ['says no in another way', (connection) => raw(connection, message(51, u32(0xffffffff)))],
    [
      'greets without end',
      (connection) =>
        Array.from({ length: 5000 }).forEach(() => raw(connection, message(53, text('x'.repeat(1000)), text('')))),
    ],
    ['opens channels', (connection) => raw(connection, message(90, text('session'), u32(0), u32(0), u32(0)))],
    ['sends data for channels', (connection) => raw(connection, message(94, u32(0), text('x')))],
  ])(
    'a target that %s',
    async (_, behave) => {
      onAuthentication = behave
      // What is no end of its own ends with the client.
      const ended = exec()
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 1500))])
      await othersGoOn()
      for (const socket of sockets) socket.destroy()
      expect((await ended).code).not.toBe(0)
      await othersGoOn()
    },
    120_000,
  )

  function forever(connection: Connection, prompt: Buffer, context: AuthContext): void {
    if (context.method !== 'keyboard-interactive') return
    const ask = (): void => context.prompt([{ prompt: 'Password: ', echo: false }], () => ask())
    ask()
    raw(connection, prompt)
  }
})

describe.skipIf(!SSHD)('once it is logged in', () => {
  const request = (channel: ServerChannel, type: string, ...fields: Buffer[]): Buffer =>
    message(98, idOf(channel), text(type), Buffer.from([0]), ...fields)
  const cases: [string, (channel: ServerChannel, connection: Connection) => Buffer[]][] = [
    [
      'an end by a signal that does not exist',
      (channel) => [request(channel, 'exit-signal', text('FOO'), YES, text('x'), text(''))],
    ],
    [
      'an end by a signal without a name',
      (channel) => [request(channel, 'exit-signal', text(''), YES, text('x'), text(''))],
    ],
    [
      'an end by a signal with a long story',
      (channel) => [request(channel, 'exit-signal', text('KILL'), YES, text('x'.repeat(30_000)), text(''))],
    ],
    ['an exit status that is cut', (channel) => [request(channel, 'exit-status', Buffer.from([0]))]],
    [
      'requests that do not exist',
      (channel) => Array.from({ length: 500 }, () => message(98, idOf(channel), text('nothing'), YES)),
    ],
    ['data that is cut', (channel) => [message(94, idOf(channel), u32(0xffffffff))]],
    ['extended data of a kind that does not exist', (channel) => [message(95, idOf(channel), u32(77), text('x'))]],
    [
      'data for channels that do not exist',
      () => [message(94, u32(4_000_000), text('x')), message(94, u32(0xffffffff), text('x'))],
    ],
    ['a window without end', (channel) => [1, 2, 3].map(() => message(93, idOf(channel), u32(0xffffffff)))],
    [
      'confirmations that nobody asked for',
      (channel) => [message(91, idOf(channel), u32(0), u32(0), u32(0)), message(91, u32(77), u32(0), u32(0), u32(0))],
    ],
    [
      'answers that nobody asked for',
      (channel) => [message(99, idOf(channel)), message(100, idOf(channel)), message(81), message(82)],
    ],
    [
      'channels of every kind',
      () =>
        ['session', 'x11', 'forwarded-tcpip', 'auth-agent@openssh.com', 'direct-tcpip', ''].flatMap((type) =>
          Array.from({ length: 300 }, (_, id) =>
            message(90, text(type), u32(id), u32(1000), u32(1000), text('h'), u32(1), text('h'), u32(1)),
          ),
        ),
    ],
    [
      'channels of packets without size',
      () => [message(90, text('forwarded-tcpip'), u32(0), u32(1000), u32(0), text('h'), u32(1), text('h'), u32(1))],
    ],
    [
      'keys of its own to be checked, without end',
      () =>
        Array.from({ length: 300 }, () => message(80, text('hostkeys-00@openssh.com'), YES, text('x'.repeat(30_000)))),
    ],
    [
      'requests of the whole connection, without end',
      () => Array.from({ length: 3000 }, () => message(80, text('nothing'), YES)),
    ],
    [
      'messages that do not exist',
      () => Array.from({ length: 255 }, (_, type) => message(type)).filter((_, type) => type > 100),
    ],
    [
      'messages of other protocols',
      () => [
        message(5, text('ssh-userauth')),
        message(6, text('x')),
        message(50, text('x')),
        message(60),
        message(61),
        message(52),
        message(30),
        message(31),
      ],
    ],
    ['empty messages', () => [Buffer.alloc(0), Buffer.alloc(1)]],
    [
      'a close twice',
      (channel) => [message(97, idOf(channel)), message(97, idOf(channel)), message(96, idOf(channel))],
    ],
    ['goodbye that is cut', () => [message(1, u32(2))]],
  ]
  it.each(cases)(
    '%s',
    async (_, behave) => {
      onExec = (channel, connection) => {
        for (const payload of behave(channel, connection)) raw(connection, payload)
        channel.write('fine\n')
        channel.exit(0)
        channel.end()
      }
      const { code } = await exec()
      expect(code).toBeTypeOf('number')
      await othersGoOn()
    },
    120_000,
  )

  it('any message', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 80, max: 100 }), fc.uint8Array({ maxLength: 24 })), { maxLength: 20 }),
        async (messages) => {
          onExec = (channel, connection) => {
            for (const [type, rest] of messages)
              raw(connection, message(type, rest.length % 2 === 0 ? idOf(channel) : u32(0), Buffer.from(rest)))
            channel.exit(0)
            channel.end()
            setTimeout(() => connection.end(), 100)
          }
          const client = await sshClient(odd, 'root')
          await new Promise<void>((resolve) => {
            client.on('close', () => resolve())
            client.on('error', () => resolve())
            client.exec('echo x', (error, channel) => {
              if (error !== undefined) return resolve()
              channel.on('close', () => resolve()).resume()
              channel.stderr.resume()
            })
          })
          client.end()
          await othersGoOn()
        },
      ),
      {
        seed: Number(process.env['PAMCTL_FUZZ_SEED'] ?? 1),
        numRuns: 40 * Number(process.env['PAMCTL_FUZZ_FACTOR'] ?? 1),
      },
    )
  }, 1_200_000)

  it.each([0, 1, 255])('channels of packets of %i bytes', async (size) => {
    onConnection = (connection) => {
      const { _protocol: protocol } = connection as unknown as Insides
      Object.assign(protocol._handlers, {
        CHANNEL_OPEN: (_: unknown, { sender }: { sender: number }) =>
          raw(connection, message(91, u32(sender), u32(0), u32(2_000_000), u32(size))),
      })
    }
    expect((await exec()).code).not.toBe(0)
    await othersGoOn()
  })

  it('more data than there is a window for is not kept', async () => {
    onExec = (channel, connection) => {
      for (let sent = 0; sent < 400; sent++) raw(connection, message(94, idOf(channel), text('x'.repeat(30_000))))
    }
    const client = await sshClient(odd, 'root')
    const channel = await new Promise<ClientChannel>((resolve, reject) =>
      client.exec('echo x', (error, opened) => (error === undefined ? resolve(opened) : reject(error))),
    )
    // Nobody reads it: the connection to the target ends.
    const closed = new Promise((resolve) => client.on('close', () => resolve(undefined)))
    channel.pause()
    await closed
    await othersGoOn()
  })

  it.each<[string, Buffer]>([
    ['a length of nothing', u32(0)],
    ['a negative length', u32(-1)],
    ['a length without end', Buffer.concat([u32(0x7fffffff), Buffer.alloc(100)])],
    ['a version that is cut', Buffer.concat([u32(5), Buffer.from([2, 0])])],
    ['an answer to nothing', Buffer.concat([u32(9), Buffer.from([101]), u32(4711), u32(0)])],
    ['names without number', Buffer.concat([u32(9), Buffer.from([104]), u32(1), u32(0xffffffff)])],
    ['a name of negative length', Buffer.concat([u32(13), Buffer.from([104]), u32(1), u32(1), u32(-5)])],
    ['packets byte by byte', Buffer.concat([u32(5), Buffer.from([2]), u32(3), u32(200_000), Buffer.alloc(1000)])],
  ])(
    'files: %s',
    async (what, answer) => {
      onSubsystem = (channel) =>
        channel.once('data', () => {
          if (what.includes('byte by byte')) for (const byte of answer) channel.write(Buffer.from([byte]))
          else channel.write(answer)
          // What waits for more than comes is left.
          setTimeout(() => channel.end(), 50)
        })
      // The gateway asks for the home itself, before it decides.
      expect((await exec()).code).toBeTypeOf('number')
      const client = await sshClient(odd, 'root')
      await new Promise<void>((resolve) => {
        client.on('close', () => resolve())
        client.subsys('sftp', (error, channel) => {
          if (error !== undefined) return resolve()
          channel.on('close', () => resolve()).resume()
          channel.stderr.resume()
          channel.write(Buffer.concat([u32(5), Buffer.from([1]), u32(3)]))
        })
      })
      client.end()
      await othersGoOn()
    },
    120_000,
  )
})
