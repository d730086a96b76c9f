import { describe, expect, it } from 'vitest'
import { hideInText, hideNumber, hideWhole } from '../../src/masking/hidden-text.ts'
import { maskingKinds, type MaskingStyle } from '../../src/policy/policy.ts'

const keys = { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) }
const search = (style: MaskingStyle = 'redact') => ({
  kinds: maskingKinds.map((kind) => ({ kind, style, hashScope: 'session' }) as const),
  keys,
})

describe('hideInText', () => {
  it('finds what was escaped three times', () => {
    for (const text of ['jane%252540example.com', 'jane&amp;amp;#64;example.com', 'jane%2526#64;example.com'])
      expect(hideInText(text, search())).toBeNull()
  })

  it.each(['\u0090', '\u0098', '\u009d', '\u009e', '\u009f'])(
    'finds what a control string parts that %j begins',
    (begin) => {
      expect(hideInText(`k AKIAIOSF${begin}text\u009cODNN7EXAMPLE x`, search())).toBe('k **** x')
    },
  )

  it('is NULL where all kinds become NULL', () => {
    expect(hideInText('to jane@example.com', search('null'))).toBeNull()
    expect(hideInText('to jane@example.com', search())).toBe('to ****')
    expect(hideInText('to nobody', search('null'))).toBeUndefined()
  })
})

it('a number is looked at from the shortest card on', () => {
  expect(hideNumber(4_222_222_222_222, search())).toBeNull()
  expect(hideNumber(4_222_222_222_223, search())).toBeUndefined()
  expect(hideWhole('card 4222222222222', search())).toBeNull()
})
