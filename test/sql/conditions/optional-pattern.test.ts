import fc from 'fast-check'
import { expect, it } from 'vitest'
import { isOptionalPattern } from '../../../src/sql/conditions/optional-pattern.ts'

it.each([
  '',
  'a*',
  'a?b*',
  'a??',
  '(a)*',
  '(?:ab)?',
  '()',
  '(?:)',
  '[a-z]*',
  '[^a]?',
  '[]a]*',
  '[^]]{0,3}',
  'a{0}',
  'a{,2}',
  '\\d*',
])('%s may be empty', (pattern) => expect(isOptionalPattern(pattern)).toBe(true))

it.each(['a', 'a+', 'a*b', '(a)', '[a]', 'a{1,}', '(a|b)*c', '[', '(', '\\', 'a**', '[]*'.concat('x')])(
  '%s is not known to be',
  (pattern) => expect(isOptionalPattern(pattern)).toBe(false),
)

/** The same as one expression, which takes twice as long with each `[]*` or `(?:a)*`. */
const DEFINED =
  /^(?:(?:\\.|\[\^?\]?[^\]]*\]|\((?:\?:)?[^()|]*\)|[^\\[\](){}|*+?^$])(?:[*?]|\{0?,\d*\}|\{0\})\??|\((?:\?:)?\))*$/

it('any pattern is read as it is defined', () => {
  const parts = fc.constantFrom(
    '[',
    ']',
    '^',
    '(',
    ')',
    '(?:',
    '()',
    '*',
    '?',
    '{0}',
    '{,1}',
    'a',
    '\\',
    '|',
    '[]*',
    '(a)*',
  )
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 9 }), (found) => {
      const pattern = found.join('')
      expect(isOptionalPattern(pattern)).toBe(DEFINED.test(pattern))
    }),
    { numRuns: 500 },
  )
})

// As one expression these never ended, and the gateway served nobody meanwhile.
it.each(['[]*', '(?:a)*', '[^]]?', '[', '(', '{', '\\'])('many %s are read at once', (part) => {
  expect(isOptionalPattern(`${part.repeat(30_000)}x`)).toBe(false)
})
