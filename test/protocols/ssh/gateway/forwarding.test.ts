import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import type { Client, Connection, Server } from 'ssh2'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Verdict } from '../../../../src/gateway/engine.ts'
import { serveForwarding } from '../../../../src/protocols/ssh/gateway/forwarding.ts'
import type { HostConnection } from '../../../../src/protocols/ssh/gateway/host-connection.ts'
import { ssh2 } from '../../../../src/protocols/ssh/gateway/ssh2-library.ts'
import { makeEd25519Key } from '../../../../src/protocols/ssh/own-host-keys.ts'
import { PamError } from '../../../../src/shared/errors.ts'

/** A client, and the gateway's side of its connection; every command is held, and no target is behind it. */
let server: Server
let client: Client
let connection: Connection
let notices: string[]
let held: ((verdict: Verdict) => void)[]
/** What the target is asked to listen on, and does not answer. */
let listening: (() => void)[]

const REFUSED: Verdict = { type: 'refuse', id: 'dec_1', error: new PamError('COMMAND_REFUSED', 'not today') }

beforeEach(async () => {
  held = []
  notices = []
  listening = []
  const session = {
    lease: { user: 'deploy' },
    config: { fullRecord: false },
    target: { name: 'bastion' },
    ended: new AbortController().signal,
    hashKeys: {},
    masking: { columns: [], kinds: [] },
    decide: () => ({ type: 'hold', verdict: new Promise<Verdict>((resolve) => held.push(resolve)) }),
  }
  const upstream = {
    on() {},
    forwardIn: (_address: string, _port: number, done: (error?: Error) => void) =>
      void listening.push(() => done(new Error('no'))),
  }
  server = new ssh2.Server({ hostKeys: [makeEd25519Key()] }, (accepted) => {
    connection = accepted
    accepted.on('error', () => {})
    accepted.on('authentication', (context) => context.accept())
    serveForwarding({
      session,
      client: accepted,
      upstream,
      notices,
      guard: (work: () => void) => work(),
      failed: (error: unknown) => expect.unreachable(String(error)),
    } as unknown as HostConnection)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  client = new ssh2.Client()
  client.connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, username: 'x' })
  await once(client, 'ready')
})
afterEach(() => {
  client.end()
  connection.end()
  server.close()
})

const direct = (): Promise<string | undefined> =>
  new Promise((resolve) => client.forwardOut('127.0.0.1', 1, '127.0.0.1', 2, (error) => resolve(error?.message)))
const listen = (port: number): Promise<string | undefined> =>
  new Promise((resolve) => client.forwardIn('127.0.0.1', port, (error) => resolve(error?.message)))

it('at most 200 connections and ports of a client wait for their decision', async () => {
  const asked = Array.from({ length: 200 }, (_, at) => (at % 2 === 0 ? direct() : listen(at)))
  expect(await direct()).toContain('pam: 200 forwarded connections are being opened already')
  expect(held).toHaveLength(200)
  // Replies to global requests come in their order: that of this one comes once those before it have come.
  const another = listen(1000)
  while (notices.length === 0) await new Promise((resolve) => setImmediate(resolve))
  expect(notices).toEqual(['pam: 200 forwarded connections are being opened already'])
  for (const decide of held.splice(0)) decide(REFUSED)
  expect((await Promise.all(asked)).every((message) => message !== undefined)).toBe(true)
  expect(await another).toBeDefined()
  const after = direct()
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  held[0]?.(REFUSED)
  expect(await after).toContain('pam: not today')
})

it('a port that the target has not answered for still counts', async () => {
  const asked = Array.from({ length: 200 }, (_, at) => listen(at + 1))
  while (held.length < 200) await new Promise((resolve) => setImmediate(resolve))
  for (const decide of held.splice(0)) decide({ type: 'forward', id: 'cmd_1' })
  while (listening.length < 200) await new Promise((resolve) => setImmediate(resolve))
  expect(await direct()).toContain('pam: 200 forwarded connections are being opened already')
  for (const answer of listening.splice(0)) answer()
  expect((await Promise.all(asked)).every((message) => message !== undefined)).toBe(true)
  const after = direct()
  while (held.length === 0) await new Promise((resolve) => setImmediate(resolve))
  held[0]?.(REFUSED)
  expect(await after).toContain('pam: not today')
})
