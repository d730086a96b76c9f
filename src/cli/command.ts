import { InvalidArgumentError, Option, type Command } from 'commander'
import { formatDuration, parseDuration } from '../shared/duration.ts'
import type { CliContext } from './context.ts'

/** Adds one verb to the program. */
export type AddCommand = (program: Command, run: Run) => void

/** Wraps the work of a verb: gives it the context, and tidies up after it. */
export type Run = <Args extends unknown[]>(
  work: (context: CliContext, ...args: Args) => Promise<void>,
) => (...args: Args) => Promise<void>

export const jsonOption = (): Option => new Option('--json', 'print JSON')

/** A duration flag, in milliseconds. */
export const durationOption = (flags: string, description: string, environment: string): Option =>
  new Option(flags, description).env(environment).argParser((text) => {
    const milliseconds = parseDuration(text)
    if (milliseconds === undefined) throw new InvalidArgumentError('expected a duration such as 30m, 1h30m or 2d')
    return milliseconds
  })

export const integer = (text: string): number => {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > 65_535)
    throw new InvalidArgumentError('expected a whole number from 1 to 65535')
  return value
}

export const forHowLong = (milliseconds: number): string => formatDuration(milliseconds)
