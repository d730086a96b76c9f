import { z } from 'zod'
import type { Clock } from '../shared/clock.ts'
import { parseCookies, seal, setCookie, unseal } from './cookies.ts'
import type { ApiDeps } from './deps.ts'
import { isSecure } from './web-sessions.ts'

/** What a browser must bring back to finish a sign-in that it began. */
const pendingSchema = z.strictObject({
  /** Of OpenID Connect the state, of SAML the ID of the request. */
  state: z.string(),
  /** Of OpenID Connect alone. */
  nonce: z.string().optional(),
  verifier: z.string().optional(),
  /** The name of the provider that it was sent to. */
  provider: z.string(),
  /** Where it goes then: a path of ours. */
  to: z.string(),
  /** Of a sign-in for a command line: the id of its device code, and what its terminal shows. */
  device: z.strictObject({ id: z.string(), userCode: z.string() }).optional(),
  at: z.number(),
})
export type PendingBrowserSignIn = z.output<typeof pendingSchema>

type Deps = Pick<ApiDeps, 'webKey' | 'publicUrl'> & { readonly clock: Pick<Clock, 'now'> }

/** The cookie of a sign-in that begins. */
export function keepPending(pending: Omit<PendingBrowserSignIn, 'at'>, deps: Deps): string {
  const kept: PendingBrowserSignIn = { ...pending, at: deps.clock.now() }
  return pendingCookie(pending.state, seal(JSON.stringify(kept), deps.webKey, SIGN_IN), SIGN_IN_TIMEOUT_MS, deps)
}

/** What was kept under this state in this browser, while it is not too old. */
export function pendingOf(state: string, header: string | undefined, deps: Deps): PendingBrowserSignIn | undefined {
  const sealed = parseCookies(header).get(nameOf(state, isSecure(deps))) ?? ''
  const json = unseal(sealed, deps.webKey, SIGN_IN)
  const kept = json === undefined ? undefined : pendingSchema.parse(JSON.parse(json))
  return kept !== undefined && kept.state === state && kept.at + SIGN_IN_TIMEOUT_MS >= deps.clock.now()
    ? kept
    : undefined
}

export const forgetPending = (state: string, deps: Pick<ApiDeps, 'publicUrl'>): string =>
  pendingCookie(state, '', 0, deps)

function pendingCookie(state: string, value: string, maxAge: number, deps: Pick<ApiDeps, 'publicUrl'>): string {
  const secure = isSecure(deps)
  // The provider sends the browser back here: a strict cookie would stay away.
  return setCookie(nameOf(state, secure), value, { secure, sameSite: 'Lax', path: secure ? '/' : '/auth', maxAge })
}

/**
 * One for each sign-in that was begun: two tabs do not disturb each other. With the prefix, no other host can have set it (RFC 6265bis, section
 * 4.1.3): a script of a target's host could otherwise plant one for all hosts of a common domain, and have somebody signed in as somebody else.
 */
const nameOf = (state: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}pam_sign_in_${state.replaceAll(/[^\w-]/g, '').slice(-12)}`

const SIGN_IN = 'sign-in'
/** Milliseconds that somebody may take at the provider. */
const SIGN_IN_TIMEOUT_MS = 600_000
