import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { expect, it } from 'vitest'
import { usageProblem } from '../../src/shared/usage-problem.ts'

/** What commander itself says, so that a version that says it otherwise is noticed. */
function saidOf(args: readonly string[], environment: Record<string, string> = {}): string {
  let said = ''
  const program = new Command('p').exitOverride().showSuggestionAfterError()
  program.configureOutput({ writeErr: (text) => void (said += text) })
  program
    .command('connect <target>')
    .addOption(
      new Option('-f, --for <duration>').env('P_FOR').argParser((text) => {
        if (text !== '1h') throw new InvalidArgumentError('expected a duration such as 1h')
        return text
      }),
    )
    .addOption(new Option('--colour <when>').choices(['auto', 'never']))
    .requiredOption('--key <file>')
    .action(() => {})
  program.command('locks').action(() => {})
  program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
  Object.assign(process.env, environment)
  try {
    program.parse([...args], { from: 'user' })
  } catch {
    // It has said what is wrong.
  } finally {
    for (const name of Object.keys(environment)) delete process.env[name]
  }
  return said
}

const HELP = 'see "pamctl connect --help"'

it.each([
  [['connect', 'x', '--for', "so'on"], '--for: expected a duration such as 1h, not "so\'on"', HELP],
  [['connect', 'x', '--colour', 'blue'], '--colour: allowed choices are auto, never, not "blue"', HELP],
  [['completion', 'tcsh'], 'shell: allowed choices are bash, zsh, not "tcsh"', HELP],
  [['connect', '--key', 'k'], 'no target given', HELP],
  [['connect', 'x'], '--key <file> is required', HELP],
  [['connect', 'x', '--key', 'k', '--bogus'], "unknown option '--bogus'", HELP],
  [['connect', 'x', '--key', 'k', '--kye', 'f'], "unknown option '--kye'", 'did you mean --key?'],
  [['connect', 'x', 'y', '--key', 'k'], 'connect takes 1 argument, not 2', HELP],
  [['locks', 'x'], 'connect takes no arguments, not 1', HELP],
  [['conect'], "unknown command 'conect'", 'did you mean connect?'],
  [['nonsense'], "unknown command 'nonsense'", HELP],
])('%j', (args, message, hint) => {
  expect(usageProblem(saidOf(args), 'pamctl connect')).toEqual({ message, hint })
})

it('names the option of a value that the environment gives', () => {
  expect(usageProblem(saidOf(['connect', 'x', '--key', 'k'], { P_FOR: 'soon' }), 'pamctl connect').message).toBe(
    '--for: expected a duration such as 1h, not "soon"',
  )
})
