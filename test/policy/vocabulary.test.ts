import { expect, it } from 'vitest'
import { describeKinds, matchesKind, matchesUnknown } from '../../src/policy/vocabulary.ts'

it.each([
  ['select', 'select', true],
  ['select', 'select-for-update', false],
  ['drop-*', 'drop-table', true],
  ['drop-*', 'drop-', true],
  ['drop-*', 'drop', false],
  ['*', 'anything', true],
  // Only a star at the end is one.
  ['dr*p', 'drop', false],
])('the pattern %s and the kind %s: %s', (pattern, kind, isMatch) => {
  expect(matchesKind(pattern, kind)).toBe(isMatch)
})

it.each([
  // A command whose effect is unknown is allowed or held only where the rule says so, and denied by any rule.
  ['allow', undefined, true, false],
  ['allow', true, true, true],
  ['hold', undefined, true, false],
  ['hold', true, true, true],
  ['deny', undefined, true, true],
  ['deny', true, true, true],
  // One that is known is nothing to a rule that denies unknown ones.
  ['allow', undefined, false, true],
  ['allow', true, false, true],
  ['hold', undefined, false, true],
  ['hold', true, false, true],
  ['deny', undefined, false, true],
  ['deny', true, false, false],
] as const)(
  '%s with unknown: %s, of a command whose effect is unknown: %s: %s',
  (effect, unknown, isUnknown, isMatch) => {
    expect(matchesUnknown(unknown, effect, isUnknown)).toBe(isMatch)
  },
)

it('names a statement by its outermost kind', () => {
  const effect = { reads: [], writes: [], unknown: [] }
  expect(describeKinds({ ...effect, kinds: ['create-table', 'select'] })).toBe('CREATE TABLE')
  expect(describeKinds({ ...effect, kinds: [] })).toBe('STATEMENT')
})
