import { expect, it } from 'vitest'
import { lockOf, type What } from '../../web/features/locks/lock-of.ts'

const rest = { reason: 'laptop stolen', lengthMs: undefined, includingSelf: false }

it.each<[What, string, object | undefined]>([
  ['person', ' jane@example.com ', { person: 'jane@example.com' }],
  ['target', 'prod-db', { target: 'prod-db' }],
  ['label', 'env=prod=eu', { label: { name: 'env', value: 'prod=eu' } }],
  ['label', 'env=', { label: { name: 'env', value: '' } }],
  ['all', '', { all: true }],
  ['all', 'a name that was typed before', { all: true }],
  ['person', ' ', undefined],
  ['label', 'env', undefined],
  ['label', '=prod', undefined],
])('asks for a lock of a %s from %j', (what, name, expected) => {
  expect(lockOf(what, name, rest)).toEqual(expected && { ...expected, reason: 'laptop stolen' })
})

it('asks for nothing without a reason, and says for how long and whether it is about oneself', () => {
  expect(lockOf('all', '', { ...rest, reason: '' })).toBeUndefined()
  expect(lockOf('person', 'me', { ...rest, lengthMs: 60_000, includingSelf: true })).toEqual({
    person: 'me',
    reason: 'laptop stolen',
    lengthMs: 60_000,
    includingSelf: true,
  })
})
