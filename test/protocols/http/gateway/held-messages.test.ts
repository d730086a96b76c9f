import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { CommandDraft } from '../../../../src/gateway/engine.ts'
import { heldMessages } from '../../../../src/protocols/http/gateway/held-messages.ts'
import type { Exchange } from '../../../../src/protocols/http/server/exchange.ts'
import { PamError } from '../../../../src/shared/errors.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

const TOO_LONG = new PamError('MESSAGE_TOO_LARGE', 'its messages have not ended')
/** A rule holds what is not too long to be asked about; `denies` says so of all else. */
const holding = { denies: ({ tooLarge }: CommandDraft) => tooLarge !== undefined }
const draft = { tooLarge: TOO_LONG } as CommandDraft

function call(session = holding) {
  const body = new PassThrough()
  const left = new AbortController()
  const exchange = { body, request: { headers: [] } } as unknown as Exchange
  const limits = { maxBytes: 1000, left: left.signal, take: () => {} }
  return { body, left, messages: heldMessages(exchange, draft, session, limits) }
}

describe('a call that a rule holds', () => {
  it('is read to the end of its messages', async () => {
    const { body, messages } = call()
    body.write('ab')
    await vi.advanceTimersByTimeAsync(19_000)
    body.end('c')
    expect((await messages)?.toString()).toBe('abc')
  })

  it('is not asked about where its messages have not ended after 20 seconds: nobody would see all of them', async () => {
    const { body, messages } = call()
    body.write('ab')
    let said: unknown = 'waiting'
    void messages.then((bytes) => (said = bytes))
    await vi.advanceTimersByTimeAsync(19_999)
    expect(said).toBe('waiting')
    await vi.advanceTimersByTimeAsync(2)
    // Judged with `tooLarge`: what would be held is denied then.
    expect(said).toBeUndefined()
    expect(holding.denies(draft)).toBe(true)
  })

  it('nor where they are longer than is read of them', async () => {
    const { body, messages } = call()
    body.write('x'.repeat(1001))
    expect(await messages).toBeUndefined()
  })

  it('ends with its client', async () => {
    const { left, messages } = call()
    left.abort(new PamError('CLIENT_LEFT', 'gone'))
    await expect(messages).rejects.toMatchObject({ code: 'CLIENT_LEFT' })
  })
})

it.each([
  ['allows', () => false],
  ['denies', () => true],
])('a call that a rule %s is not waited for', async (_what, denies) => {
  expect(await call({ denies }).messages).toBeUndefined()
  expect(vi.getTimerCount()).toBe(0)
})
