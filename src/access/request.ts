import { PamError } from '../shared/errors.ts'
import { formatDuration } from '../shared/duration.ts'
import { newId } from '../shared/id.ts'
import type { AccessRule } from '../policy/policy.ts'
import { type Grant, mintGrant } from './grant.ts'
import { decide, type Review, type Reviewer } from './review.ts'

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
}

export function createRequest(
  asked: {
    requester: Review['requester']
    target: string
    reason: string
    length: number | undefined
    rule: AccessRule
  },
  { now, expire }: { now: number; expire: number },
): AccessRequest {
  const { rule, requester, target } = asked
  const reason = asked.reason.trim()
  const length = asked.length ?? Math.min(rule.maxDuration, DEFAULT_LENGTH)
  if (rule.approvers === undefined) throw new PamError('USAGE', `${target} needs no request: you have standing access`)
  if (rule.reason === 'required' && reason === '')
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
  if (length < SHORTEST) throw new PamError('USAGE', 'a grant lasts a second at least')
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
  }
}

/** Two requests for one thing would be approved twice, so a second one is refused while the first is waiting. */
export const twinError = ({ id, target }: AccessRequest): PamError =>
  new PamError('REQUEST_PENDING', `your request ${id} for ${target} is already waiting`, {
    id,
    hint: `wait for it, or withdraw it to ask again with another reason or duration: pamctl withdraw ${id}`,
  })

/** One decision; the last approval that was missing mints the grant, whose end is fixed then. */
export function decideRequest(
  request: AccessRequest,
  reviewer: Reviewer,
  decision: { verdict: 'approve' | 'deny'; comment: string; length?: number | undefined },
  time: { now: number; recentSignIn: number },
): { request: AccessRequest; grant: Grant | undefined } {
  if (decision.length !== undefined && (decision.length > request.length || decision.length < SHORTEST)) {
    throw new PamError(
      'USAGE',
      `an approver can shorten the requested ${formatDuration(request.length)}, not extend it`,
    )
  }
  const { verdict, comment } = decision
  const decided = decide(
    { ...request, length: decision.length ?? request.length },
    reviewer,
    { verdict, comment },
    time,
  )
  if (decided.state !== 'approved') return { request: decided, grant: undefined }
  const grant = mintGrant({
    person: request.requester,
    target: request.target,
    rule: request.rule,
    reason: request.reason,
    requestId: request.id,
    now: time.now,
    length: decided.length,
  })
  return { request: { ...decided, grantId: grant.id }, grant }
}

const DEFAULT_LENGTH = 3_600_000
const SHORTEST = 1000
