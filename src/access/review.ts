import type { Approvers } from '../policy/match/match.ts'
import { PamError } from '../shared/errors.ts'

/** What people decide on: a request for access, or a held command. One state machine for both. */
export interface Review {
  readonly id: string
  readonly requester: { readonly id: string; readonly label: string; readonly kind: 'person' | 'service' }
  readonly approvers: Approvers
  readonly state: ReviewState
  readonly decisions: readonly Decision[]
  readonly expiresAt: number
  /** Where it was withdrawn; earlier versions did not keep it. */
  readonly withdrawn?: Withdrawal | undefined
  /** Of a request that waits: the webhook that is asked for approval. People may decide meanwhile. */
  readonly asking?: { readonly webhook: string } | undefined
  /** Of a request: why people decide on it, although the rules let something else approve such requests. */
  readonly people?: string | undefined
}

export type ReviewState = 'pending' | 'approved' | 'denied' | 'expired' | 'withdrawn' | 'used' | 'void'

/** Who or what took a review back, when. */
export interface Withdrawal {
  /** A person's label, or words for what did it: `the gateway`. */
  readonly by: string
  readonly at: number
}

export interface Decision {
  readonly by: string
  readonly label: string
  readonly verdict: 'approve' | 'deny'
  readonly comment: string
  readonly at: number
  /** The id of the credential that verified an approval, where the rule asks for a passkey. */
  readonly passkey?: string | undefined
  /** Where no person decided, but what the rules name in their place. */
  readonly automatic?: Automatic | undefined
}

/** What approved a request without a person. */
export interface Automatic {
  readonly by: 'schedule' | 'webhook'
  /** The access rules that say so: one, or of several targets each once. */
  readonly rules: readonly string[]
  /** The name of the webhook. */
  readonly webhook?: string | undefined
}

/** `the schedule of rule "office hours"`: in place of the person who decided. */
export function describeAutomatic({ by, rules, webhook }: Automatic): string {
  const names = rules.map((name) => `"${name}"`).join(' and ')
  const of = rules.length === 1 ? `rule ${names}` : `rules ${names}`
  return by === 'schedule'
    ? `the schedule${rules.length === 1 ? '' : 's'} of ${of}`
    : `the webhook "${webhook ?? ''}" of ${of}`
}

/** What somebody decides. `passkey`: the id of the credential whose assertion for this very decision was verified. */
export interface NewDecision {
  readonly verdict: 'approve' | 'deny'
  readonly comment: string
  readonly passkey?: string | undefined
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
  if (isOwn)
    return new PamError('SELF_APPROVAL', 'you cannot decide on your own request', {
      id: review.id,
      hint: `ask somebody else in ${review.approvers.groups.join(' or ')}; to take it back: pamctl withdraw ${review.id}`,
    })
  if (!review.approvers.groups.some((group) => reviewer.groups.includes(group))) {
    return new PamError(
      'NOT_ALLOWED',
      `only members of ${review.approvers.groups.join(' or ')} may decide on ${review.id}`,
    )
  }
  return undefined
}

/**
 * Adds one person's decision; throws where it cannot be. One denial denies; `count` distinct approvals approve. Where the rule asks for a
 * passkey, an approval without one is refused here, wherever it was made.
 */
export function decide<R extends Review>(
  review: R,
  reviewer: Reviewer,
  decision: NewDecision,
  time: { now: number; recentSignIn: number },
): R {
  const current = needDecidable(review, reviewer, decision.verdict, time)
  const { verdict, comment, passkey } = decision
  if (verdict === 'approve' && review.approvers.stepUp === 'passkey' && passkey === undefined)
    throw passkeyNeeded(review)
  const made: Decision = {
    by: reviewer.id,
    label: reviewer.label,
    at: time.now,
    verdict,
    comment,
    ...(passkey === undefined ? {} : { passkey }),
  }
  const decisions = [...current.decisions, made]
  const approvals = decisions.filter((one) => one.verdict === 'approve').length
  const state = verdict === 'deny' ? 'denied' : approvals >= review.approvers.count ? 'approved' : 'pending'
  return { ...current, decisions, state }
}

/**
 * Approves in place of people, where one approval is enough: whether the rules let it is for the caller to know.
 * @throws PamError ALREADY_DECIDED where it no longer waits
 */
