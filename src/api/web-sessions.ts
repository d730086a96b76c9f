import type { IncomingHttpHeaders } from 'node:http'
import type { Login } from '../identity/login.ts'
import { renewWebSignIn, type WebClient } from '../identity/web-sign-in.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import type { SignIn } from '../shared/identity-provider.ts'
import { refuseLocked } from '../storage/locks.ts'
import { findLogin } from '../storage/logins.ts'
import { samlSessionOfLogin, type SamlSession } from '../storage/saml-sessions.ts'
import {
  findWebSession,
  noteSeen,
  overdueWebSessions,
  removeWebSession,
  replaceRefresh,
  saveWebSession,
  type WebSession,
} from '../storage/web-sessions.ts'
import {
  csrfToken,
  newCookieSecret,
  parseCookies,
  sameText,
  sealingKey,
  sealUnder,
  sessionCookieName,
  unsealUnder,
  webSessionId,
} from './cookies.ts'
import type { ApiDeps } from './deps.ts'
import { endLogin, proveIdentity } from './prove-identity.ts'
import { proveSamlSession } from './saml-identity.ts'

/** A browser that is signed in, as one of its calls shows it. */
export interface Browser {
  readonly session: WebSession
  /** The cookie's value. */
  readonly secret: string
  readonly csrf: string
}

interface Call {
  readonly method: string
  readonly headers: IncomingHttpHeaders
  readonly from: string
}

/** Whether a call comes with the cookie of a browser that may be signed in. */
export const hasSessionCookie = (headers: IncomingHttpHeaders, deps: Pick<ApiDeps, 'publicUrl'>): boolean =>
  secretOf(headers, deps) !== undefined

export const isSecure = (deps: Pick<ApiDeps, 'publicUrl'>): boolean => deps.publicUrl().startsWith('https:')

/**
 * Who makes a call from a browser: the cookie's session, within its time, and the login behind it, proven. Pages of
 * other origins get nothing: neither what a GET answers nor a change.
 */
export async function authenticateBrowser(
  call: Call,
  deps: ApiDeps,
): Promise<{ readonly login: Login; readonly browser: Browser }> {
  const secret = secretOf(call.headers, deps)
  if (secret === undefined) throw notSignedIn('the call has no session')
  refuseOtherOrigins(call, deps)
  const session = await liveSession(webSessionId(secret), deps)
  const csrf = csrfToken(secret)
  if (!isReading(call.method) && !sameText(headerOf(call.headers, CSRF_HEADER), csrf)) {
    throw new PamError('CSRF_REFUSED', 'the change does not come from a page of this gateway', {
      hint: 'reload the page and try again',
    })
  }
  // A page that only keeps itself up to date says so: it does not keep its session alive.
  const isUse = call.headers[BACKGROUND_HEADER] === undefined
  const login = await loginOf(session, { renewalKey: renewalKeyOf(secret), isUse, from: call.from }, deps)
  return { login, browser: { session, secret, csrf } }
}

/**
 * Who is signed in in a browser's session, for another host of the gateway that was given its renewal key. `isUse`: its person has done something, so
 * that it goes on. Throws NOT_SIGNED_IN where nobody is.
 */
export async function signedInBy(sessionId: string, proving: Proving, deps: ApiDeps): Promise<Login> {
  return loginOf(await liveSession(sessionId, deps), proving, deps)
}

/** Opens the provider's refresh token of a session and nothing else; whoever has it cannot tell the cookie. */
export const renewalKeyOf = (secret: string): Buffer => sealingKey(secret, REFRESH)

interface Proving {
  readonly renewalKey: Uint8Array
  readonly isUse: boolean
  /** Address of the caller. */
  readonly from: string
}

/** Within its time. */
async function liveSession(id: string, deps: ApiDeps): Promise<WebSession> {
  const now = deps.clock.now()
  const session = await findWebSession(deps.db.read, id)
  if (session === undefined || session.endsAt <= now) throw notSignedIn('your session has ended')
  if (session.seenAt + deps.settings().web.idle <= now)
    throw notSignedIn('your session ended after a while without activity')
  return session
}

