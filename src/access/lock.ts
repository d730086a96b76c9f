import { utcClock } from '../shared/date-time.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { writtenLength } from '../shared/visible.ts'

/** Who or what is kept out. A label is of targets: `env=prod`. */
export type LockSubject =
  | { readonly type: 'person'; readonly id: string; readonly label: string }
  | { readonly type: 'target'; readonly name: string }
  | { readonly type: 'label'; readonly name: string; readonly value: string }
  | { readonly type: 'all' }

/** Keeps somebody, or everybody from some targets, out until it is lifted or its time is over. */
export interface Lock {
  readonly id: string
  readonly subject: LockSubject
  readonly reason: string
  readonly by: { readonly id: string; readonly label: string }
  readonly createdAt: number
  /** Milliseconds since the epoch; undefined: until somebody lifts it. */
  readonly endsAt: number | undefined
  readonly lifted: { readonly at: number; readonly by: string; readonly reason: string } | undefined
}

export type LockState = 'active' | 'over' | 'lifted'

interface LockedTarget {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
}

export function createLock(
  asked: {
    readonly subject: LockSubject
    readonly reason: string
    readonly by: Lock['by']
    readonly length: number | undefined
    /** Whoever locks themselves has said so. */
    readonly includingSelf: boolean
  },
  now: number,
): Lock {
  const { subject, by, length, includingSelf } = asked
  const reason = asked.reason.trim()
  if (writtenLength(reason) === 0) throw new PamError('USAGE', 'a lock needs a reason', { hint: 'give --reason "…"' })
  if (isAbout(subject, by.id) && !includingSelf)
    throw new PamError('USAGE', 'this lock is about yourself, and you could not lift it', {
      hint: 'give --including-me if that is what you want; somebody else has to unlock you',
    })
  return {
    id: newId('lck'),
    subject,
    reason,
    by,
    createdAt: now,
    endsAt: length === undefined ? undefined : now + length,
    lifted: undefined,
  }
}

export function lockState(lock: Lock, now: number): LockState {
  if (lock.lifted !== undefined) return 'lifted'
  return lock.endsAt !== undefined && now >= lock.endsAt ? 'over' : 'active'
}

/** Throws where nothing is left to lift, and for whoever the lock is about. */
export function liftLock(lock: Lock, by: Lock['by'], reason: string, now: number): Lock {
  if (isAbout(lock.subject, by.id))
    throw new PamError('NOT_ALLOWED', `${lock.id} locks you: somebody else has to lift it`, { id: lock.id })
  const state = lockState(lock, now)
  if (state !== 'active') throw new PamError('ALREADY_DECIDED', `${lock.id} is already ${state}`, { id: lock.id })
  return { ...lock, lifted: { at: now, by: by.label, reason } }
}

const isAbout = (subject: LockSubject, personId: string): boolean =>
  subject.type === 'person' && subject.id === personId

/** Whether a lock keeps this person away from this target; without a target, from everything. */
export function keepsOut({ subject }: Pick<Lock, 'subject'>, personId: string, target?: LockedTarget): boolean {
  switch (subject.type) {
    case 'person':
      return subject.id === personId
    case 'target':
      return target?.name === subject.name
    case 'label':
      return target?.labels[subject.name] === subject.value
    case 'all':
      return target !== undefined
  }
}

/** `env=prod`, as people read it. */
export function describeSubject(subject: LockSubject): string {
  switch (subject.type) {
    case 'person':
      return subject.label
    case 'target':
      return subject.name
    case 'label':
      return `every target with the label ${subject.name}=${subject.value}`
    case 'all':
      return 'every target'
  }
}

/** What the person is told who is kept out. */
export function lockedError({ id, subject, by, reason, endsAt }: Lock): PamError {
  const what = subject.type === 'person' ? 'you are locked out' : `${describeSubject(subject)} is locked`
  const until = endsAt === undefined ? '' : ` until ${utcClock(endsAt)}`
  return new PamError('LOCKED', `${what}${until}: ${reason} (locked by ${by.label})`, {
    id,
    hint: `ask your administrator to lift it: pamctl unlock ${id}`,
  })
}
