import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../src/masking/plan.ts'
import { findKinds, maskKinds, maskValue } from '../../src/masking/replace.ts'

const KEYS = { session: Buffer.from('a'), target: Buffer.from('b') }
const kinds = [
  { kind: 'email', style: 'partial', hashScope: 'session' },
  { kind: 'payment-card', style: 'partial', hashScope: 'session' },
] as const

describe('kinds of data', () => {
  it.each([
    ['jane.doe@example.com', 'j***@***.com'],
    ['write to <jane@mail.example.co.uk>, please', 'write to <j***@***.uk>, please'],
    ['a@b.c,d@e.f', 'a***@***.c,d***@***.f'],
    ['josé@exämple.com', 'j***@***.com'],
    ['4111111111111111', '************1111'],
    ['card 4111 1111 1111 1111 ok', 'card ************1111 ok'],
    ['5500-0000-0000-0004', '************0004'],
    ['3400 000000 00009', '************0009'],
    ['"4111111111111111"', '"************1111"'],
    ['{"mail":"x@y.org","n":4111111111111111}', '{"mail":"x***@***.org","n":************1111}'],
  ])('%s', (text, masked) => {
    expect(maskKinds(text, kinds, KEYS)).toBe(masked)
  })

  it.each([
    '4111111111111112', // fails the check
    '1234567812345670', // passes it, but no network begins so
    '2026-11-23 17:59:19.123456+00',
    '550e8400-e29b-41d4-a716-446655440000',
    '41111111-1111-1111-1111-111111111111',
    '1732384759000',
    '41111111111111111111111', // longer than any card
    'someone at example.com',
    '@handle',
    '',
    'café ☕ naïve',
  ])('leaves %s as it is', (text) => {
    expect(maskKinds(text, kinds, KEYS)).toBeUndefined()
  })

  it('takes linear time on any text', () => {
    for (const text of [
      'a'.repeat(200_000),
      '@'.repeat(200_000),
      'a@'.repeat(100_000),
      '4 '.repeat(100_000),
      '1-'.repeat(100_000),
      'a.'.repeat(100_000),
      `${'a'.repeat(64)}@`.repeat(3000),
    ]) {
      maskKinds(text, kinds, KEYS)
    }
  })

  it('leave no address that stands between spaces in a text', () => {
    const word = fc.stringMatching(/^[a-z0-9]{1,12}$/)
    fc.assert(
      fc.property(
        word,
        word,
        fc.constantFrom('com', 'org', 'de'),
        fc.string({ maxLength: 20 }),
        (user, host, end, around) => {
          const address = `${user}@${host}.${end}`
          const masked = maskKinds(`${around} ${address} ${around}`, kinds, KEYS)
          expect(masked).toBeDefined()
          expect(masked?.includes(` ${address} `)).toBe(false)
        },
      ),
    )
  })
})

describe('several kinds in one text', () => {
  // What one kind hides moves all that stands behind it.
  const text = 'jane.doe@example.com, 4111111111111111'
  it.each([
    ['a short one', text],
    ['one that is read in parts', `${'some words. '.repeat(30)}${text}`],
    ['one in which a character stands for another', `\u2007\u200b${text}`],
  ])('are all hidden: %s', (_, given) => {
    expect(maskKinds(given, kinds, KEYS)).toBe(given.replace(text, 'j***@***.com, ************1111'))
  })
})

describe('whole values', () => {
  it.each([
    ['jane@example.com', 'partial', 'j***@***.com'],
    ['4111111111111111', 'partial', '************1111'],
    ['+1 202 555 0103', 'partial', '+***'],
    ['abc', 'partial', '***'],
    ['', 'partial', ''],
    ['1234567', 'keep-last-4', '****'],
    ['12345678', 'keep-last-4', '****5678'],
    ['anything', 'redact', '****'],
    ['anything', 'null', null],
  ] as const)('%s as %s', (value, style, shown) => {
    expect(maskValue(value, style, { key: KEYS.session, scope: 'a' })).toBe(shown)
  })
})

describe('values beside one another', () => {
  it('are found where they are, also once one before them became shorter', () => {
    const card = '\uff14' + '1'.repeat(15)
    expect(maskKinds(`${'jane'.repeat(5)}@example.com ${card} end`, kinds, KEYS)).toBe(
      'j***@***.com ************1111 end',
    )
    expect(maskKinds(`a@b.c ${card} end`, kinds, KEYS)).toBe('a***@***.c ************1111 end')
  })

  it('that overlap are hidden to the end of both, by one character or many', () => {
    const kind = (name: string, start: number, end: number): MaskedKind => ({
      kind: { name, pattern: '', find: () => [{ start, end }] },
      style: 'redact',
      hashScope: 'session',
    })
    const spans = (...all: [number, number][]) =>
      findKinds(
        '0123456789',
        all.map(([start, end], at) => kind(`k${at}`, start, end)),
      ).map(({ start, end }) => [start, end])
    expect(spans([0, 5], [3, 6])).toEqual([[0, 6]])
    expect(spans([3, 6], [0, 5])).toEqual([[0, 6]])
    expect(spans([0, 9], [3, 6])).toEqual([[0, 9]])
    expect(spans([0, 5], [5, 6])).toEqual([
      [0, 5],
      [5, 6],
    ])
  })
})

describe('a hash', () => {
  const hashOf = (value: string, scope: string, key = KEYS.session) => maskValue(value, 'hash', { key, scope })

  it('of one value differs from column to column and from key to key, and is the same otherwise', () => {
    expect(hashOf('x', 'a')).toBe(hashOf('x', 'a'))
    expect(hashOf('x', 'a')).not.toBe(hashOf('x', 'b'))
    expect(hashOf('x', 'a')).not.toBe(hashOf('x', 'a', KEYS.target))
    expect(hashOf('bc', 'a')).not.toBe(hashOf('c', 'ab'))
    expect(hashOf('1 a', 'b')).not.toBe(hashOf('a', 'b'))
  })
})

it('a whole value is shown in part as its kind is', () => {
  const partial = (value: string) => maskValue(value, 'partial', { key: KEYS.session, scope: '' })
  expect(partial('jane@example.com')).toBe('j***@***.com')
  expect(partial('4111111111111111')).toBe('************1111')
  expect(partial('DE89370400440532013000')).toBe('DE**************3000')
})
