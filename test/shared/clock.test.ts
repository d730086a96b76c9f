import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { steadyClock, systemClock } from '../../src/shared/clock.ts'

const DAY = 24 * 3_600_000

describe('the clock of the system', () => {
  let called: number
  beforeEach(() => {
    vi.useFakeTimers({ now: DAY * 20_000 })
    called = 0
  })
  afterEach(() => void vi.useRealTimers())
  const after = (milliseconds: number) => systemClock.at(systemClock.now() + milliseconds, () => void called++)

  it('calls back once the time has come, also after more than a timer holds, and not once it is cancelled', () => {
    after(40 * DAY)
    const cancel = after(1000)
    cancel()
    vi.advanceTimersByTime(40 * DAY - 1)
    expect(called).toBe(0)
    vi.advanceTimersByTime(1)
    expect(called).toBe(1)
    vi.advanceTimersByTime(DAY)
    expect([called, vi.getTimerCount()]).toEqual([1, 0])
  })

  it('follows a clock that is set forward within five seconds', () => {
    after(DAY)
    vi.setSystemTime(systemClock.now() + DAY)
    vi.advanceTimersByTime(5_000)
    expect(called).toBe(1)
  })

  it('is not put off by a clock that is set back', () => {
    after(60_000)
    vi.advanceTimersByTime(10_000)
    vi.setSystemTime(systemClock.now() - DAY)
    vi.advanceTimersByTime(49_999)
    expect(called).toBe(0)
    vi.advanceTimersByTime(1)
    expect(called).toBe(1)
  })

  it('calls back at once for a time that has passed', () => {
    after(-DAY)
    vi.advanceTimersByTime(0)
    expect(called).toBe(1)
  })
})

describe('a clock that never goes back', () => {
  beforeEach(() => void vi.useFakeTimers({ now: DAY * 20_000 }))
  afterEach(() => void vi.useRealTimers())

  it('goes on by itself while the clock of the system is behind, and follows it forward', () => {
    const clock = steadyClock(0)
    const began = clock.now()
    vi.setSystemTime(began - DAY)
    vi.advanceTimersByTime(5000)
    expect([clock.now(), clock.behind()]).toEqual([began + 4995, DAY - 5])
    vi.setSystemTime(began + DAY)
    expect([clock.now(), clock.behind()]).toEqual([began + DAY, 0])
  })

  it('begins no earlier than it is told, and calls back in its own time', () => {
    const clock = steadyClock(Date.now() + DAY)
    const began = clock.now()
    let called = 0
    clock.at(began + 60_000, () => void called++)
    vi.advanceTimersByTime(59_999)
    expect([clock.now(), clock.behind(), called]).toEqual([began + 59_939, DAY - 60, 0])
    vi.advanceTimersByTime(1)
    expect(called).toBe(1)
  })

  it('comes together again with one that runs fast and is set back every day', () => {
    const clock = steadyClock(0)
    for (let day = 0; day < 100; day++) {
      for (let hour = 0; hour < 24; hour++) {
        vi.advanceTimersByTime(3_600_000)
        clock.now()
      }
      vi.setSystemTime(Date.now() - 1000)
    }
    expect(clock.behind()).toBeLessThanOrEqual(1001)
  })

  it('gives whoever sets the clock of the system back all the time 3.6 seconds in an hour, and no more', () => {
    const clock = steadyClock(0)
    const began = clock.now()
    for (let second = 0; second < 3600; second++) {
      vi.advanceTimersByTime(1000)
      vi.setSystemTime(clock.now() - 30_000)
    }
    expect(clock.now()).toBeGreaterThanOrEqual(began + 3_600_000 - 3600 - 3600)
  })

  it('never goes back, whatever is done to the clock of the system', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: -DAY, max: DAY }), fc.nat(5000)), { maxLength: 30 }), (steps) => {
        const clock = steadyClock(0)
        let before = clock.now()
        for (const [step, wait] of steps) {
          vi.setSystemTime(Date.now() + step)
          vi.advanceTimersByTime(wait)
          const now = clock.now()
          expect(now).toBeGreaterThanOrEqual(Math.max(before, Date.now()))
          before = now
        }
      }),
      { numRuns: 50 },
    )
  })
})
