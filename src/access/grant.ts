import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import type { Automatic } from './review.ts'
import { requestCommand } from '../shared/request-command.ts'

/** Who may have which target until when. One absolute end, fixed when it is made. */
export interface Grant {
  readonly id: string
  readonly person: { readonly id: string; readonly label: string; readonly kind: 'person' | 'service' }
  readonly target: string
  readonly rule: string
  readonly reason: string
  /** The request it came from; undefined for standing access. */
  readonly requestId: string | undefined
  readonly startsAt: number
  readonly endsAt: number
  /** `own`: by the person whose grant it is. `lapsed`: by the gateway, since the rules did not approve it again at its start. */
  readonly revoked:
    | {
        readonly at: number
        readonly by: string
        readonly reason: string
        readonly own?: true | undefined
        readonly lapsed?: true | undefined
      }
    | undefined
  /** Revoking standing access blocks a new grant until this is set; of other access, its approval without a person. */
  readonly allowedAgainAt: number | undefined
  /** What approved it, where no person did. */
  readonly automatic?: Automatic | undefined
  /** Approved by a rule ahead of its start: it gives nothing until the rules, as they are at its start, have approved it once more. */
  readonly unconfirmed?: true | undefined
  /** The use of a break-glass rule that it came from. */
  readonly breakGlass?: string | undefined
}

/** `scheduled`: it begins later, or is about to be looked at again by the rules that approved it. */
export type GrantState = 'scheduled' | 'active' | 'over' | 'revoked'

export function mintGrant(made: {
  person: Grant['person']
  target: string
  rule: string
  reason: string
  requestId: string | undefined
  now: number
  length: number
  /** Where it begins later than now. */
  startsAt?: number | undefined
}): Grant {
  const { now, length, startsAt = now, ...rest } = made
  const begins = Math.max(now, startsAt)
  return {
    id: newId('grt'),
    ...rest,
    startsAt: begins,
    endsAt: begins + length,
    revoked: undefined,
    allowedAgainAt: undefined,
  }
}

export function grantState(grant: Grant, now: number): GrantState {
  if (grant.revoked !== undefined) return 'revoked'
  if (now >= grant.endsAt) return 'over'
  return now < grant.startsAt || grant.unconfirmed === true ? 'scheduled' : 'active'
}

/** Whether its time has come, and the rules have to approve it once more before it gives anything. */
export const isDue = (grant: Grant, now: number): boolean =>
  grant.unconfirmed === true && now >= grant.startsAt && grantState(grant, now) === 'scheduled'

/** The grant as it begins: the rules still approve it. */
export const beginGrant = ({ unconfirmed: _looked, ...grant }: Grant): Grant => grant

/** The grant that the rules no longer approve when it would begin. */
export const lapse = (grant: Grant, why: string, now: number): Grant => ({
  ...grant,
  revoked: { at: now, by: 'gateway', reason: why, lapsed: true },
})

/** `isOwn`: by the person whose grant it is. */
export function revokeGrant(grant: Grant, by: string, reason: string, now: number, isOwn = false): Grant {
  const state = grantState(grant, now)
  if (state !== 'active' && state !== 'scheduled')
    throw new PamError('ALREADY_DECIDED', `${grant.id} is already ${state}`, { id: grant.id })
  return { ...grant, revoked: { at: now, by, reason, ...(isOwn ? { own: true } : {}) } }
}

/**
 * A later end, as approved: `length` milliseconds more, but never more than `longest` from now. Sessions under it live on.
 * @throws PamError ALREADY_DECIDED where it is not in force now
 */
export function extendGrant(
  grant: Grant,
  { length, longest, now }: { length: number; longest: number; now: number },
): Grant {
  const state = grantState(grant, now)
  if (state !== 'active')
    throw new PamError('ALREADY_DECIDED', `${grant.id} cannot be extended: it is ${state}`, {
      id: grant.id,
      hint: `request access again: ${requestCommand(grant.target)}`,
    })
  return { ...grant, endsAt: Math.max(grant.endsAt, Math.min(grant.endsAt + length, now + longest)) }
}

/** Whether this revoked standing grant keeps a new one from being made. */
export function blocksStanding(grant: Grant): boolean {
  return (
    grant.requestId === undefined &&
    grant.breakGlass === undefined &&
    grant.revoked !== undefined &&
    grant.allowedAgainAt === undefined
  )
}

/** Why a person has no standing access to a target: it was revoked. */
export const standingRevoked = ({ id, target, revoked }: Grant): PamError =>
  new PamError('GRANT_REVOKED', `your access to ${target} was revoked by ${revoked?.by}: ${revoked?.reason}`, {
    hint: `an operator allows it again with "pamctl revoke ${id} --lift"`,
    id,
  })

/** Whether somebody else has revoked it, and so has people decide on the next request for the target. */
const keepsFromAutoApproval = ({ revoked, allowedAgainAt }: Grant): boolean =>
  revoked !== undefined && revoked.own !== true && revoked.lapsed !== true && allowedAgainAt === undefined

/**
 * Why people decide on a request for a target, whatever else may approve it: there is access already, which would last longer than its rule says;
 * or it was revoked, and nobody has approved any since.
 * @param grants All that the person has, or had, for the target
 * @param lastApproval When people last approved a request for the target. What they had approved before a revocation does not count, also where it
 * was to begin after it.
 */
export function peopleDecide(
  grants: readonly Grant[],
  lastApproval: number | undefined,
  now: number,
): string | undefined {
  const current = grants.find(
    (grant) => grant.breakGlass === undefined && ['active', 'scheduled'].includes(grantState(grant, now)),
  )
  if (current !== undefined) return `there is access to ${current.target} already (${current.id})`
  const revoked = grants.find(
    (grant) => keepsFromAutoApproval(grant) && !((lastApproval ?? 0) > (grant.revoked?.at ?? Infinity)),
  )
  return revoked && `${revoked.id} for ${revoked.target} was revoked by ${revoked.revoked?.by ?? 'somebody'}`
}

export function allowAgain(grant: Grant, now: number): Grant {
  if (!blocksStanding(grant) && !keepsFromAutoApproval(grant))
    throw new PamError('ALREADY_DECIDED', `${grant.id} does not block access`, { id: grant.id })
  return { ...grant, allowedAgainAt: now }
}
