import { EventEmitter } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { closeWhenSilent, keepAlive } from '../../src/tunnel/keep-alive.ts'

class Peer extends EventEmitter {
  isPaused = false
  isTerminated = false
  pings = 0
  answers = true

  ping(): void {
    this.pings++
    if (this.answers) this.emit('pong')
  }

  terminate(): void {
    this.isTerminated = true
    this.emit('close')
  }
}

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

describe('the gateway’s end of a tunnel', () => {
  it('stays open while pings are answered, and closes where one is not', () => {
    const peer = new Peer()
    keepAlive(peer)
    vi.advanceTimersByTime(600_000)
    expect(peer).toMatchObject({ pings: 20, isTerminated: false })
    peer.answers = false
    vi.advanceTimersByTime(61_000)
    expect(peer.isTerminated).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits while it is not read from: the answer is in what waits', () => {
    const peer = Object.assign(new Peer(), { answers: false, isPaused: true })
    keepAlive(peer)
    vi.advanceTimersByTime(600_000)
    expect(peer.isTerminated).toBe(false)
    peer.isPaused = false
    vi.advanceTimersByTime(61_000)
    expect(peer.isTerminated).toBe(true)
  })
})

describe('the agent’s end of a tunnel', () => {
  it('stays open while the gateway pings, and closes once it is silent', () => {
    const peer = new Peer()
    closeWhenSilent(peer)
    for (let minute = 0; minute < 10; minute++) {
      vi.advanceTimersByTime(60_000)
      peer.emit('ping')
    }
    expect(peer.isTerminated).toBe(false)
    vi.advanceTimersByTime(121_000)
    expect(peer.isTerminated).toBe(true)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('waits while it is not read from', () => {
    const peer = Object.assign(new Peer(), { isPaused: true })
    closeWhenSilent(peer)
    vi.advanceTimersByTime(600_000)
    expect(peer.isTerminated).toBe(false)
  })
})
