import { Command, CommanderError } from 'commander'
import { expect, it } from 'vitest'
import { addHelp } from '../../src/shared/program-help.ts'
import { sayUsageErrors } from '../../src/shared/usage-errors.ts'

/** What a program with two levels of commands says, and how it ends. */
function run(...args: readonly string[]): { said: string; shown: string; exit: number } {
  const [said, shown]: [string[], string[]] = [[], []]
  const program = new Command('p').exitOverride()
  program.configureOutput({ writeOut: (text) => void shown.push(text) }).option('--where <place>', 'where to look')
  program
    .command('show')
    .description('show all')
    .action(() => {})
  program.command('secret', { hidden: true }).action(() => {})
  program
    .command('rules')
    .command('test <rule>')
    .alias('try')
    .action(() => {})
  addHelp(program, { 'rules test': ['p rules test no-drops'] })
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
  [['shwo', '--help'], "unknown command 'shwo'", 'did you mean show?'],
  [['--where', 'here', 'nothing', '-h'], "unknown command 'nothing'", 'see "p --help"'],
  [['rules', 'tset', '--help'], "unknown command 'tset'", 'did you mean test?'],
  [['secrte', '--help'], "unknown command 'secrte'", 'see "p --help"'],
])('%j says that there is no such command, and shows nothing else', (args, message, hint) => {
  const { said, shown, exit } = run(...args)
  expect([said, shown, exit]).toEqual([`${message}\n${hint}`, '', 1])
})

it('names the options of the program on the page of a command, and shows its examples', () => {
  const { shown } = run('rules', 'test', '--help')
  expect(shown).toContain('\nExamples:\n  p rules test no-drops\n')
  expect(shown).toContain('\nGlobal options, described by "p --help":\n  --where\n')
  expect(shown).not.toContain('where to look')
})

it('lists commands with what they cannot do without', () => {
  expect(run('rules', '--help').shown).toMatch(/\n {2}test <rule>\n/)
  expect(run('--help').shown).toMatch(/\n {2}show +show all\n/)
})
