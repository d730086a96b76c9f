import type { ProvenIdentity } from './identity-token.ts'
import type { LoginOrigin } from './login-origin.ts'

/** A signed-in identity at one key: what access tokens name and sessions live on. */
export interface Login {
  readonly id: string
  readonly person: {
    readonly id: string
    readonly kind: 'person' | 'service'
    readonly label: string
    readonly groups: readonly string[]
  }
  /** RFC 7638 thumbprint of the key that every call must prove; of a browser `web:` and the id of its session, which no key has. */
  readonly thumbprint: string
  /** Lower case; only where the issuer says that it is verified. */
  readonly email: string | undefined
  readonly authTime: number | undefined
  /** Sessions of this login end when this passes without a new proof of the identity. */
  readonly provenUntil: number
  readonly createdAt: number
  readonly endedAt: number | undefined
  /** Undefined in logins that were made before this was kept: at their next proof they have one. */
  readonly origin?: LoginOrigin | undefined
}

/**
 * Until when a proof holds. A person's counts from when the issuer made the token, so that an old token cannot be
 * kept for later; a service cannot ask for a new one, so its token counts while it lives.
 */
export function provenUntil(identity: ProvenIdentity, now: number, reproof: number): number {
  const lease = longestProof(reproof)
  return identity.kind === 'person'
    ? Math.min(Math.min(identity.issuedAt, now) + lease, identity.endsAt ?? Number.POSITIVE_INFINITY)
    : Math.min(now + lease, identity.expiresAt)
}

/** Milliseconds that a proof can hold at most. */
export const longestProof = (reproof: number): number => reproof + GRACE

/** A re-proof is asked for every `reproof`; a minute more lets a slow identity provider answer. */
const GRACE = 60_000
