import { createHash, createHmac, randomBytes } from 'node:crypto'
import { newUserCode } from '../../identity/user-code.ts'
import type { SamlClient } from '../../identity/saml/service-provider.ts'
import { appendAudit } from '../../storage/audit.ts'
import type { Tx } from '../../storage/database.ts'
import {
  findDeviceCode,
  notePoll,
  removeDeviceCode,
  saveDeviceCode,
  type DeviceCode,
} from '../../storage/device-codes.ts'
import { findLogin } from '../../storage/logins.ts'
import {
  findRefreshFamily,
  removeRefreshFamily,
  replaceRefreshToken,
  saveRefreshFamily,
} from '../../storage/refresh-families.ts'
import { endSamlSession, findSamlSession, type SamlSession } from '../../storage/saml-sessions.ts'
import type { ApiDeps } from '../deps.ts'
import { groupOf } from '../pending-connections.ts'
import { endLogin } from '../prove-identity.ts'

/** An error of the token endpoint (RFC 6749, section 5.2; RFC 8628, section 3.5). */
export interface OAuthRefusal {
  readonly error:
    | 'access_denied'
    | 'authorization_pending'
    | 'expired_token'
    | 'invalid_client'
    | 'invalid_dpop_proof'
    | 'invalid_grant'
    | 'invalid_request'
    | 'slow_down'
    | 'temporarily_unavailable'
    | 'unsupported_grant_type'
  readonly description: string
}

/** Of a request that was granted: the sign-in that its ID token is about, and the next refresh token. */
export interface Granted {
  readonly session: SamlSession
  readonly refreshToken: string
}

/** What the command line is given (RFC 8628, section 3.2). */
export interface DeviceGrant {
  readonly deviceCode: string
  readonly userCode: string
  readonly expiresInSeconds: number
  readonly intervalSeconds: number
}

interface Asker {
  /** RFC 7638 thumbprint of the key that the request proved. */
  readonly thumbprint: string
  readonly address: string
  readonly device: string | undefined
  readonly isFresh: boolean
}

/** A new code for a command line that wants to sign in at this provider; undefined where too many wait. */
export async function beginDeviceGrant(
  { issuer }: SamlClient,
  asker: Asker,
  { db, clock, webKey }: Pick<ApiDeps, 'db' | 'clock' | 'webKey'>,
): Promise<DeviceGrant | undefined> {
  const now = clock.now()
  const [deviceCode, userCode] = [randomBytes(32).toString('base64url'), newUserCode()]
  const code: DeviceCode = {
    ...asker,
    id: deviceCodeId(deviceCode),
    userCode: userCodeKey(userCode, webKey),
    provider: issuer.entityId,
    createdAt: now,
    expiresAt: now + CODE_TIME_MS,
    interval: INTERVAL_SECONDS,
    polledAt: undefined,
    state: 'pending',
    samlSession: undefined,
  }
  const hasRoom = await db.change((tx) => saveDeviceCode(tx, code, MAX_WAITING))
  return hasRoom
    ? { deviceCode, userCode, expiresInSeconds: CODE_TIME_MS / 1000, intervalSeconds: INTERVAL_SECONDS }
    : undefined
}

/** One poll (RFC 8628, section 3.4). A code gives tokens once, to the key that it was made for. */
export async function pollDeviceGrant(
  { issuer }: SamlClient,
  { deviceCode, thumbprint }: { readonly deviceCode: string; readonly thumbprint: string },
  deps: Pick<ApiDeps, 'db' | 'clock'>,
): Promise<Granted | OAuthRefusal> {
  const now = deps.clock.now()
  return deps.db.change(async (tx) => {
    const code = await findDeviceCode(tx, deviceCodeId(deviceCode))
    if (code === undefined || code.provider !== issuer.entityId)
      return refusal('invalid_grant', 'the device code is not known')
    if (code.thumbprint !== thumbprint) return refusal('invalid_grant', 'the device code is bound to another key')
    if (code.expiresAt <= now) return refusal('expired_token', 'the device code has expired')
    if (code.state === 'pending') return stillPending(tx, code, now)
    await removeDeviceCode(tx, code.id)
    if (code.state === 'denied') return refusal('access_denied', 'the sign-in was refused in the browser')
    const session = await liveSamlSession(tx, code.samlSession, issuer.entityId, now)
    if (session === undefined) return refusal('access_denied', 'the sign-in has ended at the identity provider')
    return { session, refreshToken: await newFamily(tx, session, thumbprint, now) }
  })
}

