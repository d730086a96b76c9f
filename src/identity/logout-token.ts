import type { JWTHeaderParameters, JWTPayload } from 'jose'
import { PamError } from '../shared/errors.ts'

/** Who has logged out at a provider, once everything about the token has been checked. */
export interface ProviderLogout {
  readonly issuer: string
  /** Of whom; undefined where only a session is named. */
  readonly subject: string | undefined
  /** The session at the provider that has ended; undefined where all of the subject have. */
  readonly session: string | undefined
  /** Names the token: it is good for one use. */
  readonly jti: string
  /** By the provider's clock, as are those of its identity tokens: the last millisecond of the second that it names. */
  readonly issuedAt: number
  readonly expiresAt: number
}

/**
 * What a logout token says (OpenID Connect Back-Channel Logout 1.0, sections 2.4 and 2.6). Signature, `iss`, `aud`, `exp` and `iat` have been checked.
 */
export function readLogout(
  issuer: string,
  payload: JWTPayload,
  { typ }: Pick<JWTHeaderParameters, 'typ'>,
  now: number,
): ProviderLogout {
  const { sub, jti, iat = 0, exp = 0 } = payload
  const { events, nonce, sid } = payload
  // Keycloak and others send the type of any JWT; another explicit type is another kind of token (RFC 8725, section 3.11).
  if (typ !== undefined && !TYPES.has(typ.toLowerCase())) throw invalid(`has the type ${JSON.stringify(typ)}`)
  if (nonce !== undefined) throw invalid('has a nonce, which identity tokens have')
  if (typeof events !== 'object' || events === null || !isObject((events as Record<string, unknown>)[EVENT]))
    throw invalid('does not say that it is about a logout (events)')
  if (typeof jti !== 'string' || jti === '' || jti.length > MAX_LENGTH) throw invalid('has no jti')
  if (exp - iat > MAX_LIFE_SECONDS) throw invalid('is valid for longer than a day')
  if (iat * 1000 < now - MAX_LIFE_SECONDS * 1000) throw invalid('was issued more than a day ago')
  const [subject, session] = [nameIn(sub, 'sub'), nameIn(sid, 'sid')]
  if (subject === undefined && session === undefined) throw invalid('names neither a subject nor a session')
  return { issuer, subject, session, jti, issuedAt: iat * 1000 + 999, expiresAt: (exp + TOLERANCE_SECONDS) * 1000 }
}

/** A token that is about an event is no identity token, whatever else it has. */
export const isAboutEvents = ({ events }: JWTPayload): boolean => events !== undefined

function nameIn(value: unknown, claim: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value === '' || value.length > MAX_LENGTH) throw invalid(`has no readable ${claim}`)
  return value
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)
const invalid = (what: string): PamError => new PamError('TOKEN_INVALID', `the logout token ${what}`)

const EVENT = 'http://schemas.openid.net/event/backchannel-logout'
const TYPES = new Set(['logout+jwt', 'application/logout+jwt', 'jwt'])
const MAX_LENGTH = 500
const MAX_LIFE_SECONDS = 86_400
/** Past its end, for as long as clocks may differ, a token is remembered. */
const TOLERANCE_SECONDS = 60
