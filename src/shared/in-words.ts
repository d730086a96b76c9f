const dateTime = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })
const number = new Intl.NumberFormat('en')

/** `Nov 30, 2026, 3:42 PM`, local time. */
export const formatDateTime = (time: string): string => dateTime.format(new Date(time))
/** `12,345`. */
export const formatNumber = (value: number): string => number.format(value)

/** `45 seconds`, `3 minutes`, `2 hours 5 minutes`. */
export function formatLength(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000))
  const [minutes, hours, days] = [Math.floor(seconds / 60), Math.floor(seconds / 3600), Math.floor(seconds / 86_400)]
  if (seconds < 60) return count(seconds, 'second')
  if (minutes < 60) return count(minutes, 'minute')
  if (hours < 24)
    return minutes % 60 === 0 ? count(hours, 'hour') : `${count(hours, 'hour')} ${count(minutes % 60, 'minute')}`
  return hours % 24 === 0 ? count(days, 'day') : `${count(days, 'day')} ${count(hours % 24, 'hour')}`
}

/** `1 target`, `2 targets`, `2 entries`. */
export const count = (value: number, word: string): string =>
  `${formatNumber(value)} ${value === 1 ? word : plural(word)}`

const plural = (word: string): string =>
  /[^aeiou]y$/.test(word) ? `${word.slice(0, -1)}ies` : word.endsWith('s') ? `${word}es` : `${word}s`
