import type { WeekNumbers } from '../../../src/api/schemas/numbers.ts'
import { count, formatLength, formatNumber } from '../../lib/format.ts'

/** What became of what was asked for, from the ground of a bar up. */
export const PARTS = [
  { part: 'approved', label: 'approved' },
  { part: 'denied', label: 'denied' },
  { part: 'undecided', label: 'withdrawn or expired' },
  { part: 'waiting', label: 'still waiting' },
] as const

export const sumOf = ({ approved, denied, undecided, waiting }: WeekNumbers): number =>
  approved + denied + undecided + waiting

/** `12 in 8 weeks: 9 approved, 2 denied, 1 still waiting`. */
export function summaryOf(weeks: readonly WeekNumbers[]): string {
  const all = weeks.reduce((sum, week) => sum + sumOf(week), 0)
  if (all === 0) return `none in ${count(weeks.length, 'week')}`
  const parts = PARTS.flatMap(({ part, label }) => {
    const sum = weeks.reduce((total, week) => total + week[part], 0)
    return sum === 0 ? [] : [`${formatNumber(sum)} ${label}`]
  })
  return `${formatNumber(all)} in ${count(weeks.length, 'week')}: ${parts.join(', ')}`
}

/** One week, for its tooltip. */
export function described(week: WeekNumbers): string {
  const parts = PARTS.flatMap(({ part, label }) => (week[part] === 0 ? [] : [`${formatNumber(week[part])} ${label}`]))
  if (parts.length === 0) return 'none'
  return `${parts.join(', ')}${week.medianMs === undefined ? '' : `; half of them within ${formatLength(week.medianMs)}`}`
}
