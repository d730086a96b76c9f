import { describe, expect, it } from 'vitest'
import {
  coveredUntil,
  covers,
  describeEnd,
  describeNextStart,
  describeSchedule,
  isAroundTheClock,
  isTimeZone,
  timeOfDay,
  weekdays,
  type Hours,
  type Schedule,
} from '../../src/policy/schedule.ts'

const HOUR = 3_600_000
const berlin = (...hours: Hours[]): Schedule => ({ hours, timeZone: 'Europe/Berlin' })
const OFFICE: Hours = { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: 8 * HOUR, to: 18 * HOUR }
const office = berlin(OFFICE)
const wholeDay = berlin({ ...OFFICE, from: 0, to: 24 * HOUR })
const sunday = (from: number, to: number): Schedule => berlin({ days: ['sun'], from: from * HOUR, to: to * HOUR })
const night = berlin({ days: ['fri'], from: 22 * HOUR, to: 6 * HOUR })
const during = (schedule: Schedule, start: string, length: number): boolean =>
  covers(schedule, Date.parse(start), Date.parse(start) + length)

describe('when the next hours begin', () => {
  // Friday, 2026-01-09, in Berlin.
  it.each<[string, Schedule, string, string | undefined]>([
    ['before them', office, '2026-01-09T06:59:59Z', 'today 08:00'],
    ['within them', office, '2026-01-09T09:00:00Z', 'mon 08:00'],
    ['on the day before', office, '2026-01-11T12:00:00Z', 'tomorrow 08:00'],
    ['by the day of the schedule, not of UTC', office, '2026-01-11T23:30:00Z', 'today 08:00'],
    ['on the same day of the next week', night, '2026-01-09T21:30:00Z', 'fri 22:00'],
    ['the first of several', berlin({ ...OFFICE, from: 13 * HOUR }, OFFICE), '2026-01-09T05:00:00Z', 'today 08:00'],
    ['on the clock of the day on which it changes', sunday(8, 9), '2026-03-28T12:00:00Z', 'tomorrow 08:00'],
    ['never', berlin(), '2026-01-09T09:00:00Z', undefined],
  ])('%s', (_, schedule, after, expected) => {
    expect(describeNextStart(schedule, Date.parse(after))).toBe(expected)
  })
})

