import type { AddressInfo } from 'node:net'
import type { Client, Connection, Server, ServerChannel, Session } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  answer,
  hasOverrun,
  isClosed,
  rawRequests,
  readRequests,
  sendExit,
} from '../../../../src/protocols/ssh/gateway/ssh2-internals.ts'
import { MAX_PACKET_BYTES, ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'
import { TargetChannel } from '../../../../src/protocols/ssh/gateway/target-channel.ts'

/** A server and a client of the library's, and what reaches into either. */
let server: Server
let connection: Connection
let client: Client
let onSession: (ssh: Session) => void

beforeAll(async () => {
  const hostKey = makeEd25519Key()
  server = new ssh2.Server({ hostKeys: [hostKey] }, (accepted) => {
    connection = accepted
    readRequests(accepted)
    accepted.on('authentication', (context) => context.accept())
    accepted.on('session', (accept) => onSession(accept()))
    accepted.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new ssh2.Client()
  await new Promise<void>((resolve, reject) => {
    client.on('ready', resolve).on('error', reject)
    client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' })
  })
})
afterAll(() => {
  client.end()
  server.close()
})

const open = (): Promise<TargetChannel> => TargetChannel.open(client)
const opened = (): Promise<Session> => new Promise((resolve) => (onSession = resolve))
/** A session from both its ends. */
async function pair(): Promise<[TargetChannel, Session]> {
  const [target, ssh] = await Promise.all([open(), opened()])
  return [target, ssh]
}

describe('ssh2, of the version that is known', () => {
  it('takes commands of any bytes, up to the limit of a packet', async () => {
    for (const command of [Buffer.from([0x65, 0xe9, 0xff]), Buffer.alloc(MAX_PACKET_BYTES - 1000, 0xfe)]) {
      const [target, ssh] = await pair()
      const given = new Promise<Buffer | undefined>((resolve) =>
        ssh.on('exec', (accept) => {
          accept()
          resolve(rawRequests(ssh).command)
          answer(ssh, true)
        }),
      )
      await target.exec(command)
      expect((await given)?.equals(command)).toBe(true)
      target.close()
    }
  })

  it('takes terminals with all their modes', async () => {
    const [target, ssh] = await pair()
    const modes = Buffer.from([129, 0, 0, 0x96, 0, 3, 0, 0, 0, 8, 42, 0, 0, 0, 1, 159, 1, 2, 3, 4, 0])
    const info = new Promise((resolve) =>
      ssh.on('pty', (accept, _reject, { cols, rows }) => {
        accept?.()
        resolve({ cols, rows, modes: rawRequests(ssh).modes })
      }),
    )
    await target.openTerminal({ term: 'xterm', cols: 99, rows: 40, width: 1, height: 2, modes })
    expect(await info).toEqual({ cols: 99, rows: 40, modes })
    target.close()
  })

  it('answers a command when that is said, and refuses a second one', async () => {
    const [target, ssh] = await pair()
    let channel: ServerChannel | undefined
    ssh.on('exec', (accept) => (channel = accept()))
    let isAnswered = false
    const first = target.exec(Buffer.from('one')).then(() => (isAnswered = true))
    const second = target.exec(Buffer.from('two')).then(
      () => 'taken',
      () => 'refused',
    )
    // The refusal of the second comes first, for the first: replies come in order, whatever they are of.
    await first.catch(() => {})
    expect(channel).toBeDefined()
    answer(ssh, true)
    answer(ssh, true)
    expect([await second, isAnswered]).toEqual(['taken', false])
    target.close()
  })

  it('hands signals and sizes on after the end of input', async () => {
    const [target, ssh] = await pair()
    const told: unknown[] = []
    ssh.on('exec', (accept) => {
      accept()
      answer(ssh, true)
    })
    const over = new Promise<void>((resolve) => ssh.on('close', () => resolve()))
    ssh.on('signal', (_accept, _reject, { name }) => told.push(name))
    ssh.on('window-change', (_accept, _reject, { cols, rows }) => told.push([cols, rows]))
    await target.exec(Buffer.from('x'))
    target.stream.end()
    target.signal('TERM')
    target.signal('NONE')
    target.resize({ cols: 3, rows: 2, width: 0, height: 0 })
    target.close()
    await over
    expect(told).toEqual(['TERM', [3, 2]])
  })

  it('tells of exits as they are, also by a signal without a name, and of a channel that is closed', async () => {
    for (const exit of [
      { code: 7 },
      { signal: 'TERM', core: true, description: 'd' },
      { signal: 'SIG@openssh.com', core: false, description: '' },
    ]) {
      const [target, ssh] = await pair()
      let channel!: ServerChannel
      ssh.on('exec', (accept) => {
        channel = accept()
        answer(ssh, true)
        sendExit(channel, exit)
        channel.end()
      })
      await target.exec(Buffer.from('x'))
      await target.gone
      expect(target.exit).toEqual(exit)
      target.stream.resume()
      target.stream.stderr.resume()
      await new Promise((resolve) => target.stream.on('close', resolve))
      expect([isClosed(channel), isClosed(target.stream)]).toEqual([true, true])
    }
  })

  it('shows who sends beyond the window', async () => {
    const [target, ssh] = await pair()
    ssh.on('exec', (accept) => {
      accept()
      answer(ssh, true)
    })
    await target.exec(Buffer.from('x'))
    expect(hasOverrun(connection)).toBe(false)
    const { incoming } = (ssh as unknown as { _channel: { incoming: { window: number } } })._channel
    const before = incoming.window
    target.stream.write('x'.repeat(1000))
    await new Promise<void>((resolve) => {
      const look = (): void => void (incoming.window === before ? setImmediate(look) : resolve())
      look()
    })
    expect(incoming.window).toBe(before - 1000)
    incoming.window = -1
    expect(hasOverrun(connection)).toBe(true)
    target.close()
  })
})
