import { expect, it } from 'vitest'
import { followAccess, type ExtensionOutcome } from '../../src/gateway/credential-end.ts'
import { HandClock } from '../helpers/hand-clock.ts'

const MINUTE = 60_000

/** A credential whose target answers as it is told. */
function credential(isUp: (at: number) => boolean, endsIn = 10 * MINUTE) {
  const clock = new HandClock()
  const start = clock.time
  const asked: { after: number; until: number }[] = []
  const noted: Pick<ExtensionOutcome, 'state' | 'attempts'>[] = []
  const ended = new AbortController()
  const extend = followAccess({
    lease: {
      user: 'jane_ses_1',
      extend: ({ at, endsAt }) => {
        asked.push({ after: at - start, until: endsAt - start })
        return isUp(at - start) ? Promise.resolve() : Promise.reject(new Error('down'))
      },
    },
    endsAt: start + endsIn,
    clock,
    ended: ended.signal,
    note: ({ state, attempts }) => void noted.push({ state, attempts }),
  })
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
  return {
    clock,
    asked,
    noted,
    ended,
    /** Extends the access to this time from the start. */
    extend: async (until: number) => {
      extend(start + until)
      await settle()
    },
    /** Whatever is waited for, until nothing is. */
    goOn: async () => {
      while (!clock.isIdle) {
        clock.next()
        await settle()
      }
    },
  }
}

it('a credential follows its access at once, and nothing is said of it', async () => {
  const { asked, noted, extend, clock } = credential(() => true)
  await extend(20 * MINUTE)
  expect([asked, noted, clock.isIdle]).toEqual([[{ after: 0, until: 20 * MINUTE }], [], true])
})

it('it is tried again at growing intervals, and said when it failed and when it was extended', async () => {
  const { asked, noted, extend, goOn } = credential((at) => at > 6000)
  await extend(20 * MINUTE)
  await goOn()
  expect(asked.map(({ after }) => after)).toEqual([0, 1000, 3000, 7000])
  expect(noted.map(({ state, attempts }) => [state, attempts])).toEqual([
    ['failed', 1],
    ['extended', 4],
  ])
})

it('it is given up when the credential has ended, and the pause is never longer than a minute', async () => {
  const { asked, noted, extend, goOn } = credential(() => false)
  await extend(20 * MINUTE)
  await goOn()
  expect(Math.max(...asked.map(({ after }) => after))).toBeLessThan(10 * MINUTE)
  const pauses = asked.slice(1).map(({ after }, index) => after - (asked[index]?.after ?? 0))
  expect(Math.max(...pauses)).toBe(MINUTE)
  expect(noted.map(({ state }) => state)).toEqual(['failed', 'given up'])
})

it('it is given up at once where there is no time left', async () => {
  const { asked, noted, extend, clock } = credential(() => false, 500)
  await extend(MINUTE)
  expect([asked.length, noted.map(({ state }) => state), clock.isIdle]).toEqual([1, ['given up'], true])
})

it('only the last end counts', async () => {
  const { asked, extend, goOn } = credential((at) => at >= 1000)
  await extend(20 * MINUTE)
  await extend(30 * MINUTE)
  await goOn()
  expect(asked.map(({ until }) => until / MINUTE)).toEqual([20, 30, 30])
})

it('nothing is tried once the session has ended', async () => {
  const { asked, extend, ended, clock } = credential(() => false)
  await extend(20 * MINUTE)
  ended.abort()
  expect([asked.length, clock.isIdle]).toEqual([1, true])
})

it('a credential that does not end with the access is left alone', () => {
  const clock = new HandClock()
  const note = (): void => expect.unreachable()
  const extend = followAccess({ lease: { user: 'app' }, endsAt: 0, clock, ended: new AbortController().signal, note })
  extend(1)
  expect(clock.isIdle).toBe(true)
})
