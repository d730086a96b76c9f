import { isIP } from 'node:net'

/** A WebAuthn credential that somebody registered to approve with. */
export interface Passkey {
  readonly id: string
  /** As its authenticator calls it, base64url. */
  readonly credentialId: string
  readonly person: { readonly id: string; readonly label: string }
  /** `user.id` of all passkeys of this person: random, base64url. */
  readonly userHandle: string
  /** The person's own words. */
  readonly name: string
  /** COSE_Key (RFC 9052, section 7), base64url. */
  readonly publicKey: string
  /** The authenticator's signature counter when it was last used; 0 where it has none. */
  readonly counter: number
  /** Whether it may be on several devices. That never changes (WebAuthn level 3, section 6.1.3). */
  readonly backupEligible: boolean
  readonly backedUp: boolean
  /** How browsers reach the authenticator (section 5.8.4). */
  readonly transports: readonly string[]
  readonly createdAt: number
  readonly lastUsedAt: number | undefined
}

/** Whom authenticators sign for: the origin of the dashboard, and its host (WebAuthn level 3, section 5.1.2). */
export interface RelyingParty {
  readonly origin: string
  readonly id: string
}

/**
 * The gateway as relying party; undefined where browsers give no passkeys to pages at this URL: they do in secure contexts alone, at hosts that
 * have a name (WebAuthn level 3, section 4, "Relying Party Identifier").
 */
export function relyingParty(publicUrl: string): RelyingParty | undefined {
  const { protocol, hostname, origin } = new URL(publicUrl)
  const isLocal = hostname === 'localhost' || hostname.endsWith('.localhost')
  if (protocol !== 'https:' && !isLocal) return undefined
  return isIP(hostname.replace(/^\[|\]$/g, '')) === 0 ? { origin, id: hostname } : undefined
}

/** PublicKeyCredentialDescriptorJSON of each (section 5.8.3). */
export const descriptorsOf = (passkeys: readonly Passkey[]) =>
  passkeys.map(({ credentialId, transports }) => ({ type: PUBLIC_KEY, id: credentialId, transports: [...transports] }))

/** The only type of credentials that there is (section 5.8.2). */
export const PUBLIC_KEY = 'public-key' as const

/** How long somebody has for touching their authenticator. */
export const CHALLENGE_TTL_MS = 120_000
