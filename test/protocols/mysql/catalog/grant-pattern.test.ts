import fc from 'fast-check'
import { expect, it } from 'vitest'
import { matchesGrantPattern } from '../../../../src/protocols/mysql/catalog/grant-pattern.ts'

it.each([
  ['shop', 'shop', true],
  ['shop', 'sh%', true],
  ['shop', '%op', true],
  ['shop', 's%h%p', true],
  ['shop', 's__p', true],
  ['shop', 's_p', false],
  ['shop', '%', true],
  ['', '%', true],
  ['', '_', false],
  ['shop', 'shop_', false],
  ['shop_a', String.raw`shop\_a`, true],
  ['shopxa', String.raw`shop\_a`, false],
  ['100%', String.raw`100\%`, true],
  ['mysql', String.raw`m\ysql`, true],
  ['a\\', 'a\\', true],
])('%s and %s: %s', (name, pattern, matches) => expect(matchesGrantPattern(name, pattern)).toBe(matches))

const MEANT: ReadonlyMap<string, string> = new Map([
  ['%', '.*'],
  ['_', '.'],
  ['\\_', '_'],
])

it('any pattern matches as it is defined', () => {
  const signs = fc.array(fc.constantFrom('a', 'b', '_', '%', '\\_'), { maxLength: 7 })
  const names = fc.string({ unit: fc.constantFrom('a', 'b', '_'), maxLength: 7 })
  fc.assert(
    fc.property(signs, names, (pattern, name) => {
      const source = pattern.map((sign) => MEANT.get(sign) ?? sign)
      expect(matchesGrantPattern(name, pattern.join(''))).toBe(new RegExp(`^${source.join('')}$`).test(name))
    }),
    { numRuns: 300 },
  )
})

// As an expression each of these took longer than anybody can wait.
it('a pattern of many wildcards is compared at once', () => {
  expect(matchesGrantPattern('a'.repeat(64), `${'%a'.repeat(32)}b`)).toBe(false)
  expect(matchesGrantPattern('pam_gateway', `${'%'.repeat(60)}x`)).toBe(false)
})
