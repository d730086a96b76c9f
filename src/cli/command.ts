import { InvalidArgumentError, Option, type Command } from 'commander'
import { parseDateTime } from '../shared/date-time.ts'
import { formatDuration, parseDuration } from '../shared/duration.ts'
import type { VariableName } from '../shared/environment.ts'
import type { CliContext } from './context.ts'

/** Adds one verb to the program. */
export type AddCommand = (program: Command, run: Run) => void

/** Wraps the work of a verb: gives it the context, and tidies up after it. */
export type Run = <Args extends unknown[]>(
  work: (context: CliContext, ...args: Args) => Promise<void>,
) => (...args: Args) => Promise<void>

export const jsonOption = (): Option => new Option('--json', 'print JSON')

/** A duration flag, in milliseconds. */
export const durationOption = (flags: string, description: string, environment: VariableName): Option =>
  new Option(flags, description).env(environment).argParser((text) => {
    const milliseconds = parseDuration(text)
    if (milliseconds === undefined)
      throw new InvalidArgumentError(
        /^(?:0+[dhms])+$/.test(text)
          ? 'expected a duration longer than zero, such as 30m'
          : 'expected a duration such as 30m, 1h30m or 2d',
      )
    return milliseconds
  })

/** What a verb is told of a person; `user` is the name that the option had in `audit` and `search` up to 0.2. */
export interface PersonOptions {
  readonly person?: string | undefined
  readonly user?: string
}

/** `--person`, and the hidden `--user`, which scripts of before have. */
export const addPersonOption = (command: Command, description: string): Command =>
  command.option('--person <who>', description).addOption(new Option('--user <who>').hideHelp().conflicts('person'))

/** Whom `--person` names. */
export function personIn({ person, user }: PersonOptions, { io }: Pick<CliContext, 'io'>): string | undefined {
  if (user !== undefined) io.note('pamctl: --user is now --person')
  return person ?? user
}

/** `--label`, given once for each label that a target must have. */
export const labelOption = (): Option =>
  new Option('--label <name=value>', 'every target with this label; repeat it to require several labels').argParser(
    addLabel,
  )

type Labels = Readonly<Record<string, string>>

function addLabel(text: string, before: Labels | undefined): Labels | undefined {
  const at = text.indexOf('=')
  const name = text.slice(0, at)
  if (at < 1 || at === text.length - 1) throw new InvalidArgumentError('expected NAME=VALUE, such as env=prod')
  if (before !== undefined && Object.hasOwn(before, name))
    throw new InvalidArgumentError(`${name} is given twice, and a label has one value`)
  return { ...before, [name]: text.slice(at + 1) }
}

/** A time flag: a time of day, today or tomorrow, or a date with a time; in milliseconds since the epoch. */
export const timeOption = (flags: string, description: string): Option =>
  new Option(flags, description).argParser((text) => {
    const at = parseStart(text, new Date())
    if (at === undefined)
      throw new InvalidArgumentError('expected a time such as 22:00, 2026-11-30T22:00 or 2026-11-30T22:00Z')
    return at
  })

/** `--start`. */
export const startOption = (): Option =>
  timeOption(
    '--start <time>',
    'when access begins, such as 22:00 or 2026-11-30T22:00, in your time zone unless it has an offset',
  )

/** The time zone in which times are read and printed, such as `Europe/Berlin`. */
export const localTimeZone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone

/** The next such time in the user's own time zone; undefined where the text is no time. */
function parseStart(text: string, now: Date): number | undefined {
  const [, hours, minutes] = /^(\d{1,2}):(\d{2})$/.exec(text) ?? []
  // A date and a time with a blank between them, as in ISO 9075 and on the command line of date.
  if (hours === undefined || minutes === undefined)
    return parseDateTime(text.replace(/^(\d{4}-\d{2}-\d{2}) (?=\d)/, '$1T'))
  if (Number(hours) > 23 || Number(minutes) > 59) return undefined
  const at = new Date(now)
  at.setHours(Number(hours), Number(minutes), 0, 0)
  if (at <= now) at.setDate(at.getDate() + 1)
  return at.getTime()
}

export const integer = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('expected a whole number from 1 to 65535')
  return value
}

export const forHowLong = (milliseconds: number): string => formatDuration(milliseconds)
