import { PamError } from '../shared/errors.ts'
import { formatDuration } from '../shared/duration.ts'
import { newId } from '../shared/id.ts'
import { writtenLength } from '../shared/visible.ts'
import type { AccessRule, Approvers } from '../policy/policy.ts'
import { extendGrant, type Grant, grantState, mintGrant } from './grant.ts'
import { approversOfAll, describeTargets, type RequestedTarget } from './requested-targets.ts'
import { approveAutomatically, decide, type Automatic, type NewDecision, type Review, type Reviewer } from './review.ts'
import { requestCommand } from '../shared/request-command.ts'

/** Somebody asks for a target, or several, for a while. */
export interface AccessRequest extends Review {
  /** Each once; one decision is for all, and gives a grant for each. Fixed when it is made. */
  readonly targets: readonly RequestedTarget[]
  readonly reason: string
  /** Milliseconds asked for; an approver may shorten it. */
  readonly length: number
  readonly createdAt: number
  /** When the access begins; undefined: as soon as it is approved. */
  readonly startsAt?: number | undefined
  /** The grant that is to last longer; undefined: a new one. */
  readonly extends?: { readonly grant: string; readonly longest: number } | undefined
  /** The webhook that was asked for approval, and has answered or failed to. */
  readonly asked?: string | undefined
}

export function createRequest(
  asked: {
    requester: Review['requester']
    target: string
    reason: string
    length: number | undefined
    rule: AccessRule
    /** Targets besides, under the same decision. */
    also?: readonly { readonly target: string; readonly rule: AccessRule }[] | undefined
    startsAt?: number | undefined
    /** A grant of the requester that is in force. */
    extends?: Grant | undefined
  },
  { now, expire }: { now: number; expire: number },
): AccessRequest {
  const { requester, startsAt } = asked
  const all = [{ target: asked.target, rule: asked.rule }, ...(asked.also ?? [])]
  const reason = asked.reason.trim()
  const longest = Math.min(...all.map(({ rule }) => rule.maxDuration))
  const length = asked.length ?? Math.min(longest, DEFAULT_LENGTH)
  const approvers = approversOfAll(all.map(needRequestable))
  if (all.some(({ rule }) => rule.reason === 'required') && writtenLength(reason) === 0)
    throw new PamError('USAGE', 'a request for access needs a reason', { hint: 'give --reason "…"' })
  needLength(all, length)
  if (startsAt !== undefined) needStart(startsAt, now)
  if (asked.extends !== undefined && all.length > 1)
    throw new PamError('USAGE', 'more time is asked for on one target at a time')
  if (asked.extends !== undefined) needExtensible(asked.extends, asked, now)
  return {
    id: newId('req'),
    requester,
    targets: all.map(({ target: name, rule }) => ({ name, rule: rule.name })),
    reason,
    length,
    approvers,
    state: 'pending',
    decisions: [],
    createdAt: now,
    expiresAt: now + expire,
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(asked.extends === undefined ? {} : { extends: { grant: asked.extends.id, longest } }),
  }
}

interface Asked {
  readonly target: string
  readonly rule: AccessRule
}

function needRequestable({ target: name, rule: { approvers } }: Asked): { name: string; approvers: Approvers } {
  if (approvers === undefined) throw new PamError('USAGE', `${name} needs no request: you have standing access`)
  return { name, approvers }
}

/** The rule that gives least is said: a request for several has one length. */
function needLength(all: readonly Asked[], length: number): void {
  const [shortest] = all.toSorted((a, b) => a.rule.maxDuration - b.rule.maxDuration)
  if (shortest !== undefined && length > shortest.rule.maxDuration) {
    const { target, rule } = shortest
    throw new PamError(
      'USAGE',
      `${target} is limited to ${formatDuration(rule.maxDuration)} of access; you asked for ${formatDuration(length)}`,
      { hint: `ask with --for ${formatDuration(rule.maxDuration)} or less` },
    )
  }
  if (length < SHORTEST) throw new PamError('USAGE', 'a grant lasts at least one second')
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
      hint: `request access: ${requestCommand(target)}`,
    })
  if (startsAt !== undefined)
    throw new PamError('USAGE', 'an extension begins when the access ends: leave out the start')
  if (grantState(grant, now) !== 'active')
    throw new PamError('ALREADY_DECIDED', `${grant.id} is ${grantState(grant, now)}`, {
      hint: `request access again: ${requestCommand(target)}`,
    })
}

