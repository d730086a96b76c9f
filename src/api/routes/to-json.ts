import { grantState, type Grant } from '../../access/grant.ts'
import type { Approval } from '../../access/approval.ts'
import type { AccessRequest } from '../../access/request.ts'
import { describeRules, describeTargets } from '../../access/requested-targets.ts'
import { describeState, expire, mayNotDecide, type Automatic } from '../../access/review.ts'
import type { HeldCommand, RecentCommand } from '../../gateway/session-registry.ts'
import type { Login } from '../../identity/login.ts'
import type { Target } from '../../policy/command.ts'
import type { Approvers } from '../../policy/policy.ts'
import { UsageError } from '../../shared/errors.ts'
import type { Cursor, Page } from '../../storage/page.ts'
import type { PastUse } from '../../storage/past-use.ts'
import type { AccessRequest as RequestJson, Grant as GrantJson } from '../schemas/access.ts'
import type { Review as ReviewJson } from '../schemas/review.ts'

/** Stored things as the API shows them. */
export const iso = (time: number): string => new Date(time).toISOString()

/** What requests and held commands have in common. */
function reviewFieldsOf(review: AccessRequest | Approval) {
  const { id, requester, state, approvers, decisions, createdAt, expiresAt } = review
  return {
    id,
    requester,
    target: describeTargets(review),
    state,
    status: describeState(review),
    approvers: approversToJson(approvers),
    ...(review.asking !== undefined && state === 'pending' ? { asking: review.asking.webhook } : {}),
    ...(review.people === undefined ? {} : { people: review.people }),
    decisions: decisions.map(({ label, verdict, comment, at, passkey, automatic }) => ({
      label,
      verdict,
      comment,
      at: iso(at),
      ...(passkey === undefined ? {} : { passkey }),
      ...automaticToJson(automatic),
    })),
    createdAt: iso(createdAt),
    expiresAt: iso(expiresAt),
    ...(review.withdrawn === undefined ? {} : { withdrawn: { by: review.withdrawn.by, at: iso(review.withdrawn.at) } }),
  }
}

export const approversToJson = ({ groups, count, stepUp }: Approvers): RequestJson['approvers'] => ({
  groups: [...groups],
  count,
  ...(stepUp === undefined ? {} : { stepUp }),
})

const automaticToJson = (automatic: Automatic | undefined) =>
  automatic === undefined ? {} : { automatic: { ...automatic, rules: [...automatic.rules] } }

export function requestToJson(stored: AccessRequest, grant: Grant | undefined, now: number): RequestJson {
  const request = expire(stored, now)
  const grantId = request.targets[0]?.grantId
  return {
    ...reviewFieldsOf(request),
    reason: request.reason,
    lengthMs: request.length,
    ...laterOf(request),
    ...(grantId === undefined ? {} : { grantId }),
    targets: request.targets.map(requestedToJson),
    ...(grant === undefined ? {} : { grantEndsAt: iso(grant.endsAt) }),
  }
}

const requestedToJson = ({ name, rule, grantId }: AccessRequest['targets'][number]) => ({
  name,
  rule,
  ...(grantId === undefined ? {} : { grantId }),
})

const laterOf = ({ startsAt, extends: extended }: AccessRequest) => ({
  ...(startsAt === undefined ? {} : { startsAt: iso(startsAt) }),
  ...(extended === undefined ? {} : { extends: extended.grant }),
})

export function grantToJson(grant: Grant, now: number): GrantJson {
  return {
    id: grant.id,
    person: grant.person,
    target: grant.target,
    reason: grant.reason,
    rule: grant.rule,
    standing: grant.requestId === undefined && grant.breakGlass === undefined,
    ...(grant.breakGlass === undefined ? {} : { breakGlass: grant.breakGlass }),
    ...automaticToJson(grant.automatic),
    state: grantState(grant, now),
    startsAt: iso(grant.startsAt),
    endsAt: iso(grant.endsAt),
    ...(grant.revoked === undefined
      ? {}
      : { revoked: { by: grant.revoked.by, reason: grant.revoked.reason, at: iso(grant.revoked.at) } }),
  }
}

