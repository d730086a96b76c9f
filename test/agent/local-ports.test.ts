import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { AgentEvent } from '../../src/agent/control-messages.ts'
import type { ControlPeer } from '../../src/agent/control-socket.ts'
import { LocalPorts, type LocalPortsParts } from '../../src/agent/local-ports.ts'
import { idleHandler } from '../../src/shared/channel.ts'
import { PamError } from '../../src/shared/errors.ts'
import type { TunnelChannel } from '../../src/tunnel/web-socket-channel.ts'

const GATEWAY = 'https://pam.example.com'
const PARAMS = { profile: 'default', target: 'prod-db', protocol: 'ssh' }
const OVER = new PamError('NOT_SIGNED_IN', 'you signed out', { hint: 'sign in again: pamctl login' })

let runtime: string
let ports: LocalPorts
let changed: number
let hasAccess: boolean
let tunnel: () => Promise<TunnelChannel>

/** A command that is connected to the agent. */
function command() {
  const said: AgentEvent[] = []
  let leave: () => void = () => {}
  const peer: ControlPeer = {
    send: (event) => said.push(event),
    sendHold: () => {},
    onClose: (listener) => (leave = listener),
  }
  return { peer, said, leave: () => leave() }
}

const quietChannel = (): Omit<TunnelChannel, 'onFrame'> => ({
  handler: idleHandler,
  write: () => true,
  pause() {},
  resume() {},
  end() {},
  destroy() {},
  send() {},
})

const api = {
  targets: () => Promise.resolve(hasAccess ? [{ name: 'prod-db', grant: 'standing' }] : []),
  grants: { list: () => Promise.resolve({ items: [] }) },
  events: async function* (_: unknown, signal: AbortSignal) {
    const event = await new Promise<undefined>((resolve) => signal.addEventListener('abort', () => resolve(undefined)))
    if (event !== undefined) yield event
  },
} as unknown as Awaited<ReturnType<LocalPortsParts['apiOf']>>

const isOpen = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.on('error', () => resolve(false))
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
  })

beforeEach(() => {
  runtime = mkdtempSync(join(tmpdir(), 'pam-'))
  changed = 0
  hasAccess = true
  tunnel = () => Promise.reject(new PamError('NO_GRANT', 'no grant'))
  ports = new LocalPorts({
    runtime,
    logger: { info: vi.fn(), warn: vi.fn() },
    identity: () => Promise.resolve({ gateway: GATEWAY, person: 'per_jane' }),
    openTunnel: () => tunnel(),
    apiOf: () => Promise.resolve(api),
    isProven: () => true,
    connected: () => {},
    unused: () => {},
    changed: () => changed++,
  })
})

afterEach(async () => {
  await ports.stop()
  rmSync(runtime, { recursive: true })
})

describe('a port for commands', () => {
  it('is shared by those who ask for the target, and closes with the last of them', async () => {
    const [one, other] = [command(), command()]
    const [first, second] = await Promise.all([ports.listen(PARAMS, one.peer), ports.listen(PARAMS, other.peer)])
    expect(second).toEqual(first)
    expect(ports.shared({ gateway: GATEWAY, person: 'per_jane', protocol: 'ssh' })).toEqual([
      { target: 'prod-db', listener: first },
    ])
    one.leave()
    expect(await isOpen(first.port)).toBe(true)
    other.leave()
    expect(changed).toBeGreaterThan(0)
    expect(ports.statuses()).toEqual([])
    await vi.waitFor(async () => expect(await isOpen(first.port)).toBe(false))
  })

  it('is another one for each command that wants its own, and is shown to no other person', async () => {
    const [first, second] = [
      await ports.listen({ ...PARAMS, own: true }, command().peer),
      await ports.listen({ ...PARAMS, own: true }, command().peer),
    ]
    expect(second.port).not.toBe(first.port)
    expect(ports.shared({ gateway: GATEWAY, person: 'per_jane', protocol: 'ssh' })).toEqual([])
    await ports.listen(PARAMS, command().peer)
    expect(ports.shared({ gateway: GATEWAY, person: 'per_joe', protocol: 'ssh' })).toEqual([])
  })

  it('keeps its number while it is open, and is refused for an unknown protocol', async () => {
    const { port } = await ports.listen(PARAMS, command().peer)
    await expect(ports.listen({ ...PARAMS, port: port + 1 }, command().peer)).rejects.toMatchObject({
      code: 'PORT_TAKEN',
    })
    await expect(ports.listen({ ...PARAMS, protocol: 'gopher' }, command().peer)).rejects.toMatchObject({
      code: 'FEATURE_REFUSED',
    })
  })

  it('tells its commands why a connection failed, and of the end of the login', async () => {
    const one = command()
    const { port } = await ports.listen(PARAMS, one.peer)
    const client = connect({ host: '127.0.0.1', port }).resume()
    await once(client, 'close')
    expect(one.said).toMatchObject([{ target: 'prod-db', message: 'no grant', code: 'NO_GRANT' }])
    ports.notify('default', 'sign in again within 5 minutes')
    ports.signedOut('another', OVER)
    ports.signedOut('default', OVER)
    expect(one.said.slice(1)).toMatchObject([
      { message: 'sign in again within 5 minutes', kind: 'ahead' },
      { message: 'you signed out; sign in again: pamctl login', code: 'NOT_SIGNED_IN' },
    ])
  })
})

it('says of a connection after one that was open that its client may not say why there is none', async () => {
  const one = command()
  const { port } = await ports.listen({ ...PARAMS, protocol: 'postgres', own: true }, one.peer)
  const channel: TunnelChannel = { ...quietChannel(), onFrame: () => {} }
  tunnel = () => Promise.resolve(channel)
  const client = connect({ host: '127.0.0.1', port }).resume()
  await once(client, 'connect')
  await vi.waitFor(() => expect(channel.handler).not.toBe(idleHandler))
  channel.onFrame({ v: 1, type: 'opened', id: 'ses_1' })
  channel.onFrame({ v: 1, type: 'ended', code: 'GRANT_REVOKED', message: 'revoked', hint: 'ask again' })
  channel.handler.closed()
  client.end()
  await once(client, 'close')
  expect(one.said).toEqual([{ target: 'prod-db', message: 'revoked (ask again)', kind: 'told', code: 'GRANT_REVOKED' }])
  // The shell reconnects by itself.
  tunnel = () => Promise.reject(new PamError('NO_GRANT', 'no grant'))
  const again = connect({ host: '127.0.0.1', port }).resume()
  await once(again, 'connect')
  again.end()
  await once(again, 'close')
  expect(one.said[1]).toMatchObject({ message: 'no grant', late: true, code: 'NO_GRANT' })
})

describe('a kept port', () => {
  it('stays open without a command until it is closed', async () => {
    const { listener } = await ports.keep(PARAMS)
    expect(ports.areInUse).toBe(true)
    expect(ports.statuses()).toMatchObject([{ target: 'prod-db', port: listener.port, kept: {} }])
    expect(ports.closeKept({ profile: 'default', target: 'dev-db' }, OVER)).toBe(false)
    expect(ports.closeKept({ profile: 'default', target: 'prod-db' }, OVER)).toBe(true)
    expect(ports.areInUse).toBe(false)
  })

  it('is not opened without access, and closes with the login', async () => {
    hasAccess = false
    await expect(ports.keep(PARAMS)).rejects.toBeInstanceOf(PamError)
    expect(ports.statuses()).toEqual([])
    hasAccess = true
    await ports.keep(PARAMS)
    ports.signedOut('default', OVER)
    expect(ports.statuses()).toEqual([])
  })
})
