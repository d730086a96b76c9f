import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Client, ClientChannel, Server, ServerChannel } from 'ssh2'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ChannelWriter } from '../../../../src/protocols/ssh/gateway/channel-writer.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'

let server: Server
let client: Client
let near: ServerChannel
let far: ClientChannel
let opened: (channel: ServerChannel) => void

beforeAll(async () => {
  const hostKey = makeEd25519Key()
  server = new ssh2.Server({ hostKeys: [hostKey] }, (accepted) => {
    accepted.on('authentication', (context) => context.accept())
    accepted.on('session', (accept) => accept().on('shell', (take) => opened(take())))
    accepted.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' })
  await once(client, 'ready')
})
afterAll(() => {
  client.end()
  server.close()
})
beforeEach(async () => {
  const accepted = new Promise<ServerChannel>((resolve) => (opened = resolve))
  far = await new Promise((resolve, reject) =>
    client.shell(false, (error, shell) => (error === undefined ? resolve(shell) : reject(error))),
  )
  near = await accepted
})

function read(source: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  source.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  return new Promise((resolve) => source.once('end', () => resolve(text)))
}

describe('a channel is written to', () => {
  it('on both outputs, each byte once, also where the window has no room for them', async () => {
    const writer = new ChannelWriter(near)
    const expected = { stdout: '', stderr: '' }
    for (let round = 0; round < 200; round++)
      for (const output of ['stdout', 'stderr'] as const) {
        const text = `${round} ${output} `.repeat(1500)
        expected[output] += text
        writer.write(output, Buffer.from(text))
      }
    const both = Promise.all([read(far), read(far.stderr)])
    await new Promise<void>((resolve) => writer.whenEmpty(resolve))
    near.end()
    const [stdout, stderr] = await both
    expect(stdout === expected.stdout).toBe(true)
    expect(stderr === expected.stderr).toBe(true)
  })

  it('in full packets, however small the pieces are that are written at one time', async () => {
    const writer = new ChannelWriter(near)
    const sizes: number[] = []
    far.on('data', (bytes: Buffer) => sizes.push(bytes.length))
    for (let piece = 0; piece < 70; piece++) writer.write('stdout', Buffer.alloc(1000, piece))
    await new Promise<void>((resolve) => writer.whenEmpty(resolve))
    const ended = once(far, 'end')
    near.end()
    await ended
    expect(sizes).toEqual([32_768, 32_768, 4464])
  })

  it('until 256 KiB wait', () => {
    const writer = new ChannelWriter(near)
    expect(writer.write('stdout', Buffer.alloc(256 * 1024 - 1))).toBe(true)
    expect(writer.write('stderr', Buffer.alloc(1))).toBe(false)
    expect(writer.write('stdout', Buffer.alloc(0))).toBe(true)
  })

  it('no longer once nobody reads: waiting callers continue', async () => {
    const writer = new ChannelWriter(near)
    writer.write('stdout', Buffer.alloc(8_000_000))
    const waiting = new Promise<void>((resolve) => writer.whenEmpty(resolve))
    writer.close()
    await waiting
    expect(writer.write('stdout', Buffer.alloc(8_000_000))).toBe(true)
    await new Promise<void>((resolve) => writer.whenEmpty(resolve))
  })
})
