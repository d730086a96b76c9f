import { describe, expect, it } from 'vitest'
import { createLock, keepsOut, liftLock, lockedError, lockState, type LockSubject } from '../../src/access/lock.ts'

const bob = { id: 'bob', label: 'bob@example.com' }
const prod = { name: 'prod-db', labels: { env: 'prod' } }
const made = (subject: LockSubject, given: object = {}) =>
  createLock({ subject, reason: 'incident 7', by: bob, length: undefined, includingSelf: false, ...given }, 1000)
const jane: LockSubject = { type: 'person', id: 'jane', label: 'jane@example.com' }

describe('a lock', () => {
  it.each<[string, LockSubject, boolean, boolean]>([
    ['of a person keeps them out everywhere', jane, true, true],
    [
      'of another person keeps nobody else out',
      { type: 'person', id: 'janet', label: 'jane@example.com' },
      false,
      false,
    ],
    ['of a target is about that target alone', { type: 'target', name: 'prod-db' }, true, false],
    ['of another target does nothing here', { type: 'target', name: 'prod' }, false, false],
    ['of a label is about targets that have it', { type: 'label', name: 'env', value: 'prod' }, true, false],
    ['of another value of a label does nothing here', { type: 'label', name: 'env', value: 'dev' }, false, false],
    [
      'of a label that is a name every object has does nothing',
      { type: 'label', name: 'toString', value: '' },
      false,
      false,
    ],
    ['of everything is about every target, and not about signing in', { type: 'all' }, true, false],
  ])('%s', (_what, subject, here, everywhere) => {
    const lock = made(subject)
    expect([keepsOut(lock, 'jane', prod), keepsOut(lock, 'jane')]).toEqual([here, everywhere])
  })

  it('expires at the given millisecond, or stays until it is lifted', () => {
    const hour = made(jane, { length: 500 })
    expect([1499, 1500].map((now) => lockState(hour, now))).toEqual(['active', 'over'])
    expect(lockState(made(jane), 1e15)).toBe('active')
    const lifted = liftLock(made(jane), bob, 'over', 2000)
    expect([lockState(lifted, 2000), lifted.lifted]).toEqual([
      'lifted',
      { at: 2000, by: 'bob@example.com', reason: 'over' },
    ])
    for (const gone of [lifted, hour]) expect(() => liftLock(gone, bob, '', 2000)).toThrow(/is already/)
  })

  it('needs a reason, and never locks out its own author silently', () => {
    expect(() => made(jane, { reason: '  ' })).toThrow('a lock needs a reason')
    expect(() => made(jane, { reason: '\u200b \u00ad' })).toThrow('a lock needs a reason')
    const self: LockSubject = { type: 'person', ...bob }
    expect(() => made(self)).toThrow('this lock is about yourself')
    const lock = made(self, { includingSelf: true })
    expect(() => liftLock(lock, bob, '', 2000)).toThrow('somebody else has to lift it')
    // One that covers everything does not stop whoever administers from lifting it.
    expect(liftLock(made({ type: 'all' }), bob, '', 2000).lifted?.by).toBe('bob@example.com')
  })

  it('tells the locked person why, by whom and until when', () => {
    expect(lockedError(made(jane, { length: 500 })).message).toBe(
      'you are locked out until 1970-01-01 00:00 UTC: incident 7 (locked by bob@example.com)',
    )
    expect(lockedError(made({ type: 'label', name: 'env', value: 'prod' })).message).toBe(
      'every target with the label env=prod is locked: incident 7 (locked by bob@example.com)',
    )
  })
})