export function approveAutomatically<R extends Review>(
  review: R,
  automatic: Automatic,
  { now, comment }: { readonly now: number; readonly comment: string },
): R {
  const current = expire(review, now)
  if (current.state !== 'pending' || current.decisions.length > 0) throw alreadyDecided(current)
  if (review.approvers.count > 1 || review.approvers.stepUp !== undefined)
    throw new PamError('NOT_ALLOWED', `${review.id} needs people to approve it`, { id: review.id })
  const made: Decision = {
    by: 'gateway',
    label: describeAutomatic(automatic),
    at: now,
    verdict: 'approve',
    comment,
    automatic,
  }
  return { ...current, decisions: [made], state: 'approved' }
}

const passkeyNeeded = ({ id }: Review): PamError =>
  new PamError('PASSKEY_NEEDED', `approving ${id} needs your passkey`, {
    id,
    hint: 'approve it in the dashboard, which asks for the passkey',
  })

/** The review as it is now, where this person may decide on it so, but for a passkey; throws where they may not. */
export function needDecidable<R extends Review>(
  review: R,
  reviewer: Reviewer,
  verdict: Decision['verdict'],
  { now, recentSignIn }: { now: number; recentSignIn: number },
): R {
  const refusal = mayNotDecide(review, reviewer)
  if (refusal !== undefined) throw refusal
  const current = expire(review, now)
  if (current.state !== 'pending') throw alreadyDecided(current)
  // A denial only takes away, so it does not have to wait for a new sign-in.
  if (verdict === 'approve' && (reviewer.authTime === undefined || now - reviewer.authTime > recentSignIn)) {
    throw new PamError('SIGN_IN_TOO_OLD', 'approving needs a recent sign-in', {
      hint: 'sign in again with "pamctl login --fresh", then approve',
    })
  }
  if (current.decisions.some(({ by }) => by === reviewer.id)) {
    throw new PamError('ALREADY_DECIDED', `you have already decided on ${review.id}`, { id: review.id })
  }
  return current
}

const alreadyDecided = (review: Review, hint?: string): PamError =>
  new PamError('ALREADY_DECIDED', `${review.id} ${howDecided(review)}`, {
    id: review.id,
    ...(hint === undefined ? {} : { hint }),
  })

/** `is already decided: approved by bob@example.com`; on what was withdrawn or has expired nobody has decided. */
function howDecided(review: Review): string {
  switch (review.state) {
    case 'withdrawn':
      return `was ${describeState(review)}`
    case 'expired':
      return `has ${describeState(review)}`
    case 'void':
      return `is ${describeState(review)}`
    case 'pending':
    case 'approved':
    case 'denied':
    case 'used':
      return `is already decided: ${describeState(review)}`
  }
}

/** The requester takes it back. */
export function withdraw<R extends Review>(review: R, personId: string, now: number): R {
  if (review.requester.id !== personId) throw new PamError('NOT_FOUND', `${review.id} belongs to somebody else`)
  const current = expire(review, now)
  if (current.state !== 'pending')
    throw alreadyDecided(
      current,
      current.state === 'approved'
        ? 'it can no longer be withdrawn; to give up the access, or to end the session: "pamctl grants", "pamctl sessions --active"'
        : undefined,
    )
  return takenBack(current, { by: current.requester.label, at: now })
}

/** Withdrawn, by its requester or by what ended before anybody decided. */
export const takenBack = <R extends Review>(review: R, withdrawn: Withdrawal): R => ({
  ...review,
  state: 'withdrawn',
  withdrawn,
})

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
      if (review.asking !== undefined) return `waiting; the webhook "${review.asking.webhook}" is asked`
      return review.approvers.count > 1
        ? `waiting, ${review.decisions.length} of ${review.approvers.count} have approved`
        : 'waiting'
    case 'approved':
    case 'denied':
      return `${review.state} by ${last?.label ?? 'nobody'}${comment}`
    case 'expired':
      return 'expired: nobody decided in time'
    case 'withdrawn':
      return review.withdrawn === undefined ? 'withdrawn' : `withdrawn by ${review.withdrawn.by}`
    case 'used':
      return `approved by ${last?.label ?? 'nobody'} and run`
    case 'void':
      return 'void: what would run had changed'
  }
}