async function loginOf(session: WebSession, proving: Proving, deps: ApiDeps): Promise<Login> {
  const now = deps.clock.now()
  const login = await findLogin(deps.db.read, session.loginId)
  if (login === undefined || login.endedAt !== undefined) throw notSignedIn('you were signed out')
  await refuseLocked(deps.db.read, now, login.person.id)
  if (proving.isUse && now - session.seenAt > Math.min(SEEN_EVERY_MS, deps.settings().web.idle / 4))
    await deps.db.change((tx) => noteSeen(tx, session.id, now))
  return keepProven(login, session, proving, deps)
}

/** A session that was just opened, and the value of its cookie. */
export interface OpenedWebSession {
  readonly secret: string
  readonly login: Login
}

/** A session of somebody who signed in with an OpenID provider, of this name where there are several. */
export const openWebSession = (
  tokens: SignIn,
  from: string,
  deps: ApiDeps,
  provider?: string,
): Promise<OpenedWebSession> =>
  open((thumbprint) => proveIdentity(tokens.identityToken, thumbprint, from, deps), deps, {
    provider,
    refreshToken: tokens.refreshToken,
  })

/** A session of somebody who signed in with SAML. It ends with that sign-in. */
export const openSamlWebSession = (
  session: SamlSession,
  from: string,
  deps: ApiDeps,
  provider: string,
): Promise<OpenedWebSession> =>
  open((thumbprint) => proveSamlSession(session, thumbprint, from, deps), deps, { provider, endsAt: session.endsAt })

/** A new session for a login, bound to a cookie that nobody had before: what a browser brought along counts for nothing. */
async function open(
  prove: (thumbprint: string) => Promise<Login>,
  deps: ApiDeps,
  of: { readonly provider: string | undefined; readonly refreshToken?: string | undefined; readonly endsAt?: number },
): Promise<OpenedWebSession> {
  const secret = newCookieSecret()
  const id = webSessionId(secret)
  const login = await prove(`web:${id}`)
  if (login.person.kind !== 'person') throw new PamError('NOT_ALLOWED', 'only people sign in here')
  const now = deps.clock.now()
  await deps.db.change((tx) =>
    saveWebSession(tx, {
      id,
      loginId: login.id,
      createdAt: now,
      seenAt: now,
      endsAt: Math.min(now + deps.settings().web.maxDuration, of.endsAt ?? Number.POSITIVE_INFINITY),
      refresh: of.refreshToken === undefined ? undefined : sealUnder(of.refreshToken, renewalKeyOf(secret)),
      provider: of.provider,
    }),
  )
  return { secret, login }
}

/** The provider's refresh token of a session, for revoking it. */
export const refreshTokenOf = ({ session, secret }: Browser): string | undefined =>
  session.refresh === undefined ? undefined : unsealUnder(session.refresh, renewalKeyOf(secret))

/** Signs out browsers in which nothing was done for too long, or whose time is over. */
export async function endOverdueWebSessions(deps: ApiDeps): Promise<void> {
  const now = deps.clock.now()
  for (const session of await overdueWebSessions(deps.db.read, now, now - deps.settings().web.idle)) {
    const login = await findLogin(deps.db.read, session.loginId)
    const why = session.endsAt <= now ? 'it reached its maximum duration' : 'it was inactive for too long'
    if (login !== undefined && login.endedAt === undefined) await endLogin(login, { why }, deps)
    else await deps.db.change((tx) => removeWebSession(tx, session.id))
  }
}

/**
 * Proves the identity again well before its proof ends; what the provider says no to is signed out. A provider that is late or away
 * is asked again at later calls, not at each of them, and no call waits long for it while the last proof holds.
 */
