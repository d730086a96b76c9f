import { describe, expect, it } from 'vitest'
import { readCommandLine } from '../../../src/host/command/command-line.ts'
import type { CommandReader } from '../../../src/host/command/command-reader.ts'
import type { HostFacts } from '../../../src/host/command/facts.ts'
import { compiled } from '../../helpers/compiled.ts'

const SCOPE = { login: 'jane', home: '/home/jane', shell: 'bash' } as const
const SIZE = 34_000
const repeated = (text: string): string => text.repeat(SIZE / text.length)
const reasons = ({ statements }: HostFacts): string[] => statements.flatMap(({ unknown }) => unknown)

/** Texts of which each level asks for more work than the one before. */
const COSTLY = [
  'xargs ',
  'env A=1 nice ',
  '$(',
  '<(',
  '"$(',
  '$((',
  '"${x:-',
  '<<a ',
  '`',
  '{ ',
  '( ',
  'if ',
  '$((1+',
  "sh -c '",
]

describe('costly command lines', () => {
  it.each(COSTLY.map((text) => [text]))('are refused with a reason, and few facts: %j', (text) => {
    const facts = readCommandLine(repeated(text), SCOPE)
    expect(reasons(facts).length).toBeGreaterThan(0)
    // Nothing grows with the square of the text.
    expect(JSON.stringify(facts).length).toBeLessThan(4 * SIZE)
  })

  it.each([
    ['x'.repeat(70_000), 'a command line of more than 65536 characters is not analysed'],
    ['xargs '.repeat(100), 'more than 16 programs that run one another are not analysed'],
    ['( '.repeat(200) + 'x' + ' )'.repeat(200), 'a command line nested more than 100 levels deep is not analysed'],
    ['$('.repeat(2000), 'a command line with more than 1000 groups and substitutions is not analysed'],
    ['x;'.repeat(3000), 'a command line of more than 2000 commands is not analysed'],
  ])('name the limit that was reached: %#', (text, reason) => {
    expect(reasons(readCommandLine(text, SCOPE))).toEqual([reason])
  })

  it('do not include chains and nesting as people write them', () => {
    expect(reasons(readCommandLine('nice '.repeat(10) + 'ls', SCOPE))).toEqual([])
    expect(reasons(readCommandLine(`${'( '.repeat(20)}ls${' )'.repeat(20)}`, SCOPE))).toEqual([])
    expect(reasons(readCommandLine('echo x; '.repeat(500), SCOPE))).toEqual([])
  })

  it('are analysed in a worker: others continue meanwhile', async () => {
    // Compiled: the worker is a file beside it.
    const { createCommandReader, inOrder } = (await import(compiled('host/command/command-reader.ts'))) as {
      createCommandReader: () => CommandReader
      inOrder: (reader: CommandReader) => CommandReader
    }
    const reader = inOrder(createCommandReader())
    let isDone = false
    let turns = 0
    const turn = (): void => {
      turns++
      if (!isDone) setImmediate(turn)
    }
    const all = Promise.all(COSTLY.map((text) => reader.read(repeated(text), SCOPE))).finally(() => (isDone = true))
    turn()
    const short = await reader.read('ls', SCOPE)
    expect(isDone).toBe(false)
    expect(short.statements[0]?.argv).toEqual(['ls'])
    for (const facts of await all) expect(reasons(facts).length).toBeGreaterThan(0)
    expect(turns).toBeGreaterThan(COSTLY.length)
  })
})
