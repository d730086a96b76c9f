import { expect, it } from 'vitest'
import { AUDIT_EVENT_TYPES } from '../../src/recording/audit-event-types.ts'
import { EVENT_GROUPS, EVENT_WORDS } from '../../web/features/audit/event-words.ts'

it('every type of entry can be chosen, once, by words of its own', () => {
  expect(EVENT_GROUPS.flatMap(({ types }) => types).toSorted()).toEqual(AUDIT_EVENT_TYPES.toSorted())
  expect(new Set(Object.values(EVENT_WORDS)).size).toBe(AUDIT_EVENT_TYPES.length)
})

it('no group and no type is called by its code', () => {
  for (const { label, prefix } of EVENT_GROUPS) expect(label).not.toBe(prefix.slice(0, -1))
  for (const words of Object.values(EVENT_WORDS)) expect(words).not.toMatch(/[._]/)
  expect(new Set(EVENT_GROUPS.map(({ label }) => label)).size).toBe(EVENT_GROUPS.length)
})
