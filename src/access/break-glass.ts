import type { AccessRule } from '../policy/policy.ts'
import { formatDuration } from '../shared/duration.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { writtenLength } from '../shared/visible.ts'
import { mintGrant, type Grant } from './grant.ts'
import type { Reviewer } from './review.ts'
import { requestCommand } from '../shared/request-command.ts'

/** Access in an emergency: taken without approval, announced before it begins, reviewed afterwards by somebody else. */
export interface BreakGlass {
  readonly id: string
  readonly person: { readonly id: string; readonly label: string; readonly kind: 'person' | 'service' }
  readonly target: string
  readonly rule: string
  readonly reason: string
  /** Milliseconds that were asked for. */
  readonly length: number
  readonly createdAt: number
  /**
   * `announcing`: nobody has access yet; `refused`: nobody got any; `open`: access was given, and the review is outstanding; `closed`: it
   * was reviewed.
   */
  readonly state: 'announcing' | 'refused' | 'open' | 'closed'
  readonly grantId: string | undefined
  /** End of the access; an earlier one where the grant was revoked. */
  readonly endsAt: number | undefined
  /** Groups whose members may close the review. */
  readonly reviewers: readonly string[]
  /** Milliseconds between reminders of an outstanding review. */
  readonly remindEvery: number
  readonly remindedAt: number | undefined
  readonly reviewed:
    { readonly by: string; readonly label: string; readonly comment: string; readonly at: number } | undefined
}

interface Asked {
  readonly person: BreakGlass['person']
  readonly authTime: number | undefined
  readonly target: string
  readonly reason: string
  readonly length: number | undefined
  readonly rule: AccessRule
}

/**
 * Begins one. `earlier`: the uses of the same person that began within the last 24 hours, on any target.
 * @throws PamError where the sign-in is too old, the reason too short, the time too long, or the limit of the day reached
 */
export function beginBreakGlass(
  { person, authTime, target, reason: given, length: asked, rule }: Asked,
  earlier: readonly BreakGlass[],
  { now, recentSignIn }: { readonly now: number; readonly recentSignIn: number },
): BreakGlass {
  const { breakGlass: terms } = rule
  if (terms === undefined || person.kind !== 'person')
    throw new PamError('NO_ACCESS', `no break-glass rule covers you on ${target}`)
  if (authTime === undefined || now - authTime > recentSignIn)
    throw new PamError('SIGN_IN_TOO_OLD', 'breaking the glass needs a recent sign-in', {
      hint: 'sign in again with "pamctl login --fresh", then repeat it',
    })
  const reason = given.trim()
  if (writtenLength(reason) < terms.minReason)
    throw new PamError('USAGE', `the reason must have at least ${terms.minReason} characters`, {
      hint: 'say what happened and what you are going to do: webhooks, Slack, reviewers, auditors and operators are told',
    })
  const length = asked ?? rule.maxDuration
  if (length > rule.maxDuration || length < 1000)
    throw new PamError(
      'USAGE',
      `breaking the glass on ${target} gives from 1s to ${formatDuration(rule.maxDuration)} of access; you asked for ${formatDuration(length)}`,
    )
  const counted = earlier.filter((use) => use.state !== 'refused' && use.createdAt > now - DAY)
  const current = counted.find((use) => use.target === target && breakGlassPhase(use, now) !== 'ended')
  if (current !== undefined)
    throw new PamError('ALREADY_DECIDED', `you have broken the glass on ${target} already: ${current.id}`, {
      id: current.id,
    })
  const ofRule = counted.filter((use) => use.rule === rule.name)
  if (ofRule.length >= terms.maxPerDay)
    throw new PamError(
      'RATE_LIMITED',
      `rule "${rule.name}" lets you break the glass ${terms.maxPerDay === 1 ? 'once' : `${terms.maxPerDay} times`} within 24 hours, and you have`,
      { hint: `request access instead: ${requestCommand(target)}` },
    )
  return {
    id: newId('brk'),
    person,
    target,
    rule: rule.name,
    reason,
    length,
    createdAt: now,
    state: 'announcing',
    grantId: undefined,
    endsAt: undefined,
    reviewers: terms.reviewers.groups,
    remindEvery: terms.remindEvery,
    remindedAt: undefined,
    reviewed: undefined,
  }
}

