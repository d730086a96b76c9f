import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matchesPath } from '../../src/host/path-patterns.ts'

it.each([
  ['/srv/**', '/srv', true, true],
  ['/srv/**', '/srv/a/b', true, true],
  ['/srv/*', '/srv/a/b', false, false],
  ['/srv/*/b', '/srv/a/b', true, true],
  ['/srv/a', '/srv/**', false, true],
  ['/srv/**', '/srv/**', true, true],
  ['/srv/a/**', '/srv/**', false, true],
  ['/home/**/.ssh/**', '/home/jane/.ssh/id', true, true],
  ['/home/**/.ssh/**', '/home/jane/ssh/id', false, false],
  ['/**', '**', true, true],
  ['/etc/passwd', '**', false, true],
  ['/etc', '/etc/passwd', false, false],
])('%s and %s: all of it %s, something of it %s', (pattern, path, all, some) => {
  expect([matchesPath(pattern, path, true), matchesPath(pattern, path, false)]).toEqual([all, some])
})

/** As it is said, one segment after the other. */
function reference(pattern: readonly string[], path: readonly string[], all: boolean): boolean {
  const [first, ...rest] = pattern
  const [name, ...below] = path
  if (!all && name === '**') return true
  if (first === '**') return rest.length === 0 || path.some((_, from) => reference(rest, path.slice(from), all))
  if (first === undefined || name === undefined) return first === name
  return name !== '**' && (first === '*' || first === name) && reference(rest, below, all)
}

it('any pattern and any path match as they are defined', () => {
  const segments = fc.array(fc.constantFrom('a', 'b', '*', '**'), { maxLength: 6 })
  const names = fc.array(fc.constantFrom('a', 'b', '**'), { maxLength: 7 })
  fc.assert(
    fc.property(segments, names, fc.boolean(), (pattern, path, all) => {
      expect(matchesPath(`/${pattern.join('/')}`, `/${path.join('/')}`, all)).toBe(reference(pattern, path, all))
    }),
    { numRuns: 300 },
  )
})

// Segment by segment with a copy of the rest, this took a minute in which the gateway served nobody.
it('a path of a hundred thousand segments is compared at once', () => {
  const path = '/a'.repeat(100_000)
  expect(matchesPath('/**/a/**/b', path, false)).toBe(false)
  expect(matchesPath('/**/a/**/a', path, true)).toBe(true)
})
