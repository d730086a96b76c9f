import { expect, it } from 'vitest'
import { described, summaryOf } from '../../web/features/audit/weeks.ts'

const week = (approved: number, denied = 0, undecided = 0, waiting = 0, medianMs?: number) => ({
  startsAt: '2026-11-30T00:00:00.000Z',
  approved,
  denied,
  undecided,
  waiting,
  ...(medianMs === undefined ? {} : { medianMs }),
})

it.each([
  [[week(0), week(0)], 'none in 2 weeks'],
  [[week(1)], '1 in 1 week: 1 approved'],
  [
    [week(1200, 2), week(3, 0, 1, 4)],
    '1,210 in 2 weeks: 1,203 approved, 2 denied, 1 withdrawn or expired, 4 still waiting',
  ],
])('says how many there were, and what became of each: %#', (weeks, words) => {
  expect(summaryOf(weeks)).toBe(words)
})

it.each([
  [week(0), 'none'],
  [week(2, 1, 0, 0, 120_000), '2 approved, 1 denied; half of them within 2 minutes'],
  [week(0, 0, 0, 1), '1 still waiting'],
])('describes a week: %#', (one, words) => {
  expect(described(one)).toBe(words)
})
