import { createHash } from 'node:crypto'
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  jwtVerify,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
} from 'jose'
import { PamError } from '../shared/errors.ts'
import { mailKey } from '../shared/name-key.ts'
import type { Issuer, TrustedIssuer } from './issuer.ts'
import { directoryNameOf, type LoginOrigin } from './login-origin.ts'
import { usableKeys } from './usable-keys.ts'
import { isAboutEvents, readLogout, type ProviderLogout } from './logout-token.ts'

/** Who a token from a trusted issuer says somebody is, once everything about the token has been checked. */
export interface ProvenIdentity {
  readonly id: string
  readonly kind: 'person' | 'service'
  readonly label: string
  readonly groups: readonly string[]
  /** Lower case; undefined where the issuer does not say that it has verified it. */
  readonly email: string | undefined
  /** When the person last signed in with their credentials, in milliseconds; undefined where the issuer does not say. */
  readonly authTime: number | undefined
  readonly issuedAt: number
  readonly expiresAt: number
  /** When the sign-in ends that it rests on, whatever proves it until then; undefined where nobody says. */
  readonly endsAt?: number | undefined
  /** Names this very token: SHA-256 of what was signed. */
  readonly digest: string
  readonly origin: LoginOrigin
}

export interface IdentityVerifier {
  verify(token: string, now: number): Promise<ProvenIdentity>
  /** A logout token of an issuer of people (OpenID Connect Back-Channel Logout 1.0). That it is used once is for the caller to see to. */
  verifyLogout(token: string, now: number): Promise<ProviderLogout>
}

/** Keys are fetched by URL from the issuer's metadata, cached, and fetched again for an unknown key at most every 30 s. */
export function identityVerifier(issuers: readonly TrustedIssuer[]): IdentityVerifier {
  const keySets = new Map<string, Promise<JWTVerifyGetKey>>()
  const keysOf = (issuer: TrustedIssuer): Promise<JWTVerifyGetKey> => {
    const known = keySets.get(issuer.url)
    if (known !== undefined) return known
    const keys = discoverKeys(issuer)
    keySets.set(issuer.url, keys)
    keys.catch(() => keySets.delete(issuer.url)) // an issuer that was down is asked again next time
    return keys
  }
  // One issuer may sign in people and services: the audience tells which entry the token is for.
  const issuerOf = (token: string): TrustedIssuer => {
    const claims = unverifiedClaims(token)
    const audiences = [claims.aud ?? []].flat()
    const issuer = issuers.find((entry) => entry.url === claims.iss && audiences.includes(audienceOf(entry)))
    if (issuer !== undefined) return issuer
    throw issuers.some((entry) => entry.url === claims.iss)
      ? new PamError('TOKEN_INVALID', 'the token is meant for another audience')
      : new PamError('ISSUER_UNTRUSTED', 'the token comes from an issuer that this gateway does not trust')
  }
  return {
    async verify(token, now) {
      const issuer = issuerOf(token)
      const { payload, protectedHeader } = await verifySignature(token, issuer, await keysOf(issuer), now, [
        'sub',
        'iat',
        'exp',
      ])
      needPast(payload, now)
      // An explicit type is another kind of token (RFC 8725, section 3.11): the access token of a person is known to whatever it is sent to.
      const { typ } = protectedHeader
      if (typ !== undefined && !TYPES[issuer.for].has(typ.toLowerCase()))
        throw new PamError('TOKEN_INVALID', 'the token is not an identity token: its header has another type (typ)')
      if (isAboutEvents(payload))
        throw new PamError('TOKEN_INVALID', 'the token is not an identity token: it has events')
      return toIdentity(payload, issuer, token)
    },
    async verifyLogout(token, now) {
      const issuer = issuerOf(token)
      if (issuer.for !== 'people') throw new PamError('TOKEN_INVALID', 'the logout token is about a service')
      const { payload, protectedHeader } = await verifySignature(token, issuer, await keysOf(issuer), now, [
        'iat',
        'exp',
        'jti',
        'events',
      ])
      needPast(payload, now)
      return readLogout(issuer.url, payload, protectedHeader, now)
    },
  }
}

const audienceOf = (issuer: Issuer): string => (issuer.for === 'people' ? issuer.clientId : issuer.audience) ?? ''

/** Only to choose which issuer's keys and conditions to check with; nothing is believed before that. */
function unverifiedClaims(token: string): JWTPayload {
  try {
    return decodeJwt(token)
  } catch {
    throw new PamError('TOKEN_INVALID', 'the token is not a signed JWT')
  }
}

async function verifySignature(
  token: string,
  issuer: Issuer,
  keys: JWTVerifyGetKey,
  now: number,
  requiredClaims: string[],
): Promise<JWTVerifyResult> {
  try {
    return await jwtVerify(token, keys, {
      issuer: issuer.url,
      audience: audienceOf(issuer),
      algorithms: [...issuer.algorithms],
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
      currentDate: new Date(now),
      requiredClaims,
    })
  } catch (error) {
    if (error instanceof errors.JWTExpired) throw new PamError('TOKEN_EXPIRED', 'the identity token has expired')
    if (error instanceof errors.JOSEError)
      throw new PamError('TOKEN_INVALID', 'the identity token does not verify', { cause: error })
    throw unreachable(issuer, error)
  }
}

