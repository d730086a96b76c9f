import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { errorTexts } from '../helpers/error-texts.ts'
import { visibleVerbs } from '../helpers/examples.ts'
import { ROOT } from '../helpers/run.ts'

/** What no script shows of a verb, and why. */
const LACKING: Readonly<Record<string, readonly string[]>> = {
  // It prints what the command prints, as it is.
  exec: ['a terminal of 40 columns', 'a terminal of 120 columns'],
  // Somebody signs in, in a browser: scripts.test.ts.
  login: ['--json'],
}

/** Errors that no script shows, and where they are tested. */
const ERRORS_ELSEWHERE: Readonly<Record<string, string>> = {
  'commands/reviews.ts: you cannot decide on .*: .*': 'with a terminal alone: the gateway says the same without one',
  'doctor/gateway-checks.ts: the answer is too long to be that of a gateway': 'test/cli/doctor/gateway-checks.test.ts',
  'doctor/login-check.ts: the agent does not answer': 'an agent that is stopped',
  'editor.ts: the editor ".*" ended with .*': 'with a terminal: test/integration/terminal.test.ts',
  'editor.ts: the text is empty, so nothing was done': 'with a terminal: test/integration/terminal.test.ts',
  'held/result-store.ts: .* results are kept already': 'test/cli/held/result-store.test.ts',
  'held/run-command.ts: the local agent has stopped': 'test/cli/held/run-command.test.ts',
  'held/run-detached.ts: run-detached is started by pamctl alone': 'no verb of a person',
  'held/run-detached.ts: the process that kept its connection was stopped, and the gateway withdrew it': 'signals',
  'held/start-detached.ts: the process that was to run it ended unexpectedly': 'signals',
}

const program = createProgram(
  () => () => Promise.resolve(),
  () => {},
)

/** A command of a script, with what it prints. */
interface Block {
  readonly columns: string | undefined
  readonly command: string
  readonly text: string
}

/** test/integration/ssh-cli.test.ts runs those in `ssh`. */
const scripts = ['.', 'verbs', 'ssh'].flatMap((directory) =>
  readdirSync(join(import.meta.dirname, directory))
    .filter((name) => name.endsWith('.txt'))
    .map((name) => readFileSync(join(import.meta.dirname, directory, name), 'utf8')),
)
const blocks = scripts.flatMap((text) =>
  text.split(/\n(?=\w+(?:@\d+)?[$&?] )/).map((block): Block => {
    const [, columns, command = ''] = /^\w+(?:@(\d+))?[$&?] (.*)/m.exec(block) ?? []
    return { columns, command, text: block }
  }),
)

/** JSON that is no error. */
const RESULT = /\n *(?:\{(?!"code")|\[(?!exit)|"|null)/

it('scripts show of every verb its help, terminals of 40 and 120 columns, a pipe, --json and an error', () => {
  const lacking = [...visibleVerbs(program)].flatMap(([name, verb]) => {
    const isRun = new RegExp(`\\bpamctl (?:--?[a-z-]+ \\S+ )*${name}(?![-\\w])(?! [a-z]+ --key)`)
    const own = blocks.filter(({ command }) => isRun.test(command))
    const runs = own.filter(({ command }) => !/ --help\b/.test(command))
    const hasJson = verb.options.some(({ long }) => long === '--json')
    const shown: Readonly<Record<string, boolean>> = {
      '--help': own.length > runs.length,
      'a terminal of 40 columns': runs.some(({ columns }) => columns === '40'),
      'a terminal of 120 columns': runs.some(({ columns }) => columns === '120'),
      'a pipe': runs.some(({ columns }) => columns === undefined),
      '--json': !hasJson || runs.some(({ command, text }) => command.includes('--json') && RESULT.test(text)),
      'an error': verb.registeredArguments.length === 0 || runs.some(({ text }) => /\[exit [1-9]/.test(text)),
    }
    const lacks = Object.keys(shown).filter((what) => shown[what] !== true)
    return lacks.length === 0 ? [] : [[name, lacks] as const]
  })
  expect(Object.fromEntries(lacking)).toEqual(LACKING)
})

it('scripts show every error that the command line itself can give', () => {
  const all = scripts.join('\n')
  const directory = join(ROOT, 'src', 'cli')
  const missing = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) =>
      errorTexts(readFileSync(join(directory, name), 'utf8'))
        .filter((pattern) => !new RegExp(pattern).test(all))
        .map((pattern) => `${name.replaceAll('\\', '/')}: ${pattern}`),
    )
  expect(missing.toSorted()).toEqual(Object.keys(ERRORS_ELSEWHERE).toSorted())
})