async function keepProven(login: Login, session: WebSession, proving: Proving, deps: ApiDeps): Promise<Login> {
  if (isFresh(login, deps)) return login
  const now = deps.clock.now()
  const holds = login.provenUntil > now
  const renewal = renewals.get(session.id) ?? { running: undefined, since: now, failures: 0, nextAt: 0 }
  if (holds && renewal.running === undefined && now < renewal.nextAt) return login
  if (renewal.running === undefined) {
    renewal.since = now
    renewal.running = renew(login, session.id, proving, deps)
      .then((renewed) => {
        renewal.running = undefined
        if (renewed !== undefined) renewals.delete(session.id)
        else renewal.nextAt = deps.clock.now() + retryDelay(++renewal.failures)
        return renewed
      })
      .catch((error: unknown) => {
        renewals.delete(session.id)
        throw error
      })
    if (renewals.size >= MAX_RENEWALS) forgetRenewals(now)
    renewals.set(session.id, renewal)
  }
  // Who comes while an answer is overdue does not wait for it again.
  const renewed = await (holds
    ? within(renewal.running, Math.max(0, renewal.since + RENEWAL_WAIT_MS - now), deps.clock)
    : renewal.running)
  if (renewed !== undefined) return renewed
  if (login.provenUntil > deps.clock.now()) return login
  throw notSignedIn('your identity could not be re-verified')
}

/** What comes in this time; undefined otherwise. What comes later counts for the next call. */
async function within<T>(work: Promise<T>, milliseconds: number, clock: ApiDeps['clock']): Promise<T | undefined> {
  work.catch(() => {})
  let cancel = (): void => {}
  const late = new Promise<undefined>((resolve) => {
    cancel = clock.at(clock.now() + milliseconds, () => resolve(undefined))
  })
  return Promise.race([work, late]).finally(() => cancel())
}

/** Doubles from two seconds to half a minute, with jitter: browsers that lost their provider together do not come back together. */
const retryDelay = (failures: number): number =>
  Math.min(2000 * 2 ** (failures - 1), 30_000) * (0.8 + 0.2 * Math.random())

/** With two fifths of `reproof` and all of the grace left, so that a provider may be away for that long. */
const isFresh = ({ provenUntil }: Login, { clock, settings }: Pick<ApiDeps, 'clock' | 'settings'>): boolean =>
  provenUntil - PROOF_GRACE_MS - settings().reproof * 0.4 > clock.now()

/** One at a time for each browser. Undefined where the provider gave no answer: the last proof holds until its time is over. */
async function renew(
  known: Login,
  sessionId: string,
  { renewalKey, from }: Proving,
  deps: ApiDeps,
): Promise<Login | undefined> {
  // A call that came while another one renewed has read what was there before: a refresh token is good for one use.
  const [login, session] = [await findLogin(deps.db.read, known.id), await findWebSession(deps.db.read, sessionId)]
  if (login === undefined || login.endedAt !== undefined || session === undefined)
    throw notSignedIn('you were signed out')
  if (isFresh(login, deps)) return login
  const saml = await samlSessionOfLogin(deps.db.read, login.id)
  if (saml !== undefined) return renewWithSaml(login, saml, from, deps)
  const client = webClientOf(session.provider, deps)
  const token = session.refresh === undefined ? undefined : unsealUnder(session.refresh, renewalKey)
  if (token === undefined || client === undefined) return undefined
  try {
    const tokens = await renewWebSignIn(client, token)
    if (tokens.refreshToken !== undefined) {
      const sealed = sealUnder(tokens.refreshToken, renewalKey)
      await deps.db.change((tx) => replaceRefresh(tx, session.id, sealed))
    }
    return await sameLogin(login, await proveIdentity(tokens.identityToken, login.thumbprint, from, deps), deps)
  } catch (error) {
    const { code, message } = asPamError(error)
    // A directory has said no: the login has ended, and what is left of its last proof counts for nothing.
    if (code === 'ACCOUNT_DISABLED' || code === 'IDENTITY_LOST') throw error
    if (code !== 'NOT_SIGNED_IN') {
      deps.logger.warn({ code, problem: message }, 'web.renewal_failed')
      return undefined
    }
    await endLogin(login, { why: 'the identity provider no longer confirms this sign-in' }, deps)
    throw notSignedIn('the identity provider no longer confirms this sign-in')
  }
}