/** A token from the future would outlive a sign-out, and a sign-in in the future would stay a recent one. */
function needPast(payload: JWTPayload, now: number): void {
  const latest = now / 1000 + CLOCK_TOLERANCE_SECONDS
  for (const claim of ['iat', 'auth_time']) {
    const at = payload[claim]
    if (typeof at === 'number' && at > latest)
      throw new PamError('TOKEN_INVALID', `the claim ${claim} of the identity token is in the future`, {
        hint: 'ask your administrator to compare the clocks of the identity provider and the gateway',
      })
  }
}

function toIdentity(payload: JWTPayload, issuer: TrustedIssuer, token: string): ProvenIdentity {
  const subject = payload.sub as string
  // OpenID Connect Core 3.1.3.7: with several audiences azp must be there, and where it is, it must be us.
  if (issuer.for === 'people') {
    const several = Array.isArray(payload.aud) && payload.aud.length > 1
    if ((several || payload['azp'] !== undefined) && payload['azp'] !== issuer.clientId) {
      throw new PamError('TOKEN_INVALID', 'the token was issued to another client (azp)')
    }
  } else {
    const wrong =
      (issuer.requireSubject !== undefined && issuer.requireSubject !== subject) ||
      Object.entries(issuer.requireClaims ?? {}).some(([claim, value]) => payload[claim] !== value)
    if (wrong)
      throw new PamError('TOKEN_INVALID', 'the token does not meet the conditions set for services of this issuer')
  }
  const groups = groupsIn(payload, issuer)
  const label = payload[issuer.labelClaim]
  const authTime = payload['auth_time']
  return {
    id: personId(payload, issuer, subject),
    kind: issuer.for === 'people' ? 'person' : 'service',
    label: typeof label === 'string' && label !== '' ? label : subject,
    groups,
    email:
      payload['email_verified'] === true && typeof payload['email'] === 'string'
        ? mailKey(payload['email'])
        : undefined,
    authTime: typeof authTime === 'number' ? authTime * 1000 : undefined,
    issuedAt: (payload.iat as number) * 1000,
    expiresAt: (payload.exp as number) * 1000,
    digest: createHash('sha256')
      .update(token.slice(0, token.lastIndexOf('.')))
      .digest('base64url'),
    origin: originOf(payload, issuer, groups),
  }
}

function groupsIn(payload: JWTPayload, { groupsClaim, groups, knownGroups }: Issuer): string[] {
  const claim = payload[groupsClaim]
  return [
    ...new Set([
      ...groups,
      ...(Array.isArray(claim) ? claim : []).filter(
        (group): group is string =>
          typeof group === 'string' && (knownGroups === undefined || knownGroups.includes(group)),
      ),
    ]),
  ]
}

function originOf(payload: JWTPayload, { url, provisioning }: TrustedIssuer, groups: readonly string[]): LoginOrigin {
  const name = provisioning === undefined ? undefined : payload[provisioning.claim]
  const session = payload['sid']
  return {
    issuer: url,
    subject: payload.sub as string,
    // OpenID Connect Back-Channel Logout 1.0, section 2.1.
    session: typeof session === 'string' && session !== '' ? session : undefined,
    directory: provisioning && directoryNameOf(provisioning, typeof name === 'string' ? name : undefined),
    groups,
  }
}

function personId(payload: JWTPayload, issuer: Issuer, subject: string): string {
  if (issuer.personClaim === undefined) return `${issuer.url}|${subject}`
  const claim = payload[issuer.personClaim]
  if (typeof claim === 'string' && claim !== '') return `${issuer.personClaim}|${claim}`
  throw new PamError('TOKEN_INVALID', `the token lacks the claim ${issuer.personClaim}, which names the person`)
}

async function discoverKeys(issuer: TrustedIssuer): Promise<JWTVerifyGetKey> {
  try {
    const response = await issuer.fetch(`${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`, {
      redirect: 'error',
      signal: AbortSignal.timeout(FETCH_TIMEOUT),
    })
    const metadata = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown }
    if (metadata.issuer !== issuer.url || typeof metadata.jwks_uri !== 'string')
      throw new Error('its metadata names another issuer')
    return usableKeys(
      createRemoteJWKSet(new URL(metadata.jwks_uri), {
        timeoutDuration: FETCH_TIMEOUT,
        cooldownDuration: 30_000,
        [customFetch]: issuer.fetch,
      }),
    )
  } catch (error) {
    throw unreachable(issuer, error)
  }
}

const unreachable = (issuer: Issuer, cause: unknown): PamError =>
  new PamError('ISSUER_UNREACHABLE', `the keys of ${issuer.url} cannot be read, so its tokens cannot be checked`, {
    side: 'gateway',
    cause,
  })

const JWT = ['jwt', 'application/jwt']
/** JOSE is SPIFFE's other word (JWT-SVID, section 2.3). Client credentials give a service an access token (RFC 9068), which is for us alone. */
const TYPES: Readonly<Record<Issuer['for'], ReadonlySet<string>>> = {
  people: new Set(JWT),
  services: new Set([...JWT, 'jose', 'at+jwt', 'application/at+jwt']),
}
const CLOCK_TOLERANCE_SECONDS = 30
const FETCH_TIMEOUT = 5000
