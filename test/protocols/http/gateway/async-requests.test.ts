import { setMaxListeners } from 'node:events'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { AsyncRequests, isReserved } from '../../../../src/protocols/http/gateway/async-requests.ts'
import { KeptExchange } from '../../../../src/protocols/http/gateway/kept-exchange.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const JANE = { id: 'jane', kind: 'person', label: 'jane', groups: [] } as const
const BILLING = { name: 'billing', type: 'http', labels: {} }
const KEEP_MS = 1000
const NEVER = new AbortController().signal

let requests: AsyncRequests
let ended: AbortController
let released: string[]
/** Of the last DELETE. */
let taken: Promise<void> | undefined
beforeEach(() => {
  vi.useFakeTimers()
  requests = new AsyncRequests(KEEP_MS)
  ended = new AbortController()
  // As the end of a shared session, which each held request listens for.
  setMaxListeners(0, ended.signal)
  released = []
})
afterEach(() => void vi.useRealTimers())

type Answer = Awaited<ReturnType<Parameters<AsyncRequests['add']>[0]['run']>>

/** One that is decided on by hand. */
function add(approval: string, mayWithdraw = true) {
  let answer: (value: Answer) => void = () => {}
  let fail: (error: unknown) => void = () => {}
  let sent = (): void => {}
  const session = { person: JANE, target: BILLING, ended: ended.signal }
  requests.add({
    approval,
    session,
    withdraw: () => (mayWithdraw ? fail(new PamError('HOLD_WITHDRAWN', 'withdrawn')) : undefined),
    run: (tell) => {
      sent = tell
      return new Promise<Answer>((resolve, reject) => {
        answer = resolve
        fail = reject
      })
    },
    release: () => void released.push(approval),
  })
  return { answer, fail, send: () => sent() }
}

function ask(method: string, path: string, person: { id: string } = JANE, target = BILLING) {
  const head = { version: '1.1', method, target: path, host: 'h', headers: [] } as const
  const exchange = new KeptExchange(head, NEVER, 1000)
  taken = requests.serve(exchange, { person: { ...JANE, ...person }, target })
  return exchange
}

const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0)
const OK: Answer = { head: { status: 200, headers: [['content-length', '9']] }, body: Buffer.from('done') }

async function statusOf(approval: string): Promise<number> {
  const exchange = ask('GET', `/.pamctl/requests/${approval}`)
  await settled()
  return exchange.answered().head.status
}

describe('requests that go on without their clients', () => {
  it('give their answer until it is forgotten', async () => {
    const one = add('apr_1')
    expect(await statusOf('apr_1')).toBe(202)
    one.send()
    one.answer(OK)
    await settled()
    const exchange = ask('GET', '/.pamctl/requests/apr_1')
    await settled()
    expect(exchange.answered()).toEqual({ head: { status: 200, headers: [['content-length', '4']] }, body: OK.body })
    expect(released).toEqual([])
    await vi.advanceTimersByTimeAsync(KEEP_MS)
    expect(() => ask('GET', '/.pamctl/requests/apr_1')).toThrow('no request of yours')
    expect(released).toEqual(['apr_1'])
  })

  it('are nothing to others', () => {
    add('apr_1')
    expect(() => ask('GET', '/.pamctl/requests/apr_1', { id: 'bob' })).toThrow('no request of yours')
    expect(() => ask('DELETE', '/.pamctl/requests/apr_1', JANE, { ...BILLING, name: 'other' })).toThrow('no request')
  })

  it('are taken back while nobody has decided, and not once they are sent', async () => {
    add('apr_1')
    ask('DELETE', '/.pamctl/requests/apr_1')
    await settled()
    expect(released).toEqual(['apr_1'])
    const two = add('apr_2')
    two.send()
    ask('DELETE', '/.pamctl/requests/apr_2')
    await expect(taken).rejects.toThrow('cannot be withdrawn')
    two.fail(new PamError('HOLD_DENIED', 'no'))
    await settled()
    expect(() => ask('GET', '/.pamctl/requests/apr_2')).toThrow('no')
    const last = ask('DELETE', '/.pamctl/requests/apr_2')
    await taken
    expect(last.hasAnswered).toBe(true)
    expect(released).toEqual(['apr_1', 'apr_2'])
  })

  it('are not said to be taken back where somebody has approved them a moment before', async () => {
    // The approval is being used: to withdraw comes too late.
    const one = add('apr_1', false)
    const exchange = ask('DELETE', '/.pamctl/requests/apr_1')
    await settled()
    expect(exchange.hasAnswered).toBe(false)
    one.send()
    await expect(taken).rejects.toThrow('cannot be withdrawn')
    one.answer(OK)
    await settled()
    expect(await statusOf('apr_1')).toBe(200)
  })

  it.each(['pending', 'sent', 'answered'])(
    'are forgotten with the session when they are %s, and give back once',
    async (state) => {
      const one = add('apr_1')
      if (state !== 'pending') one.send()
      if (state === 'answered') one.answer(OK)
      await settled()
      ended.abort(new PamError('GRANT_REVOKED', 'revoked'))
      expect(() => ask('GET', '/.pamctl/requests/apr_1')).toThrow('no request of yours')
      one.fail(ended.signal.reason)
      await vi.advanceTimersByTimeAsync(KEEP_MS)
      expect(released).toEqual(['apr_1'])
      expect(vi.getTimerCount()).toBe(0)
    },
  )

  it('are limited per person, before anybody is asked about them', () => {
    const given = Array.from({ length: 16 }, () => requests.take('jane'))
    expect(given).not.toContain(undefined)
    expect(requests.take('jane')).toBeUndefined()
    expect(requests.take('bob')).toBeTypeOf('function')
    given[0]?.()
    expect(requests.take('jane')).toBeTypeOf('function')
    expect(requests.take('jane')).toBeUndefined()
  })
})

it.each([
  ['/.pamctl/requests/apr_1', true],
  ['/.pamctl/requests/', true],
  ['/.pamctl', true],
  ['/.PamCtl?x', true],
  ['/.pamctlx', false],
  ['/x/.pamctl/requests/a', false],
])('%s is reserved: %s', (path, is) => {
  expect(isReserved(path)).toBe(is)
})

describe('an answer that is kept', () => {
  const head = { version: '1.1', method: 'GET', target: '/', host: 'h', headers: [] } as const
  const finished = async (bytes: number, abandon = false) => {
    const exchange = new KeptExchange(head, NEVER, 10)
    const out = exchange.answer({ status: 200, headers: [] })
    out.end(Buffer.alloc(bytes, 'x'))
    await settled()
    if (abandon) exchange.abandon()
    return exchange
  }

  it('is whole, and not too long', async () => {
    expect((await finished(10)).answered().body).toHaveLength(10)
    const long = await finished(11)
    expect(() => long.answered()).toThrow('with 11 bytes, more than the 10')
    const cut = await finished(5, true)
    expect(() => cut.answered()).toThrow('was cut off')
    expect(() => new KeptExchange(head, NEVER, 10).answered()).toThrow('was cut off')
  })
})
