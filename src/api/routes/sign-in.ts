import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { beginSignIn, finishSignIn, revokeWebSignIn, type PendingSignIn } from '../../identity/web-sign-in.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { findLogin } from '../../storage/logins.ts'
import { findWebSession } from '../../storage/web-sessions.ts'
import { parseCookies, seal, sessionCookieName, setCookie, unseal, webSessionId } from '../cookies.ts'
import type { ApiDeps } from '../deps.ts'
import { ownPath } from '../own-path.ts'
import { signInProblemPage } from '../pages.ts'
import { endEveryLogin, endLogin } from '../prove-identity.ts'
import { webSessionSchema } from '../schemas/identity.ts'
import { isSecure, openWebSession, refreshTokenOf } from '../web-sessions.ts'
import type { App } from './app.ts'
import { iso } from './to-json.ts'

/** Signing in a browser: to the identity provider and back, with nothing of it in the page. */
export const signInRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  signInRoute(app, deps)
  callbackRoute(app, deps)
  webSessionRoute(app, deps)
  signOutRoutes(app, deps)
}

function signInRoute(app: App, deps: ApiDeps): void {
  const signInQuery = z.object({ to: z.string().max(500).default('/'), fresh: z.stringbool().default(false) })
  app.get(
    '/auth/sign-in',
    { schema: { querystring: signInQuery }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      const { client } = deps.settings().web
      if (client === undefined)
        return problem(
          reply,
          new PamError('ISSUER_UNTRUSTED', 'this gateway has no sign-in for people configured'),
          deps,
        )
      try {
        const { to, fresh } = request.query
        const { url, pending } = await beginSignIn(client, { redirectUri: redirectUri(deps), fresh })
        const secure = isSecure(deps)
        const kept = JSON.stringify({ ...pending, to: ownPath(to), at: deps.clock.now() } satisfies Kept)
        return await reply
          .header(
            'set-cookie',
            setCookie(pendingCookie(pending.state, secure), seal(kept, deps.webKey, SIGN_IN), {
              secure,
              // The provider sends the browser back here: a strict cookie would stay away.
              sameSite: 'Lax',
              path: pendingPath(secure),
              maxAge: SIGN_IN_TIME,
            }),
          )
          .redirect(url, 303)
      } catch (error) {
        return problem(reply, error, deps)
      }
    },
  )
}

