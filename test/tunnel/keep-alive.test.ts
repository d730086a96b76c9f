import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { closeWhenSilent, keepAlive } from '../../src/tunnel/keep-alive.ts'

/** A WebSocket and the connection below it in one. */
class Peer extends EventEmitter {
  isPaused = false
  isTerminated = false
  pings = 0
  answers = true
  bytesRead = 0
  writableLength = 0

  ping(): void {
    this.pings++
    if (this.answers) this.bytesRead += 6
  }

  terminate(): void {
    this.isTerminated = true
    this.emit('close')
  }
}

afterEach(() => void vi.useRealTimers())

describe('the gateway’s end of a tunnel', () => {
  beforeEach(() => void vi.useFakeTimers())

  it('stays open while pings are answered, and closes within two minutes where none is', () => {
    const peer = new Peer()
    keepAlive(peer, peer)
    vi.advanceTimersByTime(600_001)
    expect(peer).toMatchObject({ pings: 20, isTerminated: false })
    peer.answers = false
    vi.advanceTimersByTime(90_000)
    expect(peer.isTerminated).toBe(false)
    vi.advanceTimersByTime(30_000)
    expect(peer.isTerminated).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('closes where pings are answered and the answers are not read', () => {
    const peer = new Peer()
    keepAlive(peer, peer)
    peer.emit('ping')
    expect(peer.isTerminated).toBe(false)
    peer.writableLength = 17 * 1024 * 1024
    peer.emit('ping')
    expect(peer.isTerminated).toBe(true)
  })

  it('stays open while bytes arrive, though no ping is answered', () => {
    const peer = Object.assign(new Peer(), { answers: false })
    keepAlive(peer, peer)
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(60_000)
      peer.bytesRead++
    }
    expect(peer.isTerminated).toBe(false)
  })

  it('waits while it is not read from: the answer is in what waits', () => {
    const peer = Object.assign(new Peer(), { answers: false, isPaused: true })
    keepAlive(peer, peer)
    vi.advanceTimersByTime(600_000)
    expect(peer.isTerminated).toBe(false)
    peer.isPaused = false
    vi.advanceTimersByTime(121_000)
    expect(peer.isTerminated).toBe(true)
  })
})

describe('the agent’s end of a tunnel', () => {
  beforeEach(() => void vi.useFakeTimers())

  it('stays open while the gateway pings, and closes once it is silent', () => {
    const peer = new Peer()
    closeWhenSilent(peer, peer)
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(60_000)
      peer.bytesRead += 2
    }
    expect(peer.isTerminated).toBe(false)
    vi.advanceTimersByTime(121_000)
    expect(peer.isTerminated).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits while it is not read from', () => {
    const peer = Object.assign(new Peer(), { isPaused: true })
    closeWhenSilent(peer, peer)
    vi.advanceTimersByTime(600_000)
    expect(peer.isTerminated).toBe(false)
  })
})

/** Only these: what is sent travels as ever. */
const pretendTimers = (): unknown => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })

describe('an end that did not run for a while', () => {
  it('reads what has arrived before it decides that the peer is gone', async () => {
    pretendTimers()
    const peer = Object.assign(new Peer(), { answers: false })
    keepAlive(peer, peer)
    for (let look = 0; look < 2; look++) {
      vi.advanceTimersByTime(30_000)
      await new Promise(setImmediate)
    }
    vi.advanceTimersByTime(30_000)
    // The timer ran; now the event loop reads.
    peer.bytesRead += 6
    await new Promise(setImmediate)
    expect(peer.isTerminated).toBe(false)
  })

  it('takes a timer that is late for one, however late', async () => {
    pretendTimers()
    const peer = Object.assign(new Peer(), { answers: false })
    closeWhenSilent(peer, peer)
    vi.advanceTimersByTime(600_000)
    await new Promise(setImmediate)
    expect(peer.isTerminated).toBe(false)
  })
})

describe('two ends over a socket', () => {
  it('hear each other by pings and their answers alone', async () => {
    pretendTimers()
    const server = createServer().listen(0, '127.0.0.1')
    const sockets = new WebSocketServer({ server })
    await once(server, 'listening')
    const agent = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const below = once(agent, 'upgrade') as Promise<[{ socket: Socket }]>
    const [gateway, request] = (await once(sockets, 'connection')) as [WebSocket, { socket: Socket }]
    closeWhenSilent(agent, (await below)[0].socket)
    keepAlive(gateway, request.socket)
    for (let look = 0; look < 10; look++) {
      const answered = once(gateway, 'pong')
      vi.advanceTimersByTime(30_000)
      await answered
    }
    expect([agent.readyState, gateway.readyState]).toEqual([WebSocket.OPEN, WebSocket.OPEN])
    // An agent that says nothing more, and does not close.
    agent.pause()
    const closed = once(gateway, 'close')
    for (let look = 0; look < 4; look++) {
      vi.advanceTimersByTime(30_000)
      await new Promise(setImmediate)
    }
    await closed
    agent.terminate()
    server.close()
  })
})