/** A refresh token goes on proving who it was given to (OpenID Connect Core 1.0, section 12.2): a browser does not become somebody else by it. */
async function sameLogin(login: Login, renewed: Login, deps: ApiDeps): Promise<Login> {
  if (renewed.id === login.id) return renewed
  for (const one of [renewed, login]) await endLogin(one, { why: 'the identity provider names somebody else' }, deps)
  throw new PamError('IDENTITY_LOST', 'the identity provider names somebody else in this session', { hint: 'sign in' })
}

/** What stands for the provider is the sign-in that it gave: it holds until its end, and proves nothing beyond. */
async function renewWithSaml(login: Login, saml: SamlSession, from: string, deps: ApiDeps): Promise<Login> {
  if (saml.endedAt === undefined && login.provenUntil >= saml.endsAt) return login
  try {
    return await proveSamlSession(saml, login.thumbprint, from, deps)
  } catch (error) {
    const { code, message } = asPamError(error)
    if (code !== 'TOKEN_USED' && code !== 'ISSUER_UNTRUSTED') throw error
    await endLogin(login, { why: message }, deps)
    throw notSignedIn('your sign-in with the identity provider has ended')
  }
}

/** Our client at the OpenID provider of this name; at the first one where none is named. */
export function webClientOf(
  provider: string | undefined,
  { settings }: Pick<ApiDeps, 'settings'>,
): WebClient | undefined {
  const found = settings().web.providers.find(
    ({ kind, name }) => kind === 'oidc' && (provider === undefined || name === provider),
  )
  return found?.kind === 'oidc' ? found.client : undefined
}

/** Those of sessions that did not come back. */
function forgetRenewals(now: number): void {
  for (const [id, { running, nextAt }] of renewals) if (running === undefined && nextAt < now) renewals.delete(id)
}

interface Renewal {
  running: Promise<Login | undefined> | undefined
  /** When the one that runs began. */
  since: number
  failures: number
  /** Not asked again before. */
  nextAt: number
}

/** By session, while its identity is being proven, or was not. */
const renewals = new Map<string, Renewal>()

/** Fetch Metadata (w3.org/TR/fetch-metadata) where the browser sends it, and Origin (RFC 6454) on every change. */
export function refuseOtherOrigins({ method, headers }: Call, deps: Pick<ApiDeps, 'publicUrl'>): void {
  const site = headers['sec-fetch-site']
  const { origin } = headers
  const elsewhere =
    (site !== undefined && site !== 'same-origin' && site !== 'none') ||
    (origin !== undefined && origin !== new URL(deps.publicUrl()).origin) ||
    (!isReading(method) && origin === undefined && site === undefined)
  if (elsewhere) {
    throw new PamError('CSRF_REFUSED', 'the call comes from a page of another origin', {
      hint: `open ${deps.publicUrl()}`,
    })
  }
}

function secretOf(headers: IncomingHttpHeaders, deps: Pick<ApiDeps, 'publicUrl'>): string | undefined {
  const value = parseCookies(headers.cookie).get(sessionCookieName(isSecure(deps)))
  return value !== undefined && /^[\w-]{43}$/.test(value) ? value : undefined
}

function headerOf(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name]
  return typeof value === 'string' ? value : ''
}

const isReading = (method: string): boolean => method === 'GET' || method === 'HEAD'
const notSignedIn = (message: string): PamError => new PamError('NOT_SIGNED_IN', message, { hint: 'sign in' })

const CSRF_HEADER = 'pam-csrf'
const BACKGROUND_HEADER = 'pam-background'
const REFRESH = 'refresh token'
/** As long as identity/login.ts lets a proof outlive its `reproof`. */
const PROOF_GRACE_MS = 60_000
/** How long a call waits for a new proof while the last one holds. */
const RENEWAL_WAIT_MS = 5000
const MAX_RENEWALS = 1000
/** Milliseconds between two notes of when a session was last used, at the most. */
const SEEN_EVERY_MS = 30_000
