import { Argument, Command, Option } from 'commander'
import { describe, expect, it } from 'vitest'
import { readLine } from '../../../src/cli/completion/read-line.ts'

const program = new Command('pamctl').addOption(new Option('--profile <name>', 'login'))
program
  .command('connect <target> [command...]')
  .option('--for <duration>', 'how long')
  .option('--wait', 'wait')
  .addOption(new Option('--format <format>', 'how').choices(['json', 'csv']))
  .option('--identity <file>', 'key')
program.command('approve [id]')
program.command('verify <files...>')
program.command('hidden', { hidden: true })
program.command('completion').addArgument(new Argument('<shell>').choices(['bash', 'zsh']))
const policy = program.command('policy')
policy.command('explain <target>').description('why')
policy.command('test <target> <command>')

const read = (...words: string[]) => readLine(program, words)
const values = (...words: string[]): string[] => read(...words).candidates.map(({ value }) => value)

describe('a command line that is being typed', () => {
  it('begins with a verb that people see', () => {
    expect(values('')).toEqual(['connect', 'approve', 'verify', 'completion', 'policy', 'help'])
    expect(values('--profile', 'jane', 'con')).toContain('connect')
    expect(values('policy', 'e')).toEqual(['explain', 'test', 'help'])
  })

  it.each<[string, string[], object]>([
    ['a target', ['connect', ''], { kind: 'targets', files: false }],
    ['a target after options', ['connect', '--for', '1h', '--wait', 'pr'], { kind: 'targets', typed: 'pr' }],
    ['a target of a verb within a group', ['policy', 'explain', ''], { kind: 'targets' }],
    ['what waits for a decision', ['approve', ''], { kind: 'reviews' }],
    [
      'one of a list',
      ['completion', 'z'],
      {
        candidates: [
          { value: 'bash', description: '' },
          { value: 'zsh', description: '' },
        ],
      },
    ],
    ['a file', ['verify', 'a', 'b'], { files: true }],
    ['a file of an option', ['connect', '--identity', ''], { files: true, candidates: [] }],
    ['what belongs to another program', ['connect', 'db', '--', 'psql', '-f', ''], { files: true, candidates: [] }],
  ])('expects %s', (_, words, expected) => expect(read(...words)).toMatchObject(expected))

  it.each<[string, string[]]>([
    ['a second thing where one is taken', ['approve', 'x', '']],
    ['the value of an option that can be anything', ['connect', '--for', '']],
    ['the value of a flag that has none', ['connect', '--wait=']],
  ])('expects nothing for %s', (_, words) => {
    const { candidates, kind, files } = read(...words)
    expect({ candidates, kind, files }).toEqual({ candidates: [], kind: undefined, files: false })
  })

  it.each<[string, string[], string, string]>([
    ['in a word of its own', ['connect', '--format', 'j'], 'j', ''],
    ['in the same word', ['connect', '--format=j'], 'j', '--format='],
    ['as bash cuts it', ['connect', '--format', '=', 'j'], 'j', ''],
    ['as bash cuts it, at its begin', ['connect', '--format', '='], '', ''],
  ])('offers the values of an option %s', (_, words, typed, before) => {
    const found = read(...words)
    expect([found.typed, found.before]).toEqual([typed, before])
    expect(found.candidates.map(({ value }) => value)).toEqual(['json', 'csv'])
  })

  it('offers options of the verb and of the program, and says which login was chosen', () => {
    expect(values('connect', '-')).toEqual(['--for', '--wait', '--format', '--identity', '--profile', '--help'])
    expect(read('connect', '--profile', '=', 'bob', '').globals).toEqual({ profile: 'bob' })
  })
})
