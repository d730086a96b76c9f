import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ParkedExchange } from '../../../../../src/protocols/http/gateway/browsers/parked-exchange.ts'
import { ANSWER_COOKIE, WaitRoom } from '../../../../../src/protocols/http/gateway/browsers/wait-room.ts'
import type { AnswerHead, Exchange } from '../../../../../src/protocols/http/server/exchange.ts'

/** A browser's request, with what it is answered. */
function browser(target = '/orders/17', method = 'GET') {
  const left = new AbortController()
  const body = new PassThrough()
  const known = { heads: [] as AnswerHead[], abandoned: 0, left, body }
  const exchange = {
    request: {
      version: '1.1',
      method,
      target,
      host: 'shop.apps.example.com',
      headers: [
        ['sec-fetch-site', 'same-origin'],
        ['sec-fetch-mode', 'navigate'],
        ['sec-fetch-dest', 'document'],
      ],
    },
    left: left.signal,
    get hasAnswered() {
      return known.heads.length > 0
    },
    answer(head: AnswerHead) {
      known.heads.push(head)
      return body
    },
    abandon: () => void known.abandoned++,
  } as unknown as Exchange
  return { exchange, known }
}

const jane = { origin: 'https://shop.apps.example.com', login: 'lgn_jane' }
let room: WaitRoom

beforeEach(() => {
  vi.useFakeTimers()
  room = new WaitRoom()
})
afterEach(() => vi.useRealTimers())

/** A page that waits, and the id in its path. */
function waiting(target?: string, method = 'POST') {
  const parked = new ParkedExchange(browser(target, method).exchange)
  const html = room.enter(jane, parked, 'DELETE needs approval by <sre>').body.toString()
  return { parked, html, id: /\/\.pamctl\/wait\/([\w-]{43})/.exec(html)?.[1] ?? '' }
}

describe('a page that waits', () => {
  it('says who decides, goes on by itself, and can be withdrawn', () => {
    const { html, id } = waiting()
    expect(html).toContain('needs approval by &#60;sre&#62;')
    expect(html).toContain(`<meta http-equiv="refresh" content="1;url=/.pamctl/wait/${id}">`)
    expect(html).toContain(`<form method="post" action="/.pamctl/withdraw/${id}">`)
  })

  it('gives its answer to the next request for the same page, once', async () => {
    const { parked, id } = waiting()
    const polled = room.poll(id, jane, browser().exchange)
    parked.answer({ status: 201, headers: [['x-a', '1']] }).end('created')
    expect(await polled).toEqual({
      to: '/orders/17',
      cookie: expect.stringContaining(`${ANSWER_COOKIE}=${id}; Path=/; `),
    })
    const { exchange, known } = browser()
    expect(room.collect(id, jane, exchange)).toBe(true)
    expect(await text(known.body)).toBe('created')
    expect(known.heads).toEqual([
      {
        status: 201,
        headers: [
          ['x-a', '1'],
          ['set-cookie', expect.stringContaining(`${ANSWER_COOKIE}=; Path=/; Max-Age=0`)],
        ],
      },
    ])
    expect(room.collect(id, jane, browser().exchange)).toBe(false)
  })

  it('gives it to nobody else, for no other page, and not before it is there', async () => {
    const { parked, id } = waiting()
    expect(room.collect(id, jane, browser().exchange)).toBe(false)
    parked.answer({ status: 200, headers: [] }).end('secret')
    await vi.advanceTimersByTimeAsync(0)
    const others = [
      { ...jane, login: 'lgn_bob' },
      { ...jane, origin: 'https://wiki.apps.example.com' },
    ]
    for (const other of others) {
      expect(room.collect(id, other, browser().exchange)).toBe(false)
      await expect(room.poll(id, other, browser().exchange)).rejects.toMatchObject({ code: 'NOT_FOUND' })
      expect(() => room.withdraw(id, other)).toThrow('does not wait any longer')
    }
    expect(room.collect(id, jane, browser('/orders/18').exchange)).toBe(false)
    expect(room.collect(id, jane, browser('/orders/17', 'POST').exchange)).toBe(false)
    expect(room.collect('x', jane, browser().exchange)).toBe(false)
    expect(room.collect(id, jane, browser().exchange)).toBe(true)
  })

  it('is shown again where nobody has decided yet', async () => {
    const { html, id } = waiting()
    const polled = room.poll(id, jane, browser().exchange)
    await vi.advanceTimersByTimeAsync(20_000)
    const again = await polled
    expect('body' in again && again.body.toString()).toBe(html)
  })

  it('is withdrawn by its person, and where its browser does not ask any more', async () => {
    const [first, second, third] = [waiting(), waiting(), waiting()]
    room.withdraw(first.id, jane)
    expect(first.parked.left.aborted).toBe(true)
    const polled = room.poll(third.id, jane, browser().exchange)
    await vi.advanceTimersByTimeAsync(19_000)
    expect(second.parked.left.aborted).toBe(false)
    await vi.advanceTimersByTimeAsync(11_000)
    await polled
    expect([second.parked.left.aborted, third.parked.left.aborted]).toEqual([true, false])
    await vi.advanceTimersByTimeAsync(20_000)
    expect(third.parked.left.aborted).toBe(true)
  })

  it('does not end with the request that was held, and its answer ends where its reader leaves', async () => {
    const { exchange, known } = browser()
    const parked = new ParkedExchange(exchange)
    const { body } = room.enter(jane, parked, 'held')
    known.left.abort()
    expect(parked.left.aborted).toBe(false)
    parked.answer({ status: 200, headers: [] }).write('a part')
    await vi.advanceTimersByTimeAsync(0)
    const reader = browser()
    const id = /wait\/([\w-]+)/.exec(body.toString())?.[1] ?? ''
    expect(room.collect(id, jane, reader.exchange)).toBe(true)
    reader.known.left.abort()
    expect(parked.left.aborted).toBe(true)
  })

  it('tells its reader of an answer that is not whole, and shows that one without a page is done', async () => {
    const cut = waiting()
    cut.parked.answer({ status: 200, headers: [] }).write('a part')
    await vi.advanceTimersByTimeAsync(0)
    const { exchange, known } = browser()
    room.collect(cut.id, jane, exchange)
    cut.parked.abandon()
    await vi.advanceTimersByTimeAsync(0)
    expect(known.abandoned).toBe(1)
    const empty = waiting()
    empty.parked.answer({ status: 204, headers: [] }).end()
    await vi.advanceTimersByTimeAsync(0)
    const shown = browser()
    room.collect(empty.id, jane, shown.exchange)
    expect(shown.known.heads[0]?.status).toBe(200)
    expect(await text(shown.known.body)).toContain('status 204, without a page')
  })

  it('is limited to 20 per person', () => {
    for (let count = 0; count < 20; count++) waiting()
    expect(() => waiting()).toThrow('20 of your pages wait for approval already')
  })
})

it('a page that is not held is answered as any other', () => {
  const { exchange, known } = browser()
  const parked = new ParkedExchange(exchange)
  expect(parked.hasAnswered).toBe(false)
  expect(parked.answer({ status: 200, headers: [] })).toBe(known.body)
  expect(parked.hasAnswered).toBe(true)
  parked.abandon()
  expect(known.abandoned).toBe(1)
  known.left.abort()
  expect(parked.left.aborted).toBe(true)
})
