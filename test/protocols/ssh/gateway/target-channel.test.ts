import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Client, Server, ServerChannel, Session } from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  answer,
  rawRequests,
  readRequests,
  sendExit,
  type ExitSignal,
} from '../../../../src/protocols/ssh/gateway/ssh2-internals.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'
import { RefusedByTarget, TargetChannel } from '../../../../src/protocols/ssh/gateway/target-channel.ts'

let server: Server
let client: Client
let onSession: (ssh: Session) => void
let isFull: boolean
let target: TargetChannel
let host: Session

beforeAll(async () => {
  const hostKey = makeEd25519Key()
  server = new ssh2.Server({ hostKeys: [hostKey] }, (accepted) => {
    readRequests(accepted)
    accepted.on('authentication', (context) => context.accept())
    accepted.on('session', (accept, reject) => (isFull ? reject() : onSession(accept())))
    accepted.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' })
  await once(client, 'ready')
})
afterAll(() => {
  client.end()
  server.close()
})
beforeEach(async () => {
  isFull = false
  const opened = new Promise<Session>((resolve) => (onSession = resolve))
  ;[target, host] = await Promise.all([TargetChannel.open(client), opened])
})

/** The target's side of a program that was started. */
async function started(): Promise<ServerChannel> {
  const running = new Promise<ServerChannel>((resolve) =>
    host.on('exec', (accept) => {
      const channel = accept()
      answer(host, true)
      resolve(channel)
    }),
  )
  await target.exec(Buffer.from('x'))
  target.stream.resume()
  return running
}

describe('a channel of a target', () => {
  it.each([
    ['a shell', () => target.shell(), 'the target refused to start a shell'],
    ['a command', () => target.exec(Buffer.from('ls')), 'the target refused to run commands'],
    ['a subsystem', () => target.startSubsystem('sftp'), 'the target refused to start sftp'],
    [
      'a terminal',
      () => target.openTerminal({ term: 'xterm', cols: 80, rows: 24, width: 0, height: 0, modes: Buffer.from([0]) }),
      'the target refused to allocate a terminal',
    ],
  ])('says so where the target gives no such thing: %s', async (_, ask, message) => {
    for (const type of ['shell', 'exec', 'subsystem'] as const) host.on(type as 'shell', () => answer(host, false))
    host.on('pty', (_accept, reject) => reject?.())
    const failure = await ask().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(failure).toBeInstanceOf(RefusedByTarget)
    expect((failure as Error).message).toBe(message)
  })

  it('hands on what the client asked for, byte by byte', async () => {
    const seen: unknown[] = []
    host.on('pty', (accept, _reject, info) => {
      seen.push([info.cols, info.rows, (info as unknown as { term: string }).term])
      accept?.()
    })
    host.on('env', (accept, _reject, { key, val }) => {
      seen.push([key, val])
      accept?.()
    })
    await target.openTerminal({ term: 'xterm', cols: 100, rows: 30, width: 0, height: 0, modes: Buffer.from([0]) })
    target.setEnvironment({ LANG: 'C.UTF-8', EMPTY: '' })
    await started()
    expect(seen).toEqual([
      [100, 30, 'xterm'],
      ['LANG', 'C.UTF-8'],
      ['EMPTY', ''],
    ])
    expect(rawRequests(host).command?.toString()).toBe('x')
  })

  it.each<[{ code: number } | ExitSignal, object]>([
    [{ code: 0 }, { code: 0 }],
    [{ code: 255 }, { code: 255 }],
    [
      { signal: 'TERM', core: false, description: '' },
      { signal: 'TERM', core: false, description: '' },
    ],
    [
      { signal: 'x'.repeat(300), core: true, description: 'y'.repeat(3000) },
      { signal: 'x'.repeat(100), core: true, description: 'y'.repeat(1000) },
    ],
  ])('knows how the program ended (%#)', async (sent, exit) => {
    const channel = await started()
    sendExit(channel, sent)
    channel.end()
    expect(await target.gone).toBe(true)
    expect(target.exit).toEqual(exit)
  })

  it('is gone where it closes without a word', async () => {
    const channel = await started()
    channel.close()
    expect(await target.gone).toBe(true)
    expect(target.exit).toBeUndefined()
  })

  it('sends signals that there are, and no others', async () => {
    const signals: string[] = []
    host.on('signal', (accept, _reject, { name }) => {
      signals.push(name)
      accept?.()
    })
    const channel = await started()
    for (const name of ['INT', 'STOP', 'INT\0', 'KILL']) target.signal(name)
    // What is asked for is answered in order: an answer to this comes behind them.
    target.stream.end()
    await once(channel.resume(), 'end')
    expect(signals).toEqual(['INT', 'KILL'])
  })

  it('is refused where the target opens no more', async () => {
    isFull = true
    await expect(TargetChannel.open(client)).rejects.toThrow('Channel open failure')
  })
})