/** Two requests for one thing would be approved twice, so a second one is refused while the first is waiting. */
export const duplicateRequest = (request: AccessRequest): PamError => {
  const { id } = request
  return new PamError('REQUEST_PENDING', `your request ${id} for ${describeTargets(request)} is already waiting`, {
    id,
    hint: `wait for it, or withdraw it to ask again with another reason or duration: pamctl withdraw ${id}`,
  })
}

/** An approver may grant less time than was asked for, never more. */
export function needShorter(request: AccessRequest, length: number | undefined): void {
  if (length === undefined || (length <= request.length && length >= SHORTEST)) return
  throw new PamError('USAGE', `an approver can shorten the requested ${formatDuration(request.length)}, not extend it`)
}

/** One decision; the last approval that was missing mints a grant for each target, whose end is fixed then. */
export function decideRequest(
  request: AccessRequest,
  reviewer: Reviewer,
  decision: NewDecision & { readonly length?: number | undefined },
  time: { now: number; recentSignIn: number },
  /** The grant that the request extends, as it is now. */
  extended?: Grant,
): { request: AccessRequest; grants: readonly Grant[] } {
  const { length, ...made } = decision
  needShorter(request, length)
  const decided = decide({ ...request, length: length ?? request.length }, reviewer, made, time)
  if (decided.state !== 'approved') return { request: decided, grants: [] }
  return withGrants(
    decided,
    decided.extends === undefined ? mintGrants(decided, time.now) : [later(decided, extended, time.now)],
  )
}

/**
 * Approved by what the rules name in place of people, for exactly what was asked for.
 * @throws PamError where people have to decide, or have
 */
export function approveByRule(
  request: AccessRequest,
  automatic: Automatic,
  said: { readonly now: number; readonly comment: string },
): { request: AccessRequest; grants: readonly Grant[] } {
  if (request.extends !== undefined)
    throw new PamError('NOT_ALLOWED', `${request.id} asks for more time, which needs people to approve it`)
  const decided = approveAutomatically(request, automatic, said)
  return withGrants(
    decided,
    mintGrants(decided, said.now).map((grant) => ({
      ...grant,
      automatic,
      ...(grant.startsAt > said.now ? { unconfirmed: true as const } : {}),
    })),
  )
}

/** A request whose webhook is no longer asked: people decide on it. `why`: `it leaves the decision to people`. */
export function referToPeople({ asking, ...request }: AccessRequest, why: string): AccessRequest {
  if (asking === undefined) return request
  return { ...request, asked: asking.webhook, people: `the webhook "${asking.webhook}" was asked (${why})` }
}

const withGrants = (decided: AccessRequest, grants: readonly Grant[]) => ({
  request: { ...decided, targets: decided.targets.map((one, at) => ({ ...one, grantId: grants[at]?.id })) },
  grants,
})

const mintGrants = (decided: AccessRequest, now: number): Grant[] =>
  decided.targets.map(({ name, rule }) =>
    mintGrant({
      person: decided.requester,
      target: name,
      rule,
      reason: decided.reason,
      requestId: decided.id,
      now,
      length: decided.length,
      startsAt: decided.startsAt,
    }),
  )

function later({ extends: asked, length }: AccessRequest, extended: Grant | undefined, now: number): Grant {
  if (extended === undefined || asked === undefined) throw new PamError('NOT_FOUND', `${asked?.grant} does not exist`)
  return extendGrant(extended, { length, longest: asked.longest, now })
}

const DEFAULT_LENGTH = 3_600_000
const SHORTEST = 1000
const LATEST_START = 7 * 86_400_000
