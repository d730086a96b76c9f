import { describe, expect, it } from 'vitest'
import { ANY_WORDS, compileOptions, readWords, type Word } from '../../../src/host/command/options.ts'

const TABLE = compileOptions(
  { plain: '-a -b -w: -c? --all --width= --color?', reads: '-f: --file=' },
  { hasNumbers: true },
)
const STOPPING = compileOptions({ plain: '-n: -v' }, { stopsAtOperand: true })

const one: Word = { isSingle: true, isOperand: false }
const read = (...words: Word[]) => {
  const found = readWords(TABLE, words)
  return 'failed' in found
    ? found.failed
    : {
        operands: found.operands,
        reads: found.argumentsOf('reads'),
        ...(found.hasUnclearOptions ? { isUnclear: true } : {}),
      }
}

describe('options by a table', () => {
  it.each<[readonly Word[], unknown]>([
    [[], { operands: [], reads: [] }],
    [['-ab', 'x'], { operands: ['x'], reads: [] }],
    [['x', '-a'], { operands: ['x'], reads: [] }],
    [['--', '-a'], { operands: ['-a'], reads: [] }],
    [['-'], { operands: ['-'], reads: [] }],
    [['-f', 'x', 'y'], { operands: ['y'], reads: ['x'] }],
    [['-afx', 'y'], { operands: ['y'], reads: ['x'] }],
    [['-wf', 'x'], { operands: ['x'], reads: [] }],
    [['-w', '-f', 'x'], { operands: ['x'], reads: [] }],
    [['--file=x'], { operands: [], reads: ['x'] }],
    [['--file', 'x'], { operands: [], reads: ['x'] }],
    [['--color', 'x'], { operands: ['x'], reads: [] }],
    [['--color=auto', 'x'], { operands: ['x'], reads: [] }],
    [['-c', 'x'], { operands: ['x'], reads: [] }],
    [['-cx', 'y'], { operands: ['y'], reads: [] }],
    [['-12', 'x'], { operands: ['x'], reads: [] }],
    [['--help'], { operands: [], reads: [] }],
    [['-f', one], { operands: [], reads: [one] }],
    [['--file=~/x'], { operands: [], reads: [{ isSingle: true, isOperand: true }] }],
  ])('%j', (words, expected) => {
    expect(read(...words)).toEqual(expected)
  })

  it.each<[readonly Word[], string]>([
    [['--al'], '--al'],
    [['--fil=x'], '--fil=x'],
    [['--all=x'], '--all=x'],
    [['-az'], '-az'],
    [['-z'], '-z'],
    [['-1x'], '-1x'],
    [['-f'], '-f'],
    [['--file'], '--file'],
    [['--'.concat('Color')], '--Color'],
  ])('does not understand %j', (words, failed) => {
    expect(read(...words)).toBe(failed)
  })

  it('says where an option may hide in a word that only the shell knows', () => {
    expect(read(one)).toMatchObject({ isUnclear: true })
    expect(read('-f', ANY_WORDS, 'x')).toMatchObject({ isUnclear: true })
    expect(read({ isSingle: false, isOperand: true })).not.toMatchObject({ isUnclear: true })
    expect(read('--', one)).not.toMatchObject({ isUnclear: true })
  })

  it('of a program that runs another ends at its first operand', () => {
    expect(readWords(STOPPING, ['-n', '5', 'rm', '-v'])).toMatchObject({ operandsAt: 2, operands: ['rm', '-v'] })
    expect(readWords(STOPPING, ['--', '-v'])).toMatchObject({ operandsAt: 1 })
    expect(readWords(STOPPING, ['-v', one, 'x'])).toMatchObject({ hasUnclearOptions: true })
  })

  it('a table with a spelling that cannot be an option is a mistake', () => {
    expect(() => compileOptions({ plain: '-ab' })).toThrow('-ab')
    expect(() => compileOptions({ plain: '-a', other: '-a' })).toThrow('-a')
  })
})
