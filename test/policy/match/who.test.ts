import { expect, it } from 'vitest'
import { matchesWho } from '../../../src/policy/match/who.ts'

const jane = { id: 'jane', kind: 'person', label: 'jane', groups: ['dev', 'sre'] } as const
const ci = { id: 'ci', kind: 'service', label: 'ci', groups: [] } as const

it.each([
  ['everybody', {}, [true, true]],
  ['any of these groups', { groups: ['ops', 'sre'] }, [true, false]],
  ['groups that nobody is in', { groups: ['ops'] }, [false, false]],
  ['the exact name of a group', { groups: ['de', 'SRE', 'dev '] }, [false, false]],
  ['people', { kind: 'person' }, [true, false]],
  ['services', { kind: 'service' }, [false, true]],
  ['both: kind and group', { kind: 'service', groups: ['dev'] }, [false, false]],
] as const)('%s', (_what, selector, expected) => {
  expect([matchesWho(selector, jane), matchesWho(selector, ci)]).toEqual(expected)
})
