import type { Command, Option } from 'commander'
import { nearestWord } from './nearest-word.ts'
import { shellWord } from './shell-word.ts'
import { usageProblem } from './usage-problem.ts'
import { visibleInLine } from './visible.ts'

/** How a program says what is wrong, and what to do. */
export type Fail = (message: string, hint: string | undefined) => void

/**
 * What is wrong with a command line is said as everything else that is wrong. Call it once all commands are there. `advise`: what to do
 * about a message of a command, where that is neither in its help nor in the names of its options.
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
      fail(message, optionMeant(command, message) ?? advise(name, message) ?? hint)
    },
  })
  for (const verb of command.commands) sayUsageErrors(verb, `${name} ${verb.name()}`, fail, advise)
}

/** Which option was probably meant: by one that there is not, or by a word that stands where nothing is expected. */
function optionMeant(command: Command, message: string): string | undefined {
  const [, flag] = UNKNOWN_OPTION.exec(message) ?? []
  if (flag !== undefined) {
    const meant = nearestWord(flag, flagsOf(command))
    return meant === undefined ? undefined : `did you mean ${meant}?`
  }
  const stray = command.args[command.registeredArguments.length]
  if (stray === undefined || stray.startsWith('-')) return undefined
  const [, required] = REQUIRED_OPTION.exec(message) ?? []
  const options = command.options.filter((option) =>
    required === undefined
      ? SURPLUS.test(message) && isMissing(option, command) && NAMING.has(option.long ?? '')
      : option.long === required && command.registeredArguments.length === 0,
  )
  if (options.length === 0) return undefined
  return visibleInLine(`did you mean ${options.map(({ long }) => `${long} ${shellWord(stray)}`).join(' or ')}?`)
}

const isMissing = (option: Option, command: Command): boolean =>
  !option.hidden && command.getOptionValue(option.attributeName()) === undefined

/** Those that the command takes. The version is that of the program alone. */
const flagsOf = (command: Command): string[] =>
  [...new Set([...command.options, ...programOf(command).options])]
    .filter((option) => !option.hidden || isGlobal(option, command))
    .flatMap(({ long }) => (long == null || (long === '--version' && command.parent !== null) ? [] : [long]))

/** Commands have hidden copies of the options of the program. */
const isGlobal = ({ long }: Option, command: Command): boolean =>
  programOf(command).options.some((option) => option.long === long)

const programOf = (command: Command): Command => (command.parent === null ? command : programOf(command.parent))

/** Options by which a command is told what it is about. */
const NAMING: ReadonlySet<string> = new Set(['--config', '--person', '--target'])

const UNKNOWN_OPTION = /^unknown option '(--[\w-]+)(?:=.*)?'$/s
const REQUIRED_OPTION = /^(--[\w-]+) .* is required$/
const SURPLUS = / takes (?:no|\d+) arguments?, not \d+$/
