import { formatLength } from '../../src/shared/in-words.ts'

const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const day = new Intl.DateTimeFormat('en', { month: 'short', day: 'numeric' })

export const formatClock = (time: string): string => clock.format(new Date(time))
export const formatDay = (time: string): string => day.format(new Date(time))

/** `45s`, `3m`, `2h 5m`, `3d`: for columns of figures. */
export function formatShort(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const [minutes, hours] = [Math.floor(seconds / 60), Math.floor(seconds / 3600)]
  if (seconds < 60) return `${seconds}s`
  if (minutes < 60) return `${minutes}m`
  if (hours < 24) return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`
  return `${Math.floor(hours / 24)}d`
}

/** `3 minutes ago`, `in 2 hours`. */
export function formatRelative(time: string, now: number): string {
  const difference = Date.parse(time) - now
  if (Math.abs(difference) < 5000) return 'just now'
  return difference < 0 ? `${formatLength(-difference)} ago` : `in ${formatLength(difference)}`
}

/** `0:05.250` since a session was opened. */
export function formatOffset(ms: number): string {
  const seconds = ms / 1000
  const hours = Math.floor(seconds / 3600)
  const minutes = Math.floor((seconds % 3600) / 60)
  const rest = (seconds % 60).toFixed(1).padStart(4, '0')
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${rest}` : `${minutes}:${rest}`
}

export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KB', 'MB', 'GB']
  let value = bytes
  let unit = 0
  for (; value >= 1024 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`
}

/** `30m`, `1h30m`, `2d` in milliseconds. */
export { parseDuration, formatDuration } from '../../src/shared/duration.ts'
export { count, formatDateTime, formatLength, formatNumber } from '../../src/shared/in-words.ts'
