import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { newRequestId } from '../../identity/saml/request-id.ts'
import { beginSamlSignIn } from '../../identity/saml/service-provider.ts'
import { providersFor, type SignInProvider } from '../../identity/sign-in-provider.ts'
import { beginSignIn, finishSignIn, revokeWebSignIn } from '../../identity/web-sign-in.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { sessionCookieName, setCookie } from '../cookies.ts'
import type { ApiDeps } from '../deps.ts'
import { enter, signInNotStarted, sendPage, signInProblem } from '../entering.ts'
import { ownPath } from '../own-path.ts'
import { choicePage, onwardPage } from '../pages.ts'
import { forgetPending, keepPending, pendingOf } from '../pending-sign-in.ts'
import { endEveryLogin, endLogin } from '../prove-identity.ts'
import { webSessionSchema } from '../schemas/identity.ts'
import { isSecure, openWebSession, refreshTokenOf, webClientOf, type Browser } from '../web-sessions.ts'
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
  const querystring = z.object({
    to: z.string().max(500).default('/'),
    fresh: z.stringbool().default(false),
    provider: z.string().max(255).optional(),
    email: z.string().max(254).optional(),
  })
  app.get(
    '/auth/sign-in',
    { schema: { querystring }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      try {
        const { to, fresh, provider, email } = request.query
        const choices = choicesOf({ provider, email }, deps.settings().web.providers)
        const [only, ...others] = choices
        const pathOf = (name: string): string => {
          const query = new URLSearchParams({ provider: name, to: ownPath(to), fresh: String(fresh) })
          return `/auth/sign-in?${query.toString()}`
        }
        if (only === undefined)
          throw new PamError('ISSUER_UNTRUSTED', 'no identity provider is configured for this sign-in', {
            hint: 'check the e-mail address, or ask your administrator',
          })
        // A form may lead to pages of this origin alone: the way to the provider begins with a page.
        if (email !== undefined && others.length === 0) return await sendPage(reply, onwardPage(pathOf(only.name)))
        if (others.length > 0) {
          const list = choices.map(({ name }) => ({ name, path: pathOf(name) }))
          const byAddress = choices.some(({ domains }) => domains.length > 0)
            ? { path: '/auth/sign-in', fields: { to: ownPath(to), fresh: String(fresh) } }
            : undefined
          return await sendPage(reply, choicePage('Sign in', list, byAddress))
        }
        const { url, cookie } = await begin(only, { to: ownPath(to), fresh }, deps)
        return await reply.header('set-cookie', cookie).redirect(url, 303)
      } catch (error) {
        return signInProblem(reply, error, deps)
      }
    },
  )
}

/** The one that is named; those for an address; else all of them. */
function choicesOf(
  { provider, email }: { readonly provider: string | undefined; readonly email: string | undefined },
  providers: readonly SignInProvider[],
): readonly SignInProvider[] {
  if (provider !== undefined) return providers.filter(({ name }) => name === provider)
  return email === undefined ? providers : providersFor(email, providers)
}

/** The provider's page, and the cookie that the browser comes back with. */
async function begin(
  provider: SignInProvider,
  { to, fresh }: { readonly to: string; readonly fresh: boolean },
  deps: ApiDeps,
): Promise<{ readonly url: string; readonly cookie: string }> {
  if (provider.kind === 'saml') {
    const now = deps.clock.now()
    const id = newRequestId(deps.webKey, provider.client.issuer.entityId, now)
    const { url } = await beginSamlSignIn(provider.client, { id, fresh, now })
    return { url, cookie: keepPending({ state: id, provider: provider.name, to }, deps) }
  }
  const { url, pending } = await beginSignIn(provider.client, { redirectUri: redirectUri(deps), fresh })
  return { url, cookie: keepPending({ ...pending, provider: provider.name, to }, deps) }
}

function callbackRoute(app: App, deps: ApiDeps): void {
  app.get(
    '/auth/callback',
    { schema: { hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      const answer = new URL(request.url, deps.publicUrl())
      const state = answer.searchParams.get('state') ?? ''
      const kept = pendingOf(state, request.headers.cookie, deps)
      try {
        const client = kept && webClientOf(kept.provider, deps)
        if (client === undefined || kept?.nonce === undefined || kept.verifier === undefined) throw signInNotStarted()
        const { nonce, verifier, provider } = kept
        const tokens = await finishSignIn(client, answer, { state, nonce, verifier }, redirectUri(deps))
        const { secret } = await openWebSession(tokens, request.ip, deps, provider)
        const cookie = await enter(request, secret, deps)
        return await reply.header('set-cookie', [cookie, forgetPending(state, deps)]).redirect(kept.to, 303)
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        void reply.header('set-cookie', forgetPending(state, deps))
        return signInProblem(reply, error, deps)
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

const leave = (reply: FastifyReply, deps: ApiDeps): FastifyReply => {
  const secure = isSecure(deps)
  return reply.header(
    'set-cookie',
    setCookie(sessionCookieName(secure), '', { secure, sameSite: 'Strict', path: '/', maxAge: 0 }),
  )
}

/** As well as it goes: our side ends in any case. */
async function revokeAtProvider(browser: Browser | undefined, deps: ApiDeps): Promise<void> {
  const token = browser && refreshTokenOf(browser)
  const client = browser && webClientOf(browser.session.provider, deps)
  if (token === undefined || client === undefined) return
  await revokeWebSignIn(client, token).catch((error: unknown) =>
    deps.logger.warn({ cause: (error as Error).message }, 'web.revocation_failed'),
  )
}

/** Sign-ins from one address. */
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
