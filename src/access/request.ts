import { PamError } from '../shared/errors.ts'
import { formatDuration } from '../shared/duration.ts'
import { newId } from '../shared/id.ts'
import { writtenLength } from '../shared/visible.ts'
import type { AccessRule } from '../policy/policy.ts'
import { extendGrant, type Grant, grantState, mintGrant } from './grant.ts'
import { decide, type NewDecision, type Review, type Reviewer } from './review.ts'

/** Somebody asks for a target for a while. */
export interface AccessRequest extends Review {
  readonly target: string
  readonly reason: string
  /** Milliseconds asked for; an approver may shorten it. */
  readonly length: number
  /** The access rule that the request stands on. */
  readonly rule: string
  readonly createdAt: number
  readonly grantId: string | undefined
  /** When the access begins; undefined: as soon as it is approved. */
  readonly startsAt?: number | undefined
  /** The grant that is to last longer; undefined: a new one. */
  readonly extends?: { readonly grant: string; readonly longest: number } | undefined
}

export function createRequest(
  asked: {
    requester: Review['requester']
    target: string
    reason: string
    length: number | undefined
    rule: AccessRule
    startsAt?: number | undefined
    /** A grant of the requester that is in force. */
    extends?: Grant | undefined
  },
  { now, expire }: { now: number; expire: number },
): AccessRequest {
  const { rule, requester, target, startsAt } = asked
  const reason = asked.reason.trim()
  const length = asked.length ?? Math.min(rule.maxDuration, DEFAULT_LENGTH)
  if (rule.approvers === undefined) throw new PamError('USAGE', `${target} needs no request: you have standing access`)
  if (rule.reason === 'required' && writtenLength(reason) === 0)
    throw new PamError('USAGE', 'a request for access needs a reason', { hint: 'give --reason "…"' })
  if (length > rule.maxDuration) {
    throw new PamError(
      'USAGE',
      `${target} is limited to ${formatDuration(rule.maxDuration)} of access; you asked for ${formatDuration(length)}`,
      {
        hint: `ask with --for ${formatDuration(rule.maxDuration)} or less`,
      },
    )
  }
  if (length < SHORTEST) throw new PamError('USAGE', 'a grant lasts at least one second')
  if (startsAt !== undefined) needStart(startsAt, now)
  if (asked.extends !== undefined) needExtensible(asked.extends, asked, now)
  return {
    id: newId('req'),
    requester,
    target,
    reason,
    length,
    rule: rule.name,
    approvers: rule.approvers,
    state: 'pending',
    decisions: [],
    createdAt: now,
    expiresAt: now + expire,
    grantId: undefined,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(asked.extends === undefined ? {} : { extends: { grant: asked.extends.id, longest: rule.maxDuration } }),
  }
}

function needStart(startsAt: number, now: number): void {
  if (startsAt > now && startsAt <= now + LATEST_START) return
  throw new PamError(
    'USAGE',
    startsAt <= now
      ? 'the start is in the past'
      : `access can start within ${formatDuration(LATEST_START)} at the latest`,
  )
}

/** Only one's own access of daily work, while it lasts, is extended. */
function needExtensible(
  grant: Grant,
  { requester, target, startsAt }: { requester: Review['requester']; target: string; startsAt?: number | undefined },
  now: number,
): void {
  if (grant.person.id !== requester.id || grant.target !== target)
    throw new PamError('NOT_FOUND', `${grant.id} is not your access to ${target}`)
  if (grant.breakGlass !== undefined)
    throw new PamError('USAGE', 'emergency access is not extended', {
      hint: `request access: pamctl request ${target}`,
    })
  if (startsAt !== undefined)
    throw new PamError('USAGE', 'an extension begins when the access ends: leave out the start')
  if (grantState(grant, now) !== 'active')
    throw new PamError('ALREADY_DECIDED', `${grant.id} is ${grantState(grant, now)}`, {
      hint: `request access again: pamctl request ${target}`,
    })
}

/** Two requests for one thing would be approved twice, so a second one is refused while the first is waiting. */
export const duplicateRequest = ({ id, target }: AccessRequest): PamError =>
  new PamError('REQUEST_PENDING', `your request ${id} for ${target} is already waiting`, {
    id,
    hint: `wait for it, or withdraw it to ask again with another reason or duration: pamctl withdraw ${id}`,
  })

/** An approver may grant less time than was asked for, never more. */
export function needShorter(request: AccessRequest, length: number | undefined): void {
  if (length === undefined || (length <= request.length && length >= SHORTEST)) return
  throw new PamError('USAGE', `an approver can shorten the requested ${formatDuration(request.length)}, not extend it`)
}

/** One decision; the last approval that was missing mints the grant, whose end is fixed then. */
export function decideRequest(
  request: AccessRequest,
  reviewer: Reviewer,
  decision: NewDecision & { readonly length?: number | undefined },
  time: { now: number; recentSignIn: number },
  /** The grant that the request extends, as it is now. */
  extended?: Grant,
): { request: AccessRequest; grant: Grant | undefined } {
  const { length, ...made } = decision
  needShorter(request, length)
  const decided = decide({ ...request, length: length ?? request.length }, reviewer, made, time)
  if (decided.state !== 'approved') return { request: decided, grant: undefined }
  if (decided.extends !== undefined) {
    if (extended === undefined) throw new PamError('NOT_FOUND', `${decided.extends.grant} does not exist`)
    const { longest } = decided.extends
    const grant = extendGrant(extended, { length: decided.length, longest, now: time.now })
    return { request: { ...decided, grantId: grant.id }, grant }
  }
  const grant = mintGrant({
    person: request.requester,
    target: request.target,
    rule: request.rule,
    reason: request.reason,
    requestId: request.id,
    now: time.now,
    length: decided.length,
    startsAt: decided.startsAt,
  })
  return { request: { ...decided, grantId: grant.id }, grant }
}

const DEFAULT_LENGTH = 3_600_000
const SHORTEST = 1000
const LATEST_START = 7 * 86_400_000
