import { beforeEach, describe, expect, it } from 'vitest'
import { InFlight } from '../../../../../src/protocols/postgres/gateway/pipeline/in-flight.ts'
import type { Pending } from '../../../../../src/protocols/postgres/gateway/pipeline/pending.ts'

const SYNC: Pending = { type: 'sync' }
const PARSE: Pending = { type: 'parse', change: { confirm() {}, undo() {} }, errorExposure: 'none' }
const CLOSE: Pending = { ...PARSE, type: 'close' }
const reply = (text: string): Pending => ({ type: 'reply', bytes: () => Buffer.from(text) })

let inFlight: InFlight
const types = (): string[] => inFlight.all.map(({ type }) => type)
const send = (...all: Pending[]): void => all.forEach((pending) => inFlight.push(pending))
beforeEach(() => {
  inFlight = new InFlight()
})

/** Whether a promise has resolved, once all that was about to happen has. */
async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false
  void promise.then(() => (done = true))
  await new Promise((resolve) => setImmediate(resolve))
  return done
}

describe('what is answered', () => {
  it('leaves from the head', () => {
    send(PARSE, SYNC)
    expect(inFlight.shift()).toBe(PARSE)
    expect([inFlight.head, inFlight.isIdle]).toEqual([SYNC, false])
    inFlight.shift()
    expect([inFlight.head, inFlight.isIdle]).toEqual([undefined, true])
  })

  it('is skipped up to the Sync after an error, or all of it where there is none yet', () => {
    send(PARSE, CLOSE, SYNC, PARSE)
    expect([...inFlight.skipToSync()]).toEqual([PARSE, CLOSE])
    expect(types()).toEqual(['sync', 'parse'])
    expect([...inFlight.skipToSync()]).toEqual([])
    inFlight.shift()
    expect([...inFlight.skipToSync()]).toEqual([PARSE])
    expect(inFlight.isIdle).toBe(true)
  })

  it('is skipped up to the Sync behind queries of the gateway, which the client does not know of', () => {
    const own = (closes: number | undefined): Pending => ({
      type: 'own',
      results: [[]],
      most: 1,
      room: 1,
      closes,
      done() {},
    })
    send(PARSE, own(2), CLOSE, own(undefined), PARSE, SYNC)
    expect([...inFlight.skipToSync()].map(({ type }) => type)).toEqual(['parse', 'own', 'close'])
    expect(types()).toEqual(['own', 'parse', 'sync'])
  })
})

it('answers of our own have their turn where they stand at the head', () => {
  send(reply('a'), reply('b'), PARSE, reply('c'))
  expect(inFlight.hasDue).toBe(true)
  expect([...inFlight.dueReplies()].join()).toBe('a,b')
  expect(types()).toEqual(['parse', 'reply'])
  expect(inFlight.hasDue).toBe(false)
})

describe('who waits', () => {
  it('for COPY is told when the server asks for data, or when all is answered, and once', async () => {
    expect([await isDone(inFlight.whenCopyOrIdle()), inFlight.awaitsCopy]).toEqual([true, false])
    send(PARSE)
    const [asked, idle] = [inFlight.whenCopyOrIdle(), inFlight.whenIdle()]
    expect(inFlight.awaitsCopy).toBe(true)
    inFlight.tellCopy()
    expect([await isDone(asked), await isDone(idle), inFlight.awaitsCopy]).toEqual([true, false, false])
    const answered = inFlight.whenCopyOrIdle()
    inFlight.shift()
    inFlight.tellIdle()
    expect([await isDone(answered), await isDone(idle), inFlight.awaitsCopy]).toEqual([true, true, false])
  })

  it('for everything is told when it is answered, and at once where nothing is on its way', async () => {
    expect(await isDone(inFlight.whenIdle())).toBe(true)
    send(PARSE, SYNC)
    const idle = inFlight.whenIdle()
    inFlight.shift()
    inFlight.tellIdle()
    expect(await isDone(idle)).toBe(false)
    inFlight.shift()
    expect(inFlight.hasDue).toBe(true)
    expect([...inFlight.dueReplies()]).toEqual([])
    expect(await isDone(idle)).toBe(true)
  })

  it('for an answer is told of the next', async () => {
    const answered = inFlight.whenAnswered()
    expect(await isDone(answered)).toBe(false)
    inFlight.tellAnswered()
    expect(await isDone(answered)).toBe(true)
  })

  it('for room is told once half of what may be on its way is answered', async () => {
    for (let count = 0; count < 10_000; count++) send(SYNC)
    expect(inFlight.isFull).toBe(true)
    const room = inFlight.whenRoom()
    inFlight.shift()
    inFlight.tellRoom()
    expect([inFlight.isFull, await isDone(room)]).toEqual([false, false])
    for (let count = 1; count < 5000; count++) inFlight.shift()
    inFlight.tellRoom()
    expect(await isDone(room)).toBe(true)
  })
})