async function stillPending(tx: Tx, { id, interval, polledAt }: DeviceCode, now: number): Promise<OAuthRefusal> {
  // RFC 8628, section 3.5: the interval grows for this and all subsequent requests.
  const isTooFast = polledAt !== undefined && now - polledAt < interval * 1000 - POLL_TOLERANCE_MS
  const next = Math.min(isTooFast ? interval + 5 : interval, MAX_INTERVAL_SECONDS)
  await notePoll(tx, id, { polledAt: now, interval: next })
  return isTooFast
    ? refusal('slow_down', `poll at most every ${next} seconds`)
    : refusal('authorization_pending', 'nobody has confirmed the code yet')
}

/**
 * The next refresh token for this one, which is good for the key that it is bound to and while the sign-in lasts. An answer can be lost on its way, so
 * the token before is good until its successor is used. Any other use of an old one means that two have it: the sign-in ends, and what is live under it
 * (RFC 9700, section 4.14.2).
 */
export async function refreshGrant(
  { issuer }: SamlClient,
  {
    refreshToken,
    thumbprint,
    from,
  }: { readonly refreshToken: string; readonly thumbprint: string; readonly from: string },
  deps: Pick<ApiDeps, 'db' | 'clock' | 'registry'>,
): Promise<Granted | OAuthRefusal> {
  const now = deps.clock.now()
  const { familyName } = readRefreshToken(refreshToken)
  const outcome = await deps.db.change(async (tx) => {
    const family = await findRefreshFamily(tx, familyName)
    if (family === undefined) return refusal('invalid_grant', 'the refresh token is not known')
    // Whoever has it without the key gets nothing, and can end nothing.
    if (family.thumbprint !== thumbprint) return refusal('invalid_grant', 'the refresh token is bound to another key')
    const session = await liveSamlSession(tx, family.samlSession, issuer.entityId, now)
    if (session === undefined) return refusal('invalid_grant', 'the sign-in has ended')
    const given = digestOf(refreshToken)
    if (given !== family.current && given !== family.previous) {
      await removeRefreshFamily(tx, family.id)
      await endSamlSession(tx, session.id, now)
      await appendAudit(tx, now, {
        type: 'login.refresh_reused',
        actor: session.person.id,
        subject: session.loginId ?? session.person.id,
        data: { from },
      })
      return { reusedBy: session.loginId }
    }
    const next = nextToken(refreshToken)
    await replaceRefreshToken(tx, { id: family.id, current: digestOf(next), previous: given })
    return { session, refreshToken: next }
  })
  if (!('reusedBy' in outcome)) return outcome
  const login = outcome.reusedBy === undefined ? undefined : await findLogin(deps.db.read, outcome.reusedBy)
  if (login !== undefined && login.endedAt === undefined)
    await endLogin(login, { from, why: 'a refresh token was used again' }, deps)
  return refusal('invalid_grant', 'the refresh token was used before')
}

/** The store knows the code that somebody enters by this. */
export const userCodeKey = (userCode: string, webKey: Uint8Array): string =>
  createHmac('sha256', webKey).update(`user code ${userCode}`).digest('base64url')

async function liveSamlSession(
  tx: Tx,
  id: string | undefined,
  provider: string,
  now: number,
): Promise<SamlSession | undefined> {
  const session = id === undefined ? undefined : await findSamlSession(tx, id)
  return session?.provider === provider && session.endedAt === undefined && session.endsAt > now ? session : undefined
}

async function newFamily(tx: Tx, session: SamlSession, thumbprint: string, now: number): Promise<string> {
  const token = `${random()}.${random()}`
  const { familyName: id } = readRefreshToken(token)
  const { id: samlSession, endsAt: expiresAt } = session
  await saveRefreshFamily(
    tx,
    { id, samlSession, thumbprint, current: digestOf(token), previous: undefined, expiresAt },
    now,
  )
  return token
}

/** Two parts of 256 random bits: one that all tokens of a family have, one of this token. */
const readRefreshToken = (token: string) => ({ familyName: digestOf(token.split('.')[0] ?? '') })
const nextToken = (token: string): string => `${token.split('.')[0]}.${random()}`

const refusal = (error: OAuthRefusal['error'], description: string): OAuthRefusal => ({ error, description })
const random = (): string => randomBytes(32).toString('base64url')
const digestOf = (text: string): string => createHash('sha256').update(`refresh token ${text}`).digest('base64url')
const deviceCodeId = (code: string): string => createHash('sha256').update(`device code ${code}`).digest('base64url')

/** Milliseconds from the code to its end, with the sign-in at the provider. */
const CODE_TIME_MS = 600_000
const INTERVAL_SECONDS = 2
const MAX_INTERVAL_SECONDS = 60
/** Milliseconds that a poll may be early: clocks and ways differ. */
const POLL_TOLERANCE_MS = 500
/** Codes that wait: a flood leaves room for other networks, and fills no disk. */
const MAX_WAITING = { fromNetwork: 20, inAll: 5000, networkOf: groupOf }
