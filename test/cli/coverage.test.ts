import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createProgram } from '../../src/cli/program.ts'
import { visibleVerbs } from '../helpers/examples.ts'

/** What these tests do not show of a verb. */
const LACKING: Readonly<Record<string, readonly string[]>> = {
  // A server must be there: test/integration/ssh-cli.test.ts.
  exec: ['--json'],
}

/** A way in which tests run a verb: a text script, or a unit test within the process. */
interface Use {
  readonly json: boolean
  readonly fails: boolean
}

const program = createProgram(
  () => () => Promise.resolve(),
  () => {},
)
const files = (directory: string, end: string): string[] =>
  readdirSync(join(import.meta.dirname, directory))
    .filter((name) => name.endsWith(end))
    .map((name) => readFileSync(join(import.meta.dirname, directory, name), 'utf8'))
/** Commands of the scripts with what they print. */
const scripts = files('', '.txt').flatMap((text) => text.split(/\n\n+/))
const units = files('commands', '.test.ts')

/** `pamctl audit verify` in a script, `['audit', 'verify'` in a unit test, which may have the first word in one place. */
function usesOf(words: readonly string[]): readonly Use[] {
  const inScript = new RegExp(`\\bpamctl (?:--?[a-z-]+ \\S+ )*${words.join(' ')}\\b(?! [a-z]+ --key)`)
  const [verb = '', ...more] = words
  const inUnit = (text: string): boolean =>
    text.includes(`'${words.join("', '")}'`) ||
    text.includes(`'${words.join(' ')} `) ||
    (text.includes(`['${verb}', ...`) && text.includes(`['${more.join("', '")}'`))
  return [
    ...scripts
      .filter((text) => inScript.test(text))
      .map((text) => ({ json: text.includes('--json'), fails: /\[exit [1-9]/.test(text) })),
    ...units
      .filter((text) => inUnit(text))
      .map((text) => ({
        json: text.includes('--json'),
        fails: /\bcode: [1-9]|\[[1-9], |, [1-9]\]|, [1-9],|toBe\([1-9]\)/.test(text),
      })),
  ]
}

it('every verb is run by a test, with --json where it has it, and into an error', () => {
  const lacking = [...visibleVerbs(program)].flatMap(([name, verb]) => {
    const uses = usesOf(name.split(' '))
    const hasJson = verb.options.some(({ long }) => long === '--json')
    const lacks = [
      ...(uses.length === 0 ? ['a test'] : []),
      ...(hasJson && !uses.some(({ json }) => json) ? ['--json'] : []),
      ...(uses.some(({ fails }) => fails) ? [] : ['an error']),
    ]
    return lacks.length === 0 ? [] : [[name, lacks] as const]
  })
  expect(Object.fromEntries(lacking)).toEqual(LACKING)
})
