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

export type GrantState = 'active' | 'over' | 'revoked'

export function mintGrant(made: {
  person: Grant['person']
  target: string
  rule: string
  reason: string
  requestId: string | undefined
  now: number
  length: number
}): Grant {
  const { now, length, ...rest } = made
  return {
    id: newId('grt'),
    ...rest,
    startsAt: now,
    endsAt: now + length,
    revoked: undefined,
    allowedAgainAt: undefined,
  }
}

export function grantState(grant: Grant, now: number): GrantState {
  if (grant.revoked !== undefined) return 'revoked'
  return now >= grant.endsAt ? 'over' : 'active'
}

export function revokeGrant(grant: Grant, by: string, reason: string, now: number): Grant {
  const state = grantState(grant, now)
  if (state !== 'active') throw new PamError('ALREADY_DECIDED', `${grant.id} is already ${state}`, { id: grant.id })
  return { ...grant, revoked: { at: now, by, reason } }
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
  if (!blocksStanding(grant)) throw new PamError('ALREADY_DECIDED', `${grant.id} blocks nothing`, { id: grant.id })
  return { ...grant, allowedAgainAt: now }
}
