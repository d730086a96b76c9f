import { expect, it } from 'vitest'
import type { Target } from '../../src/api/schemas/access.ts'
import { targetNamed } from '../../src/cli/target-named.ts'

const target = (name: string): Target => ({
  name,
  type: 'ssh',
  labels: {},
  access: '',
  grant: 'standing',
  reasonRequired: false,
  longestMs: 3_600_000,
  accounts: [],
})

it.each([
  ['prod-bd', 'no target named "prod-bd" is visible to you; did you mean "prod-db"?'],
  ['elsewhere', 'no target named "elsewhere" is visible to you'],
  ['', 'no target named "" is visible to you'],
])('no target is found as "%s"', (name, message) => {
  const targets = [target('prod-db'), target('web-1')]
  expect(() => targetNamed(targets, name)).toThrow(expect.objectContaining({ code: 'TARGET_UNKNOWN', message }))
  expect(targetNamed(targets, 'web-1').name).toBe('web-1')
})
