import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, describe, expect, it } from 'vitest'
import { serveControl, type ControlHandlers, type ControlPeer } from '../../src/agent/control-socket.ts'
import { PamError } from '../../src/shared/errors.ts'

const opened: (() => void)[] = []
afterEach(() => {
  for (const close of opened.splice(0)) close()
})

function newPath(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-control-'))
  opened.push(() => rmSync(directory, { recursive: true }))
  return join(directory, 'agent.sock')
}

async function serve(hello: (peer: ControlPeer) => unknown, path = newPath()) {
  const counts: number[] = []
  const handlers = { hello: async (_: unknown, peer: ControlPeer) => hello(peer) } as unknown as ControlHandlers
  const server = await serveControl(path, handlers, { onPeers: (count) => counts.push(count) })
  opened.push(() => server.close())
  return { path, counts }
}

function client(path: string): { socket: Socket; next: () => Promise<unknown>; gone: Promise<void> } {
  const socket = connect(path)
  opened.push(() => socket.destroy())
  const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]()
  return { socket, gone, next: async () => JSON.parse((await lines.next()).value as string) as unknown }
}

const call = (id: unknown, method: unknown = 'hello'): string => `${JSON.stringify({ id, method, params: {} })}\n`

describe('the control socket', () => {
  it('answers each call by its id, with a result or an error', async () => {
    let calls = 0
    const { path } = await serve(() => {
      if (++calls === 2) throw new PamError('NOT_SIGNED_IN', 'no')
      return { calls }
    })
    const { socket, next } = client(path)
    socket.write(call(7) + call(8) + call(9, 'nope') + call(10, 'toString'))
    const answers = [await next(), await next(), await next(), await next()]
    expect(answers).toContainEqual({ id: 7, result: { calls: 1 } })
    expect(answers).toContainEqual({ id: 8, error: expect.objectContaining({ code: 'NOT_SIGNED_IN', message: 'no' }) })
    for (const id of [9, 10]) expect(answers).toContainEqual({ id, error: expect.objectContaining({ code: 'USAGE' }) })
  })

  it.each([
    ['no JSON', 'hello\n'],
    ['no call', 'null\n'],
    ['a call without an id', call(undefined)],
    ['a call without a method', '{"id":1}\n'],
    ['a line without an end', 'x'.repeat(1_100_000)],
  ])('closes on %s, and serves others', async (_, bytes) => {
    const { path } = await serve(() => ({}))
    const bad = client(path)
    bad.socket.on('error', () => {})
    bad.socket.write(bytes)
    await bad.gone
    const good = client(path)
    good.socket.write(call(1))
    expect(await good.next()).toEqual({ id: 1, result: {} })
  })

  it('counts connections, and reports those that have ended', async () => {
    const left: string[] = []
    const { path, counts } = await serve((peer) => {
      peer.onClose(() => left.push('left'))
      return {}
    })
    const { socket, next } = client(path)
    socket.write(call(1))
    await next()
    socket.destroy()
    await expect.poll(() => [counts, left]).toEqual([[1, 0], ['left']])
  })

  it('survives a peer that leaves while its answer is on the way', async () => {
    const { path, counts } = await serve(() => {
      // The other end is closed at once, before this one has heard of it: the answer meets a broken pipe.
      socket.destroy()
      return { long: 'x'.repeat(100_000) }
    })
    const { socket } = client(path)
    socket.write(call(1))
    await expect.poll(() => counts).toEqual([1, 0])
    const other = client(path)
    other.socket.write(call(2, 'nope'))
    expect(await other.next()).toMatchObject({ id: 2 })
  })

  it('takes over the path of a dead agent, and not that of a live one', async () => {
    const path = newPath()
    writeFileSync(path, '')
    await serve(() => ({}), path)
    await expect(serve(() => ({}), path)).rejects.toMatchObject({ code: 'EADDRINUSE' })
    const { socket, next } = client(path)
    socket.write(call(1))
    expect(await next()).toEqual({ id: 1, result: {} })
  })
})
