import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { applyEdits } from '../../../src/masking/stream/edits.ts'

const edit = (from: number, to: number, put?: string) => ({
  from,
  to,
  put: put === undefined ? undefined : Buffer.from(put),
})
const applied = (...edits: ReturnType<typeof edit>[]): string => applyEdits(Buffer.from('abcdefgh'), edits).toString()

describe('edits of the same bytes', () => {
  it.each([
    ['none', [], 'abcdefgh'],
    ['side by side, in any order', [edit(4, 5), edit(1, 2, '*')], 'a*cdfgh'],
    ['the same from two readings', [edit(1, 3, '*'), edit(1, 3, '*')], 'a*defgh'],
    ['one that goes on behind the other', [edit(1, 3, '*'), edit(2, 6, '#')], 'a*gh'],
    ['one within the other', [edit(1, 6, '*'), edit(2, 3, '#')], 'a*gh'],
    ['of what is put in one place, the longest', [edit(1, 3), edit(1, 2, '*'), edit(1, 2, '****')], 'a****defgh'],
    ['one without bytes, twice', [edit(2, 2, '*'), edit(2, 2, '*'), edit(2, 3)], 'ab*defgh'],
    ['one without bytes where another ends', [edit(0, 2), edit(2, 2, '*')], '*cdefgh'],
  ])('%s', (_name, edits, expected) => {
    expect(applied(...edits)).toBe(expected)
  })

  it('hide every byte that any of them covers, and no other', () => {
    const edits = fc.array(
      fc
        .tuple(fc.nat(8), fc.nat(8), fc.boolean())
        .map(([a, b, put]) => edit(Math.min(a, b), Math.max(a, b), put ? '*' : undefined)),
    )
    fc.assert(
      fc.property(edits, (all) => {
        const kept = [...'abcdefgh'].filter((_, at) => !all.some(({ from, to }) => at >= from && at < to)).join('')
        expect(applied(...all).replaceAll('*', '')).toBe(kept)
      }),
    )
  })

  it('give a copy', () => {
    const bytes = Buffer.from('ab')
    const out = applyEdits(bytes, [])
    bytes[0] = 0
    expect(out.toString()).toBe('ab')
  })
})