/** Gives the access, once it was announced. */
export function grantBreakGlass(use: BreakGlass, now: number): { readonly use: BreakGlass; readonly grant: Grant } {
  if (use.state !== 'announcing') throw new PamError('ALREADY_DECIDED', `${use.id} is already ${use.state}`)
  const grant: Grant = {
    ...mintGrant({
      person: use.person,
      target: use.target,
      rule: use.rule,
      reason: use.reason,
      requestId: undefined,
      now,
      length: use.length,
    }),
    breakGlass: use.id,
  }
  return { use: { ...use, state: 'open', grantId: grant.id, endsAt: grant.endsAt }, grant }
}

export type BreakGlassPhase = 'announcing' | 'active' | 'ended'

export function breakGlassPhase({ state, endsAt }: BreakGlass, now: number): BreakGlassPhase {
  if (state === 'announcing') return 'announcing'
  return state === 'open' && endsAt !== undefined && now < endsAt ? 'active' : 'ended'
}

/** Why somebody may not close the review, or undefined. */
export function mayNotReview(use: BreakGlass, reviewer: Reviewer, now: number): PamError | undefined {
  if (reviewer.kind !== 'person') return new PamError('SERVICE_APPROVAL', 'a service never reviews access')
  if (reviewer.id === use.person.id)
    return new PamError('SELF_APPROVAL', 'you cannot review your own access', {
      id: use.id,
      hint: `ask somebody else in ${use.reviewers.join(' or ')} to review it`,
    })
  if (!use.reviewers.some((group) => reviewer.groups.includes(group)))
    return new PamError('NOT_ALLOWED', `only members of ${use.reviewers.join(' or ')} may review ${use.id}`)
  if (use.state !== 'open')
    return new PamError('ALREADY_DECIDED', `${use.id} has no outstanding review`, { id: use.id })
  if (breakGlassPhase(use, now) === 'active')
    return new PamError('ALREADY_DECIDED', `${use.id} is still in use; review it once the access has ended`, {
      id: use.id,
      hint: `to end it now: pamctl revoke ${use.grantId ?? ''}`,
    })
  return undefined
}

/** Closes the review, with a comment. */
export function reviewBreakGlass(
  use: BreakGlass,
  reviewer: Reviewer,
  comment: string,
  { now, recentSignIn }: { readonly now: number; readonly recentSignIn: number },
): BreakGlass {
  const refusal = mayNotReview(use, reviewer, now)
  if (refusal !== undefined) throw refusal
  if (reviewer.authTime === undefined || now - reviewer.authTime > recentSignIn)
    throw new PamError('SIGN_IN_TOO_OLD', 'closing a review needs a recent sign-in', {
      hint: 'sign in again with "pamctl login --fresh", then review it',
    })
  const text = comment.trim()
  if (writtenLength(text) < MIN_COMMENT)
    throw new PamError('USAGE', `the comment must have at least ${MIN_COMMENT} characters`, {
      hint: 'say what was done, and whether it was right',
    })
  return { ...use, state: 'closed', reviewed: { by: reviewer.id, label: reviewer.label, comment: text, at: now } }
}

/** What is due to be told of an outstanding review: that the access has ended, then a reminder from time to time. */
export function dueNotice(use: BreakGlass, now: number): 'ended' | 'review_due' | undefined {
  if (use.state !== 'open' || breakGlassPhase(use, now) !== 'ended') return undefined
  if (use.remindedAt === undefined) return 'ended'
  return now >= use.remindedAt + use.remindEvery ? 'review_due' : undefined
}

const DAY = 86_400_000
const MIN_COMMENT = 10
