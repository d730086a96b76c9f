import type { Command } from 'commander'
import { nearestWord } from './nearest-word.ts'
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

/** `help COMMAND` of a program and of its commands that have others. The library's own shows all help for a command that there is not. */
export function addHelp(program: Command): void {
  if (program.commands.length === 0) return
  for (const command of program.commands) addHelp(command)
  program
    .helpCommand(false)
    .command('help [command...]')
    .usage('[command]')
    .description('display help for command')
    .action((path: readonly string[]) => {
      let found = program
      for (const word of path) {
        const next = found.commands.find((command) => command.name() === word || command.aliases().includes(word))
        if (next === undefined) return unknownCommand(found, word)
        found = next
      }
      found.help()
    })
}

function unknownCommand(parent: Command, word: string): never {
  const meant = nearestWord(
    word,
    parent.commands.map((command) => command.name()),
  )
  parent.error(`error: unknown command '${word}'${meant === undefined ? '' : `\n(Did you mean ${meant}?)`}`, {
    code: 'commander.unknownCommand',
  })
}
