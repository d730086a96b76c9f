import { PamError } from '../shared/errors.ts'

/** What people decide on: a request for access, or a held command. One state machine for both. */
export interface Review {
  readonly id: string
  readonly requester: { readonly id: string; readonly label: string; readonly kind: 'person' | 'service' }
  readonly approvers: { readonly groups: readonly string[]; readonly count: number }
  readonly state: ReviewState
  readonly decisions: readonly Decision[]
  readonly expiresAt: number
}

export type ReviewState = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'used' | 'void'

export interface Decision {
  readonly by: string
  readonly label: string
  readonly verdict: 'approve' | 'deny'
  readonly comment: string
  readonly at: number
}

export interface Reviewer {
  readonly id: string
  readonly label: string
  readonly kind: 'person' | 'service'
  readonly groups: readonly string[]
  readonly authTime: number | undefined
}

/** Why somebody may not decide, or undefined. The order is what a person wants to hear first. */
export function mayNotDecide(review: Review, reviewer: Reviewer): PamError | undefined {
  const isOwn = reviewer.id === review.requester.id
  if (reviewer.kind === 'service') return new PamError('SERVICE_APPROVAL', 'a service never decides on access')
  if (isOwn) return new PamError('SELF_APPROVAL', 'you cannot decide on your own request')
  if (!review.approvers.groups.some((group) => reviewer.groups.includes(group))) {
    return new PamError(
      'NOT_ALLOWED',
      `only members of ${review.approvers.groups.join(' or ')} may decide on ${review.id}`,
    )
  }
  return undefined
}

/** Adds one person's decision; throws where it cannot be. One denial denies; `count` distinct approvals approve. */
export function decide<R extends Review>(
  review: R,
  reviewer: Reviewer,
  decision: { verdict: 'approve' | 'deny'; comment: string },
  { now, recentSignIn }: { now: number; recentSignIn: number },
): R {
  const refusal = mayNotDecide(review, reviewer)
  if (refusal !== undefined) throw refusal
  const current = expire(review, now)
  if (current.state !== 'pending')
    throw new PamError('ALREADY_DECIDED', `${review.id} is already decided: ${describeState(current)}`, {
      id: review.id,
    })
  // A denial only takes away, so it does not have to wait for a new sign-in.
  if (decision.verdict === 'approve' && (reviewer.authTime === undefined || now - reviewer.authTime > recentSignIn)) {
    throw new PamError('SIGN_IN_TOO_OLD', 'approving needs a recent sign-in', {
      hint: 'sign in again with "pamctl login --fresh", then approve',
    })
  }
  if (current.decisions.some(({ by }) => by === reviewer.id)) {
    throw new PamError('ALREADY_DECIDED', `you have already decided on ${review.id}`, { id: review.id })
  }
  const decisions = [...current.decisions, { by: reviewer.id, label: reviewer.label, at: now, ...decision }]
  const approvals = decisions.filter(({ verdict }) => verdict === 'approve').length
  const state = decision.verdict === 'deny' ? 'denied' : approvals >= review.approvers.count ? 'approved' : 'pending'
  return { ...current, decisions, state }
}

/** The requester takes it back. */
export function withdraw<R extends Review>(review: R, personId: string, now: number): R {
  if (review.requester.id !== personId) throw new PamError('NOT_FOUND', `${review.id} belongs to somebody else`)
  const current = expire(review, now)
  if (current.state !== 'pending') throw new PamError('ALREADY_DECIDED', `${review.id} is ${describeState(current)}`)
  return { ...current, state: 'withdrawn' }
}

/** What time has made of it. */
export function expire<R extends Review>(review: R, now: number): R {
  return review.state === 'pending' && now >= review.expiresAt ? { ...review, state: 'expired' } : review
}

/** An approval lets one command run once; taking it is the last step before the command goes. */
export function use<R extends Review>(review: R): R {
  if (review.state !== 'approved') throw new PamError('APPROVAL_VOID', `${review.id} is ${describeState(review)}`)
  return { ...review, state: 'used' }
}

/** `denied by bob@example.com: not today`. */
export function describeState(review: Review): string {
  const last = review.decisions.at(-1)
  const comment = last === undefined || last.comment === '' ? '' : `: ${last.comment}`
  switch (review.state) {
    case 'pending':
      return review.approvers.count > 1
        ? `waiting, ${review.decisions.length} of ${review.approvers.count} have approved`
        : 'waiting'
    case 'approved':
    case 'denied':
      return `${review.state} by ${last?.label ?? 'nobody'}${comment}`
    case 'expired':
      return 'expired: nobody decided in time'
    case 'withdrawn':
      return 'withdrawn'
    case 'used':
      return `approved by ${last?.label ?? 'nobody'} and run`
    case 'void':
      return 'void: what would run had changed'
  }
}
