import { beforeEach, describe, expect, it } from 'vitest'
import type { Session } from '../../src/gateway/engine.ts'
import { waitingClient } from '../../src/gateway/early-input.ts'
import type { PamError } from '../../src/shared/errors.ts'
import { TestChannel } from '../helpers/test-channel.ts'

let channel: TestChannel
let ended: string[]
const wait = (rest = ''): ReturnType<typeof waitingClient> =>
  waitingClient(channel, Buffer.from(rest), { end: ({ code }: PamError) => ended.push(code) } as unknown as Session)
beforeEach(() => {
  channel = new TestChannel()
  ended = []
})

describe('a client that waits for its target', () => {
  it('may send early; the bytes are kept in order', () => {
    const take = wait('a')
    channel.handler.data(Buffer.from('b'))
    channel.handler.data(Buffer.from('c'))
    expect(take()).toEqual({ bytes: Buffer.from('abc'), hasEnded: false })
    expect(channel.isPaused).toBe(true)
    expect(ended).toEqual([])
  })

  it('may send at most 64 KiB', () => {
    wait()
    channel.handler.data(Buffer.alloc(64 * 1024))
    expect(channel.isPaused).toBe(false)
    channel.handler.data(Buffer.alloc(1))
    expect(channel.isPaused).toBe(true)
  })

  it('is served where it has sent something and closed its sending side', () => {
    const take = wait('a')
    channel.handler.ended()
    expect(take().hasEnded).toBe(true)
    expect(ended).toEqual([])
  })

  it.each(['ended', 'closed'] as const)('has left: %s', (how) => {
    wait()
    channel.handler[how]()
    expect(ended).toEqual(['CLIENT_LEFT'])
  })

  it('has left where both sides are closed, whatever it sent', () => {
    wait('a')
    channel.handler.closed()
    expect(ended).toEqual(['CLIENT_LEFT'])
  })
})
