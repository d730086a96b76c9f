import { Command } from 'commander'
import { expect, it } from 'vitest'
import { sayUsageErrors } from '../../src/shared/usage-errors.ts'

/** What a program says of a command line: the message, and the hint. */
function said(...args: readonly string[]): string[] {
  const found: string[] = []
  const program = new Command('p').exitOverride().version('1').option('--gateway <url>')
  program
    .command('lock')
    .option('--person <who>')
    .option('--target <name>')
    .option('--reason <text>')
    .option('--secret-way', 'not in help')
    .action(() => {})
  program
    .command('start')
    .requiredOption('--config <file>')
    .option('--person <who>')
    .action(() => {})
  program
    .command('backup <directory>')
    .requiredOption('--config <file>')
    .action(() => {})
  program.command('login').action(() => {})
  program
    .command('connect <target> [command...]')
    .option('--reason <text>')
    .action(() => {})
  for (const command of program.commands)
    for (const option of command.options) option.hidden = option.long === '--secret-way'
  sayUsageErrors(
    program,
    'p',
    (message, hint) => found.push(message, hint ?? ''),
    (command) => (command === 'p login' || command === 'p connect' ? 'advice' : undefined),
  )
  try {
    program.parse([...args], { from: 'user' })
  } catch {
    // It has said what is wrong.
  }
  return found
}

it.each([
  [['lock', '--resaon', 'x'], "unknown option '--resaon'", 'did you mean --reason?'],
  [['lock', '--resaon=x'], "unknown option '--resaon=x'", 'did you mean --reason?'],
  // Rather than what is said of every unknown option of this command.
  [['connect', 'db', '--resaon', 'x'], "unknown option '--resaon'", 'did you mean --reason?'],
  [['connect', 'db', '--bogus'], "unknown option '--bogus'", 'advice'],
  // Of the program, before or after a command.
  [['lock', '--gatewy', 'x'], "unknown option '--gatewy'", 'did you mean --gateway?'],
  [['--versoin'], "unknown option '--versoin'", 'did you mean --version?'],
  // Neither those of the program alone, nor those that help does not name.
  [['lock', '--versoin'], "unknown option '--versoin'", 'did you mean --person?'],
  [['lock', '--secret-wya'], "unknown option '--secret-wya'", 'see "p lock --help"'],
])('%j: the option that was meant', (args, message, hint) => {
  expect(said(...args)).toEqual([message, hint])
})

it.each([
  [['lock', 'jane'], 'lock takes no arguments, not 1', 'did you mean --person jane or --target jane?'],
  [
    ['lock', "jane's laptop"],
    'lock takes no arguments, not 1',
    `did you mean --person 'jane'\\''s laptop' or --target 'jane'\\''s laptop'?`,
  ],
  [
    ['lock', '\u001b[2J'],
    'lock takes no arguments, not 1',
    `did you mean --person '\\u{1b}[2J' or --target '\\u{1b}[2J'?`,
  ],
  [['start', 'pam.yaml'], '--config <file> is required', 'did you mean --config pam.yaml?'],
  [['start'], '--config <file> is required', 'see "p start --help"'],
  [['start', '--config', 'a', 'b'], 'start takes no arguments, not 1', 'did you mean --person b?'],
  // Which of the two words is which, nobody knows.
  [['backup', 'pam.yaml', 'copy'], '--config <file> is required', 'see "p backup --help"'],
  [['login', 'x'], 'login takes no arguments, not 1', 'advice'],
])('%j: the option that a word was meant for', (args, message, hint) => {
  expect(said(...args)).toEqual([message, hint])
})
