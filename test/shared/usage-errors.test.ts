import { Command, CommanderError } from 'commander'
import { expect, it } from 'vitest'
import { addHelp, sayUsageErrors } from '../../src/shared/usage-errors.ts'

/** What a program with two levels of commands says, and how it ends. */
function run(...args: readonly string[]): { said: string; shown: string; exit: number } {
  const [said, shown]: [string[], string[]] = [[], []]
  const program = new Command('p').exitOverride()
  program.configureOutput({ writeOut: (text) => void shown.push(text) })
  program.command('show').action(() => {})
  program
    .command('rules')
    .command('test <rule>')
    .alias('try')
    .action(() => {})
  addHelp(program)
  sayUsageErrors(program, 'p', (message, hint) => said.push(message, ...(hint === undefined ? [] : [hint])))
  let exit = 0
  try {
    program.parse([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    exit = error.exitCode
  }
  return { said: said.join('\n'), shown: shown.join(''), exit }
}

it.each([
  [['help'], 'Usage: p [options] [command]'],
  [['help', 'show'], 'Usage: p show [options]'],
  [['help', 'rules', 'test'], 'Usage: p rules test|try [options] <rule>'],
  [['rules', 'help', 'try'], 'Usage: p rules test|try [options] <rule>'],
])('%j shows the help of one command', (args, first) => {
  const { said, shown, exit } = run(...args)
  expect([shown.split('\n')[0], said, exit]).toEqual([first, '', 0])
})

it.each([
  [['help', 'nothing'], "unknown command 'nothing'", 'see "p --help"'],
  [['help', 'shwo'], "unknown command 'shwo'", 'did you mean show?'],
  [['help', 'rules', 'nothing'], "unknown command 'nothing'", 'see "p rules --help"'],
  [['rules', 'help', 'tset'], "unknown command 'tset'", 'did you mean test?'],
])('%j says that there is no such command, and shows nothing else', (args, message, hint) => {
  const { said, shown, exit } = run(...args)
  expect([said, shown, exit]).toEqual([`${message}\n${hint}`, '', 1])
})
