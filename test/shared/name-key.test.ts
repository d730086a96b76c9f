import { expect, it } from 'vitest'
import { mailKey, nameKey } from '../../src/shared/name-key.ts'

it('a name is the same in any case and in any of its canonical forms', () => {
  expect(nameKey('J\u030C')).toBe(nameKey('\u01F0'))
  expect(nameKey('JOS\u00C9')).toBe(nameKey('jose\u0301'))
  for (const name of ['\u0130', 'J\u030C', '\u212A', '\u1E9E']) expect(nameKey(nameKey(name))).toBe(nameKey(name))
})

it('an address is not that of somebody whose letters only look alike', () => {
  expect(mailKey('Jane.Kim@Example.COM')).toBe('jane.kim@example.com')
  expect(mailKey('jane.\u212Aim@example.com')).not.toBe('jane.kim@example.com')
})
