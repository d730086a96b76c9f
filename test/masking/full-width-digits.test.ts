import { expect, it } from 'vitest'
import { fullWidthDigits } from '../../src/masking/full-width-digits.ts'

/** `4111 1111-…` with a blank and a hyphen of each encoding. */
const CARD = '4111 1111-1111 1111'
it.each([
  ['EUC_KR', 0xa3b0, 'a1a1', 'a3ad'],
  ['EUC_JP', 0xa3b0, 'a1a1', 'a1dd'],
  ['EUC_TW', 0xa4a1, 'a1a1', 'a2b1'],
  ['Big5', 0xa2af, 'a140', 'a1d0'],
  ['Shift JIS', 0x824f, '8140', '817c'],
  ['Johab', 0xda40, 'd931', 'da3d'],
])('are found at each place, behind anything: %s', (_name, zero, blank, hyphen) => {
  const wide = (text: string): string =>
    [...text]
      .map((sign) => (sign === ' ' ? blank : sign === '-' ? hyphen : (zero + Number(sign)).toString(16)))
      .join('')
  for (const text of [CARD, CARD.replaceAll(/[ -]/g, '')])
    for (const before of ['', 'ff', '8fa1', '8fa1a2d9', 'a3', 'a4', 'da', '82', '41', '8ea1', '00'])
      for (const after of ['', 'a3', 'ff', 'a2d9'])
        expect(fullWidthDigits(Buffer.from(`${before}${wide(text)}${after}`, 'hex'))).toContain(text.replace('-', ' '))
})

it('with separators of ASCII are rows as well, and few digits are none', () => {
  const group = 'a3b1'.repeat(4)
  expect(fullWidthDigits(Buffer.from([group, group, group].join('2d'), 'hex'))).toEqual(['1111-1111-1111'])
  expect(fullWidthDigits(Buffer.from(`a3b1a3b2a3b3ff${group}`, 'hex'))).toEqual([])
})

it('of a long row are one', () => {
  for (const pair of ['a3b1', 'a3b120', 'a3b1a3ad', 'a4a4'])
    expect(fullWidthDigits(Buffer.from(pair.repeat(20_000), 'hex'))).toHaveLength(1)
  expect(fullWidthDigits(Buffer.alloc(100_000, 0xa3))).toEqual([])
})
