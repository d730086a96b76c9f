import type { Command } from 'commander'
import { usageProblem } from './usage-problem.ts'

/** How a program says what is wrong, and what to do. */
export type Fail = (message: string, hint: string | undefined) => void

/**
 * What is wrong with a command line is said as everything else that is wrong. Call it once all commands are there. `advise`: what to do
 * about a message of a command, where that is not in its help.
 */
export function sayUsageErrors(
  command: Command,
  name: string,
  fail: Fail,
  advise: (command: string, message: string) => string | undefined = () => undefined,
): void {
  command.configureOutput({
    outputError: (text) => {
      const { message, hint } = usageProblem(text, name)
      fail(message, advise(name, message) ?? hint)
    },
  })
  for (const verb of command.commands) sayUsageErrors(verb, `${name} ${verb.name()}`, fail, advise)
}
