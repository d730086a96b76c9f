import { expect, it } from 'vitest'
import { describeKinds, fitsKind } from '../../src/policy/vocabulary.ts'

it.each([
  ['select', 'select', true],
  ['select', 'select-for-update', false],
  ['drop-*', 'drop-table', true],
  ['drop-*', 'drop-', true],
  ['drop-*', 'drop', false],
  ['*', 'anything', true],
  // Only a star at the end is one.
  ['dr*p', 'drop', false],
])('the pattern %s and the kind %s: %s', (pattern, kind, fits) => {
  expect(fitsKind(pattern, kind)).toBe(fits)
})

it('names a statement by its outermost kind', () => {
  const effect = { reads: [], writes: [], unknown: [] }
  expect(describeKinds({ ...effect, kinds: ['create-table', 'select'] })).toBe('CREATE TABLE')
  expect(describeKinds({ ...effect, kinds: [] })).toBe('STATEMENT')
})
