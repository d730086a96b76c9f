import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, it } from 'vitest'
import { wrap } from '../../../src/cli/output/wrap.ts'

describe('a line that a terminal has no room for', () => {
  it.each([
    [
      'ends between words',
      'delete from customers where id = 7',
      20,
      4,
      ['delete from', '    customers where', '    id = 7'],
    ],
    [
      'is cut within a word that is longer than a line',
      'x abcdefghijklmnopqrstuvwxyz',
      20,
      4,
      ['x abcdefghijklmnopqr', '    stuvwxyz'],
    ],
    ['keeps its indentation', '    abcdefghij klm', 16, 4, ['    abcdefghij', '    klm']],
    ['stays whole where there is no room for the margin', 'aaaa bbbb cccc', 10, 6, ['aaaa bbbb cccc']],
    ['stays whole where it fits', 'a b', 20, 4, ['a b']],
  ])('%s', (_, line, columns, margin, lines) => {
    expect(wrap(line, columns, margin)).toEqual(lines)
  })

  it('loses no character but blanks, and never takes more columns than there are', () => {
    const texts = fc.array(fc.constantFrom('a', 'bc', ' ', '   ', '\u6f22', 'wxyzwxyzwxyzwxyzwxyz', 'e\u0301'), {
      maxLength: 30,
    })
    fc.assert(
      fc.property(texts, fc.integer({ min: 14, max: 40 }), (pieces, columns) => {
        const lines = wrap(pieces.join(''), columns, 4)
        expect(lines.join('').replaceAll(' ', '')).toBe(pieces.join('').replaceAll(' ', ''))
        for (const line of lines) expect(stringWidth(line)).toBeLessThanOrEqual(columns)
        for (const line of lines.slice(1)) expect(line.startsWith('    ')).toBe(true)
      }),
    )
  })
})
