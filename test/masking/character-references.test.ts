import { expect, it } from 'vitest'
import { NAMED, REFERENCE, referenced } from '../../src/masking/character-references.ts'
import { windows1252 } from '../../src/masking/windows-1252.ts'

it.each([
  ['&commat;', '@'],
  ['&nbsp;', ' '],
  ['&nbsp', ' '],
  ['&ndash;', '-'],
  ['&shy', ''],
  ['&ZeroWidthSpace;', ''],
  ['&Dopf;', 'D'],
  ['&#64;', '@'],
  ['&#X40', '@'],
  ['&#150;', '\u2013'],
  ['&#x1D7D2;', '𝟒'],
])('%s stands for %j', (reference, meant) => {
  expect(referenced(reference)).toBe(meant)
  expect(new RegExp(`^(?:${REFERENCE})$`).test(reference)).toBe(true)
})

it.each(['&other;', '&#x110000;', '&auml;'])('%s stands for no character of a value', (reference) => {
  expect(referenced(reference)).toBeUndefined()
})

it('has names that are letters and digits, for ASCII alone', () => {
  for (const [name, meant] of Object.entries(NAMED)) {
    expect(name).toMatch(/^[A-Za-z][A-Za-z0-9]*$/)
    expect(meant).toMatch(/^[\t\n -~]*$/)
  }
})

// Not against TextDecoder: that of Node 20 reads ISO 8859-1.
it('reads bytes as Windows-1252 has them', () => {
  expect([0x41, 0x80, 0x91, 0x96, 0x97, 0x9f, 0xa0, 0xad, 0xff].map(windows1252)).toEqual(
    Array.from('A\u20ac\u2018\u2013\u2014\u0178\u00a0\u00ad\u00ff', (one) => one.charCodeAt(0)),
  )
})
