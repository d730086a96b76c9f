import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { MAX_MESSAGE_BYTES, TargetMessages } from '../../src/gateway/target-messages.ts'
import { bodyOf, Framer, type Frame } from '../../src/protocols/postgres/wire/framer.ts'
import { PamError } from '../../src/shared/errors.ts'
import { TestChannel } from '../helpers/test-channel.ts'

let channel: TestChannel
let over: AbortController
let messages: TargetMessages<Frame>
const message = (body: string): Buffer => {
  const head = Buffer.from([0x58, 0, 0, 0, 4 + body.length])
  return Buffer.concat([head, Buffer.from(body)])
}
const next = async (): Promise<string> => bodyOf(await messages.next()).toString()

beforeEach(() => {
  channel = new TestChannel()
  over = new AbortController()
  messages = new TargetMessages(channel, over.signal, new Framer(MAX_MESSAGE_BYTES, 'the target'))
  messages.allow('the login', { bytes: 100, messages: 5 })
})
afterEach(() => void vi.useRealTimers())

describe('messages of a target to the gateway', () => {
  it('are read one at a time, however they are cut', async () => {
    const first = next()
    expect(channel.isPaused).toBe(false)
    const bytes = Buffer.concat([message('one'), message('two')])
    channel.handler.data(bytes.subarray(0, 6))
    channel.handler.data(bytes.subarray(6))
    expect(await first).toBe('one')
    expect(channel.isPaused).toBe(true)
    expect(await next()).toBe('two')
  })

  it.each<[string, () => Promise<unknown>]>([
    [
      'bytes',
      () => {
        const asked = next()
        channel.handler.data(message('x'.repeat(96)))
        return asked
      },
    ],
    [
      'messages',
      async () => {
        channel.handler.data(Buffer.concat(Array.from({ length: 6 }, () => message('x'))))
        for (let round = 0; round < 6; round++) await next()
      },
    ],
  ])('is no more than allowed: %s', async (_, say) => {
    await expect(say()).rejects.toMatchObject({
      code: 'MESSAGE_TOO_LARGE',
      message: 'the target sent more during the login than is allowed',
    })
    expect(channel.isDestroyed).toBe(true)
    await expect(next()).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' })
  })

  it('are still read where they arrived before the end', async () => {
    channel.handler.data(message('why'))
    channel.handler.ended()
    expect(await next()).toBe('why')
    await expect(next()).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
  })

  it('end with the reason of the abort', async () => {
    const reason = new PamError('GRANT_OVER', 'over')
    const asked = next()
    over.abort(reason)
    await expect(asked).rejects.toBe(reason)
    expect(channel.isDestroyed).toBe(true)
    channel.handler.data(message('late'))
    await expect(next()).rejects.toBe(reason)
    await expect(
      new TargetMessages(new TestChannel(), over.signal, new Framer(MAX_MESSAGE_BYTES, 'the target')).next(),
    ).rejects.toBe(reason)
  })

  it('with an invalid length are refused', async () => {
    const asked = next()
    channel.handler.data(Buffer.from([0x58, 0, 0, 0, 3]))
    await expect(asked).rejects.toMatchObject({ code: 'PROTOCOL_VIOLATION' })
  })

  it('are an error where some are left when the connection is handed over', () => {
    messages.release()
    over.abort(new PamError('GRANT_OVER', 'over'))
    expect(channel.isDestroyed).toBe(false)
  })

  it.each([
    ['a whole message', message('x')],
    ['the beginning of one', Buffer.from('X')],
  ])('is handed on only where nothing is left over: %s', (_, bytes) => {
    channel.handler.data(bytes)
    expect(() => messages.release()).toThrow('sent more than was asked for')
    expect(channel.isDestroyed).toBe(true)
  })

  it('end with a farewell, and by a cut where the target stays', () => {
    vi.useFakeTimers()
    messages.close(Buffer.from('bye'))
    expect([channel.text, channel.hasEnded, channel.isDestroyed]).toEqual(['bye', true, false])
    vi.advanceTimersByTime(1000)
    expect(channel.isDestroyed).toBe(true)
  })
})
