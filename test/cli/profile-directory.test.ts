import { join } from 'node:path'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { profileDirectory } from '../../src/cli/profile-directory.ts'

it('is a directory of its own for each profile, within the one of pamctl', () => {
  expect(profileDirectory('/home', 'default')).toBe('/home')
  expect(profileDirectory('/home', 'prod-eu')).toBe(join('/home', 'profiles', 'prod-eu'))
  expect(profileDirectory('/home', '../x')).toBe(join('/home', 'profiles', '_2e__2e__2f_x'))
  fc.assert(
    fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
      expect(profileDirectory('/home', one) === profileDirectory('/home', other)).toBe(one === other)
    }),
    { numRuns: 50 },
  )
})
