/** Hours of days of the week, on the clock of a time zone. */
export interface Schedule {
  readonly hours: readonly Hours[]
  /** A name of the IANA time zone database, such as `Europe/Berlin`. */
  readonly timeZone: string
}

export interface Hours {
  /** Those on which they begin. */
  readonly days: readonly Weekday[]
  /** Milliseconds after midnight, up to 24 hours. A `to` that is not after `from` is on the next day; it is not part of the hours. */
  readonly from: number
  readonly to: number
}

export const weekdays = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const
export type Weekday = (typeof weekdays)[number]

/**
 * Whether all of a period is within the hours of one entry that begin on one day. Never where the clock changes in it (daylight saving
 * time): then the clock at both ends says nothing about the time between them.
 * @param startsAt Milliseconds since 1970
 * @param endsAt Milliseconds since 1970; not part of the period
 */
export function covers({ hours, timeZone }: Schedule, startsAt: number, endsAt: number): boolean {
  if (!(endsAt > startsAt && startsAt >= 0 && endsAt <= MAX_DATE)) return false
  const first = localTime(startsAt, timeZone)
  const last = localTime(endsAt - 1, timeZone)
  if (last - first !== endsAt - 1 - startsAt) return false
  const midnight = first - (first % DAY)
  // Hours of the day before may last until now.
  return [midnight, midnight - DAY].some((day) =>
    hours.some(
      ({ days, from, to }) =>
        days.includes(weekdayOf(day)) && first >= day + from && last < day + to + (to > from ? 0 : DAY),
    ),
  )
}

/** The last end, to the second, of a period that begins at `startsAt` and is within the hours; undefined where it begins outside of them. */
export function coveredUntil(schedule: Schedule, startsAt: number): number | undefined {
  let [covered, beyond] = [0, DAY / SECOND + 1]
  while (beyond - covered > 1) {
    const middle = Math.floor((covered + beyond) / 2)
    if (covers(schedule, startsAt, startsAt + middle * SECOND)) covered = middle
    else beyond = middle
  }
  return covered === 0 ? undefined : startsAt + covered * SECOND
}

/**
 * When the next hours begin, as the clock of the schedule shows it: `today 08:00`, `tomorrow 08:00`, `mon 08:00`.
 * Undefined where nothing begins within a week.
 * @param after Milliseconds since 1970
 */
export function describeNextStart({ hours, timeZone }: Schedule, after: number): string | undefined {
  const now = localTime(after, timeZone)
  const midnight = now - (now % DAY)
  for (let days = 0; days <= 7; days++) {
    const day = midnight + days * DAY
    const starts = hours.flatMap(({ days: on, from }) =>
      on.includes(weekdayOf(day)) && day + from > now ? [from] : [],
    )
    if (starts.length === 0) continue
    const name = days === 0 ? 'today' : days === 1 ? 'tomorrow' : weekdayOf(day)
    return `${name} ${clock(Math.min(...starts))}`
  }
  return undefined
}

/** `; next: tomorrow 08:00`, behind the hours and their time zone. */
export function nextStart(schedule: Schedule, after: number): string {
  const next = describeNextStart(schedule, after)
  return next === undefined ? '' : `; next: ${next}`
}

/** Whether it is the name of a time zone. An offset such as `+01:00` is none: it has no daylight saving time. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false
  try {
    return new Intl.DateTimeFormat('en-US', { timeZone: name }).resolvedOptions().timeZone !== ''
  } catch {
    return false
  }
}

/** Milliseconds after midnight of `08:30`; `24:00` is the end of the day. Undefined for anything else. */
export function timeOfDay(text: string): number | undefined {
  if (text === '24:00') return DAY
  const [, hours, minutes] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? []
  return hours === undefined ? undefined : Number(hours) * HOUR + Number(minutes) * MINUTE
}

/** Whether it leaves out no time of any day. */
export function isAroundTheClock({ hours }: Schedule): boolean {
  const minutes = new Set<number>()
  for (const { days, from, to } of hours)
    for (const day of days)
      for (let at = from; at < to + (to > from ? 0 : DAY); at += MINUTE)
        minutes.add((weekdays.indexOf(day) * DAY + at) % WEEK)
  return minutes.size === WEEK / MINUTE
}

/** `mon, tue 08:30–17:00 and sat 10:00–12:00 Europe/Berlin`. */
export const describeSchedule = ({ hours, timeZone }: Schedule): string =>
  `${hours.map(({ days, from, to }) => `${days.join(', ')} ${clock(from)}–${clock(to)}`).join(' and ')} ${timeZone}`

/** `18:00 Europe/Berlin`: the time of day at which a period ends, as the clock of the schedule shows it. */
export const describeEnd = ({ timeZone }: Schedule, endsAt: number): string =>
  `${clock((localTime(endsAt - 1, timeZone) % DAY) + 1)} ${timeZone}`

const clock = (time: number): string =>
  `${String(Math.floor(time / HOUR)).padStart(2, '0')}:${String(Math.floor((time % HOUR) / MINUTE)).padStart(2, '0')}`

/** The first of January 1970 was a Thursday. */
const weekdayOf = (midnight: number): Weekday => weekdays[(midnight / DAY + 3 + 7) % 7] as Weekday

/** What the clock shows, as the milliseconds since 1970 at which it would show the same in UTC. */
function localTime(at: number, timeZone: string): number {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(at)
      .map(({ type, value }) => [type, Number(value)]),
  )
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name) ?? Number.NaN
  const [year, month, day] = [part('year'), part('month'), part('day')]
  return Date.UTC(year, month - 1, day, part('hour'), part('minute'), part('second'), at % SECOND)
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone)
  if (known !== undefined) return known
  const made = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  formats.set(timeZone, made)
  return made
}

/** Made once each: they are slow to make, and few are configured. */
const formats = new Map<string, Intl.DateTimeFormat>()
const SECOND = 1000
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const WEEK = 7 * DAY
/** The last time that a Date can be (ECMA-262, "Time Values and Time Range"). */
const MAX_DATE = 8.64e15
