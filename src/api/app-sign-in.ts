import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'
import type { Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { appOrigin } from './app-hosts.ts'
import { newCookieSecret, parseCookies, sameText, seal, setCookie, unseal } from './cookies.ts'
import type { ApiDeps } from './deps.ts'
import { ownPath } from './own-path.ts'
import { renewalKeyOf, signedInBy, type Browser } from './web-sessions.ts'

/** Where to send a browser, and the cookies that it is given. */
export interface HandOver {
  readonly to: string
  readonly cookies: readonly string[]
}

/**
 * Signing in at a target's host through the dashboard, whose origin alone knows who somebody is. The host keeps a verifier in the browser and sends its
 * challenge (PKCE, RFC 7636); the dashboard answers with a code that is of use in this browser, at this host, once; the host gives out a cookie of
 * its own. Nothing but the code is ever in a URL, and the code never reaches the target.
 */
export class AppSignIn {
  readonly #deps: ApiDeps
  /** By digest, until they expire. */
  readonly #used = new Map<string, number>()

  constructor(deps: ApiDeps) {
    this.#deps = deps
  }

  /** The way to the dashboard, for a browser that wants to open this path of a target. */
  begin(target: string, path: string): HandOver {
    const { webKey, clock, publicUrl } = this.#deps
    const [state, verifier] = [newCookieSecret(), newCookieSecret()]
    const kept: Kept = { target, state, verifier, path: path.length > MAX_PATH_LENGTH ? '/' : path, at: clock.now() }
    const query = new URLSearchParams({ target, state, challenge: challengeOf(verifier) })
    return {
      to: `${publicUrl()}/auth/app?${query.toString()}`,
      cookies: [hostCookie(pendingCookie(state), seal(JSON.stringify(kept), webKey, PENDING), SIGN_IN_TIMEOUT_MS)],
    }
  }

  /** Takes a browser that comes back to `url` with a code. Throws where it is not the one that began, or has come too late. */
  async finish(target: string, url: string, cookieHeader: string | undefined): Promise<HandOver> {
    const { webKey, clock } = this.#deps
    const answer = new URL(url, 'http://target.invalid').searchParams
    const [state, text] = [answer.get('state') ?? '', answer.get('code') ?? '']
    const now = clock.now()
    const sealed = parseCookies(cookieHeader).get(pendingCookie(state)) ?? ''
    const kept = opened(keptSchema, unseal(sealed, webKey, PENDING))
    if (
      kept === undefined ||
      kept.target !== target ||
      !sameText(kept.state, state) ||
      kept.at + SIGN_IN_TIMEOUT_MS <= now
    )
      throw signInNotStarted('this sign-in was not started in this browser at this host, or too long ago')
    const code = opened(codeSchema, unseal(text, webKey, CODE))
    if (code === undefined || code.target !== target || code.at + CODE_TTL_MS <= now)
      throw signInNotStarted('the code of this sign-in is not for this host, or has expired')
    if (!sameText(code.challenge, challengeOf(kept.verifier)))
      throw signInNotStarted('the code of this sign-in is for another browser')
    this.#use(text, now)
    const { session, renewal } = code
    await signedInBy(session, { renewalKey: Buffer.from(renewal, 'base64url'), isUse: true, from: '' }, this.#deps)
    const held: Held = { target, session, renewal, nonce: randomBytes(12).toString('base64url') }
    const { maxDuration } = this.#deps.settings().web
    return {
      to: ownPath(kept.path),
      cookies: [
        hostCookie(APP_COOKIE, seal(JSON.stringify(held), webKey, SIGNED_IN), maxDuration),
        hostCookie(pendingCookie(state), '', 0),
      ],
    }
  }

  /** Who is signed in at a target's host. Throws NOT_SIGNED_IN where nobody is. */
  async visitor(
    target: string,
    cookieHeader: string | undefined,
    call: { readonly isUse: boolean; readonly from: string },
  ): Promise<Login> {
    const sealed = parseCookies(cookieHeader).get(APP_COOKIE)
    const held = sealed === undefined ? undefined : opened(heldSchema, unseal(sealed, this.#deps.webKey, SIGNED_IN))
    if (held === undefined || held.target !== target)
      throw new PamError('NOT_SIGNED_IN', 'nobody is signed in at this host', {
        hint: 'open the app in your browser and sign in',
      })
    return signedInBy(held.session, { renewalKey: Buffer.from(held.renewal, 'base64url'), ...call }, this.#deps)
  }

  #use(code: string, now: number): void {
    for (const [digest, until] of this.#used) if (until <= now) this.#used.delete(digest)
    const digest = createHash('sha256').update(code).digest('base64')
    if (this.#used.has(digest)) throw signInNotStarted('the code of this sign-in was used before')
    this.#used.set(digest, now + CODE_TTL_MS)
  }
}

/** Where the dashboard sends a browser whose person may have the target: back to its host, with a code. */
export function appAnswer(
  { session, secret }: Pick<Browser, 'session' | 'secret'>,
  { target, state, challenge }: { readonly target: string; readonly state: string; readonly challenge: string },
  deps: Pick<ApiDeps, 'webKey' | 'clock' | 'publicUrl' | 'settings'>,
): string {
  const renewal = renewalKeyOf(secret).toString('base64url')
  const code: Code = { target, challenge, session: session.id, renewal, at: deps.clock.now() }
  const query = new URLSearchParams({ code: seal(JSON.stringify(code), deps.webKey, CODE), state })
  return `${appOrigin(target, deps)}/.pamctl/signed-in?${query.toString()}`
}

const text = z.string()
/** What the browser keeps at the target's host while its person signs in. */
const keptSchema = z.strictObject({ target: text, state: text, verifier: text, path: text, at: z.number() })
type Kept = z.output<typeof keptSchema>
/** What the dashboard says: whose session it is, and the key that goes on proving who that is. */
const codeSchema = z.strictObject({ target: text, challenge: text, session: text, renewal: text, at: z.number() })
type Code = z.output<typeof codeSchema>
/** What the browser keeps at the target's host from then on. It is good for as long as the dashboard's session is. */
const heldSchema = z.strictObject({ target: text, session: text, renewal: text, nonce: text })
type Held = z.output<typeof heldSchema>

const opened = <T>(schema: z.ZodType<T>, json: string | undefined): T | undefined =>
  json === undefined ? undefined : schema.parse(JSON.parse(json))

const challengeOf = (verifier: string): string => createHash('sha256').update(verifier).digest('base64url')

/** Of this very host, over TLS alone; a page of another site may open it, and send no form with it. */
const hostCookie = (name: string, value: string, maxAge: number): string =>
  setCookie(name, value, { secure: true, sameSite: 'Lax', path: '/', maxAge })

const signInNotStarted = (message: string): PamError =>
  new PamError('TOKEN_INVALID', message, { hint: 'open the page that you want again' })

const APP_COOKIE = '__Host-pam_app'
/** One for each sign-in that was begun: two tabs do not disturb each other. */
const pendingCookie = (state: string): string =>
  `__Host-pam_app_sign_in_${state.replaceAll(/[^\w-]/g, '').slice(0, 12)}`
const PENDING = 'app sign-in'
const CODE = 'app code'
const SIGNED_IN = 'app session'
/** Milliseconds that somebody may take at the dashboard and the provider. */
const SIGN_IN_TIMEOUT_MS = 600_000
/** Milliseconds from the dashboard to the target's host. */
const CODE_TTL_MS = 60_000
/** So that the cookie stays one that browsers take. */
const MAX_PATH_LENGTH = 1500