function callbackRoute(app: App, deps: ApiDeps): void {
  app.get(
    '/auth/callback',
    { schema: { hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      const { client } = deps.settings().web
      const answer = new URL(request.url, deps.publicUrl())
      const state = answer.searchParams.get('state') ?? ''
      const cookies = parseCookies(request.headers.cookie)
      const secure = isSecure(deps)
      const name = pendingCookie(state, secure)
      const kept = keptOf(unseal(cookies.get(name) ?? '', deps.webKey, SIGN_IN))
      const now = deps.clock.now()
      const forget = setCookie(name, '', { secure, sameSite: 'Lax', path: pendingPath(secure), maxAge: 0 })
      try {
        if (client === undefined || kept === undefined || kept.state !== state || kept.at + SIGN_IN_TIME < now) {
          throw new PamError('TOKEN_INVALID', 'this sign-in was not begun in this browser, or too long ago', {
            hint: 'begin again',
          })
        }
        const tokens = await finishSignIn(client, answer, kept, redirectUri(deps))
        const { secret } = await openWebSession(tokens, request.ip, deps)
        await leaveOld(cookies.get(sessionCookieName(secure)), request.ip, deps)
        const { maxDuration } = deps.settings().web
        const session = setCookie(sessionCookieName(secure), secret, {
          secure,
          sameSite: 'Strict',
          path: '/',
          maxAge: maxDuration,
        })
        return await reply.header('set-cookie', [session, forget]).redirect(kept.to, 303)
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        void reply.header('set-cookie', forget)
        return problem(reply, error, deps)
      }
    },
  )
}

function webSessionRoute(app: App, deps: ApiDeps): void {
  app.get('/v1/web-session', { schema: { response: { 200: webSessionSchema } } }, async (request) => {
    const { browser } = request
    if (browser === undefined)
      throw new PamError('NOT_FOUND', 'the call does not come from a browser that is signed in')
    const { idle } = deps.settings().web
    return { csrf: browser.csrf, idleMs: idle, endsAt: iso(browser.session.endsAt) }
  })
}

function signOutRoutes(app: App, deps: ApiDeps): void {
  app.delete('/v1/login', { schema: { response: { 204: z.null() } } }, async (request, reply) => {
    const login = request.login()
    await revokeAtProvider(request.browser, deps)
    await endLogin(login, { from: request.ip }, deps)
    return leave(reply, deps).status(204).send(null)
  })

  /**
   * Everywhere: every browser and every command line of this person. Tokens tell seconds, and those of the second in which it happens
   * are refused: the answer comes when it is over, so that a sign-in that follows is none of them.
   */
  app.delete('/v1/logins', { schema: { response: { 204: z.null() } } }, async (request, reply) => {
    const { person } = request.login()
    await revokeAtProvider(request.browser, deps)
    await endEveryLogin(person.id, request.ip, deps)
    const over = Math.ceil(deps.clock.now() / 1000) * 1000
    await new Promise<void>((resolve) => deps.clock.at(over, resolve))
    return leave(reply, deps).status(204).send(null)
  })
}

const redirectUri = ({ publicUrl }: ApiDeps): string => `${publicUrl()}/auth/callback`

/** What was signed in before in this browser ends: one browser, one session. */
async function leaveOld(secret: string | undefined, from: string, deps: ApiDeps): Promise<void> {
  const old = secret === undefined ? undefined : await findWebSession(deps.db.read, webSessionId(secret))
  const login = old && (await findLogin(deps.db.read, old.loginId))
  if (login !== undefined && login.endedAt === undefined) await endLogin(login, { from, why: 'signed in again' }, deps)
}

const leave = (reply: FastifyReply, deps: ApiDeps): FastifyReply => {
  const secure = isSecure(deps)
  return reply.header(
    'set-cookie',
    setCookie(sessionCookieName(secure), '', { secure, sameSite: 'Strict', path: '/', maxAge: 0 }),
  )
}

/** As well as it goes: our side ends in any case. */
async function revokeAtProvider(
  browser: Parameters<typeof refreshTokenOf>[0] | undefined,
  deps: ApiDeps,
): Promise<void> {
  const { client } = deps.settings().web
  const token = browser && refreshTokenOf(browser)
  if (token === undefined || client === undefined) return
  await revokeWebSignIn(client, token).catch((error: unknown) =>
    deps.logger.warn({ cause: (error as Error).message }, 'web.revocation_failed'),
  )
}

async function problem(reply: FastifyReply, error: unknown, deps: ApiDeps): Promise<FastifyReply> {
  const known = asPamError(error)
  const cause = (known.cause as Error | undefined)?.message
  if (known.code === 'INTERNAL') deps.logger.error({ id: known.id, cause: known.cause }, 'web.sign_in_failed')
  else deps.logger.info({ code: known.code, problem: known.message, cause }, 'web.sign_in_refused')
  const { status, headers, html } = signInProblemPage(known)
  return reply.status(status).headers(headers).send(html)
}
interface Kept extends PendingSignIn {
  readonly to: string
  readonly at: number
}

function keptOf(json: string | undefined): Kept | undefined {
  return json === undefined ? undefined : (JSON.parse(json) as Kept)
}

/**
 * One for each sign-in that was begun: two tabs do not disturb each other. With the prefix, no other host can have set it (RFC 6265bis, section
 * 4.1.3): a script of a target's host could otherwise plant one for all hosts of a common domain, and have somebody signed in as somebody else.
 */
const pendingCookie = (state: string, secure: boolean): string =>
  `${secure ? '__Host-' : ''}pam_sign_in_${state.replaceAll(/[^\w-]/g, '').slice(0, 12)}`
const pendingPath = (secure: boolean): string => (secure ? '/' : '/auth')

const SIGN_IN = 'sign-in'
/** Milliseconds that somebody may take at the provider. */
const SIGN_IN_TIME = 600_000
/** Sign-ins from one address. */
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
