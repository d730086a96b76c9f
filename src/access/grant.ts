import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'

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
  readonly revoked: { readonly at: number; readonly by: string; readonly reason: string } | undefined
  /** Revoking standing access blocks a new grant until this is set. */
  readonly allowedAgainAt: number | undefined
  /** The use of a break-glass rule that it came from. */
  readonly breakGlass?: string | undefined
}

/** `scheduled`: it begins later. */
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
  if (now < grant.startsAt) return 'scheduled'
  return now >= grant.endsAt ? 'over' : 'active'
}

export function revokeGrant(grant: Grant, by: string, reason: string, now: number): Grant {
  const state = grantState(grant, now)
  if (state !== 'active' && state !== 'scheduled')
    throw new PamError('ALREADY_DECIDED', `${grant.id} is already ${state}`, { id: grant.id })
  return { ...grant, revoked: { at: now, by, reason } }
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
      hint: `request access again: pamctl request ${grant.target}`,
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

export function allowAgain(grant: Grant, now: number): Grant {
  if (!blocksStanding(grant))
    throw new PamError('ALREADY_DECIDED', `${grant.id} does not block standing access`, { id: grant.id })
  return { ...grant, allowedAgainAt: now }
}