describe('a schedule', () => {
  // Monday, 2026-01-05: Berlin is an hour ahead of UTC.
  it.each<[string, Schedule, string, number, boolean]>([
    ['from its first moment', office, '2026-01-05T07:00:00.000Z', HOUR, true],
    ['not from a millisecond before', office, '2026-01-05T06:59:59.999Z', HOUR, false],
    ['to its last moment', office, '2026-01-05T16:00:00.000Z', HOUR, true],
    ['not to a millisecond after', office, '2026-01-05T16:00:00.001Z', HOUR, false],
    ['not what begins within and ends in the evening', office, '2026-01-05T16:59:00Z', HOUR, false],
    ['all of its hours', office, '2026-01-05T07:00:00Z', 10 * HOUR, true],
    ['not on another day', office, '2026-01-04T09:00:00Z', HOUR, false],
    ['not over a night between two of its days', office, '2026-01-05T09:00:00Z', 24 * HOUR, false],
    ['not over a week', office, '2026-01-05T09:00:00Z', 7 * 24 * HOUR, false],
    ['the day of its own time zone', wholeDay, '2026-01-04T23:00:00Z', HOUR, true],
    ['a whole day, to midnight', wholeDay, '2026-01-04T23:00:00Z', 24 * HOUR, true],
    ['not past midnight', wholeDay, '2026-01-05T22:30:00Z', HOUR, false],
    [
      'the hours of any of its entries',
      berlin({ ...OFFICE, days: ['sun'] }, OFFICE),
      '2026-01-05T09:00:00Z',
      HOUR,
      true,
    ],
    [
      'not a gap between two entries',
      berlin({ ...OFFICE, to: 12 * HOUR }, { ...OFFICE, from: 13 * HOUR }),
      '2026-01-05T10:30:00Z',
      2 * HOUR,
      false,
    ],
    // Friday, 2026-01-09, to Saturday.
    ['a night, before midnight', night, '2026-01-09T21:00:00Z', HOUR, true],
    ['a night, over midnight', night, '2026-01-09T21:00:00Z', 8 * HOUR, true],
    ['a night, after midnight', night, '2026-01-10T04:00:00Z', HOUR, true],
    ['not a millisecond more than the night', night, '2026-01-09T21:00:00Z', 8 * HOUR + 1, false],
    ['not the early hours of the day on which the night begins', night, '2026-01-09T04:00:00Z', HOUR, false],
    ['not the evening after the night', night, '2026-01-10T21:00:00Z', HOUR, false],
    ['the same hours in summer, an hour earlier', office, '2026-07-06T06:00:00Z', HOUR, true],
    ['and no longer in winter time', office, '2026-07-06T15:30:00Z', HOUR, false],
    // 2026-03-29: the clock goes from 02:00 to 03:00 at 01:00 UTC.
    ['what ends as the clock is put forward', sunday(0, 6), '2026-03-29T00:00:00Z', HOUR, true],
    ['not what the change is within', sunday(0, 6), '2026-03-29T00:30:00Z', HOUR, false],
    ['what begins after it', sunday(0, 6), '2026-03-29T01:00:00Z', HOUR, true],
    // 2026-10-25: the clock goes from 03:00 back to 02:00 at 01:00 UTC, so 02:30 is there twice.
    ['the hour that comes twice, the first time', sunday(0, 3), '2026-10-25T00:00:00Z', HOUR, true],
    ['and the second time', sunday(0, 3), '2026-10-25T01:00:00Z', HOUR, true],
    ['not both', sunday(0, 3), '2026-10-25T00:00:00Z', 2 * HOUR, false],
    ['not a time that leaves its hours and comes back', sunday(2, 2.5), '2026-10-25T00:20:00Z', HOUR, false],
    ['not no time at all', office, '2026-01-05T09:00:00Z', 0, false],
    ['not a time that runs backwards', office, '2026-01-05T09:00:00Z', -HOUR, false],
    ['not a time that is none', office, '2026-01-05T09:00:00Z', Number.NaN, false],
    ['not a time without an end', office, '2026-01-05T09:00:00Z', Number.POSITIVE_INFINITY, false],
    ['not a time before 1970', office, '1969-12-29T09:00:00Z', HOUR, false],
    [
      'the last day of February of a leap year',
      berlin({ ...OFFICE, days: ['tue'] }),
      '2028-02-29T09:00:00Z',
      HOUR,
      true,
    ],
  ])('covers %s', (_what, schedule, start, length, expected) => expect(during(schedule, start, length)).toBe(expected))

  it.each<[string, Schedule, string, string | undefined]>([
    ['the end of the hours', office, '2026-01-05T10:20:30Z', '2026-01-05T17:00:00.000Z'],
    ['the morning after', night, '2026-01-09T22:30:00Z', '2026-01-10T05:00:00.000Z'],
    ['the change of the clock', sunday(0, 6), '2026-03-29T00:10:00Z', '2026-03-29T01:00:00.000Z'],
    ['nothing outside of its hours', office, '2026-01-05T17:00:00Z', undefined],
  ])('covers until %s', (_what, schedule, start, end) =>
    expect(coveredUntil(schedule, Date.parse(start))).toBe(end && Date.parse(end)),
  )

  it('says an end in its own time zone', () => {
    expect(describeEnd(office, Date.parse('2026-01-05T17:00:00Z'))).toBe('18:00 Europe/Berlin')
    expect(describeEnd(wholeDay, Date.parse('2026-01-05T23:00:00Z'))).toBe('24:00 Europe/Berlin')
  })

  it.each([
    ['00:00', 0],
    ['08:30', 8.5 * HOUR],
    ['24:00', 24 * HOUR],
    ...['8:30', '24:01', '23:60', '08:30:00', ' 08:30', ''].map((text) => [text, undefined] as const),
  ] as const)('reads the time %j', (text, expected) => expect(timeOfDay(text)).toBe(expected))

  it.each([
    ['Europe/Berlin', true],
    ['UTC', true],
    ['America/Argentina/Buenos_Aires', true],
    ['Europe/Nowhere', false],
    ['+01:00', false],
    ['', false],
  ])('knows the time zone %j', (name, expected) => expect(isTimeZone(name)).toBe(expected))

  it.each<[string, boolean, Hours[]]>([
    ['every hour of every day', true, [{ days: weekdays, from: 0, to: 24 * HOUR }]],
    [
      'a day and the night after it',
      true,
      [
        { days: weekdays, from: 8 * HOUR, to: 20 * HOUR },
        { days: weekdays, from: 20 * HOUR, to: 8 * HOUR },
      ],
    ],
    ['a day without its last minute', false, [{ days: weekdays, from: 0, to: 24 * HOUR - 60_000 }]],
    ['the days of work', false, [{ ...OFFICE, from: 0, to: 24 * HOUR }]],
  ])('with %s is around the clock: %j', (_what, expected, hours) =>
    expect(isAroundTheClock(berlin(...hours))).toBe(expected),
  )

  it('is described', () => {
    expect(
      describeSchedule(
        berlin({ ...OFFICE, days: ['mon', 'fri'], from: 8.5 * HOUR }, { days: ['sat'], from: 22 * HOUR, to: 2 * HOUR }),
      ),
    ).toBe('mon, fri 08:30–18:00 and sat 22:00–02:00 Europe/Berlin')
  })
})