/** What surrounds a review, for whoever decides. */
export interface ReviewContext {
  /** As configured now; without those that have been removed. */
  readonly targets: readonly Pick<Target, 'type' | 'labels'>[]
  /** Exactly what would run, while it waits. */
  readonly held?: HeldCommand | undefined
  /** The grant that the session of a held command stands on. */
  readonly grant?: Grant | undefined
  readonly recent?: readonly RecentCommand[] | undefined
  readonly lately?: PastUse | undefined
}

export function reviewToJson(
  stored: AccessRequest | Approval,
  login: Login,
  now: number,
  { targets, held, grant, recent, lately }: ReviewContext,
): ReviewJson {
  const review = expire(stored, now)
  const refusal = mayNotDecide(review, { ...login.person, authTime: login.authTime })
  return {
    ...reviewFieldsOf(review),
    rule: describeRules(review),
    ...(lately === undefined ? {} : { lately: pastUseToJson(lately) }),
    labels: commonLabels(targets),
    protocol: [...new Set(targets.map(({ type }) => type))].join(', '),
    mayDecide: refusal === undefined && review.state === 'pending',
    ...(refusal === undefined ? {} : { whyNot: refusal.message }),
    ...('sessionId' in review
      ? {
          kind: 'command',
          text: held?.text ?? review.text,
          parameters: [...(held?.parameters ?? review.parameters)],
          effect: review.effect,
          session: review.sessionId,
          digest: review.digest,
          ...(grant === undefined ? {} : { grant: { id: grant.id, reason: grant.reason, endsAt: iso(grant.endsAt) } }),
          ...(recent === undefined
            ? {}
            : { recent: recent.map(({ at, text, verdict }) => ({ at: iso(at), text, verdict })) }),
        }
      : {
          kind: 'request',
          reason: review.reason,
          lengthMs: review.length,
          targets: review.targets.map(requestedToJson),
          ...laterOf(review),
        }),
  }
}

/** Those that all of them have. */
const commonLabels = ([first, ...others]: ReviewContext['targets']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(first?.labels ?? {}).filter(([label, value]) =>
      others.every(({ labels }) => labels[label] === value),
    ),
  )

const pastUseToJson = ({ lastAt, ...past }: PastUse): NonNullable<ReviewJson['lately']> => ({
  ...past,
  ...(lastAt === undefined ? {} : { lastAt: iso(lastAt) }),
})

/** One page of what is all in memory, in its own order; `name` tells its items apart. */
export function pageOf<Item>(
  items: readonly Item[],
  name: (item: Item) => string,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): { items: Item[]; next?: string } {
  const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString()
  const start = after === undefined ? 0 : items.findIndex((item) => name(item) === after) + 1
  if (after !== undefined && start === 0) throw new UsageError('the cursor is not one that this API has given')
  const page = items.slice(start, start + limit)
  const last = page.at(-1)
  return {
    items: page,
    ...(last === undefined || start + limit >= items.length
      ? {}
      : { next: Buffer.from(name(last)).toString('base64url') }),
  }
}

/** A cursor names the last row of a page: opaque to clients. */
export function toPage({ limit, cursor }: { limit: number; cursor?: string | undefined }): Page {
  if (cursor === undefined) return { limit }
  const [at, id] = Buffer.from(cursor, 'base64url').toString().split(' ')
  if (id === undefined || !/^\d+$/.test(at ?? '')) throw new UsageError('the cursor is not one that this API has given')
  return { limit, after: { at: Number(at), id } }
}

export function nextOf(rows: readonly Cursor[], limit: number): { next?: string } {
  const last = rows.at(-1)
  if (last === undefined || rows.length < limit) return {}
  return { next: Buffer.from(`${last.at} ${last.id}`).toString('base64url') }
}
