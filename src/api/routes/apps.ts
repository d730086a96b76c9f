import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Login } from '../../identity/login.ts'
import { decideAccess, isVisible } from '../../policy/decide.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { isHostLabel } from '../../shared/host-label.ts'
import { activeBreakGlass, activeGrant } from '../../storage/grants.ts'
import { refuseLocked } from '../../storage/locks.ts'
import { appAnswer } from '../app-sign-in.ts'
import { beginGrantFor } from '../begin-grants.ts'
import type { ApiDeps } from '../deps.ts'
import { onwardPage, problemPage } from '../pages.ts'
import { authenticateBrowser, hasSessionCookie } from '../web-sessions.ts'
import { requestCommand } from '../../shared/request-command.ts'

/** The dashboard's side of a sign-in at a target's host: who it is, and whether they may have the target. */
export const appRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const querystring = z.strictObject({
    target: z.string().refine(isHostLabel, 'expected the name of a target'),
    state: z.string().regex(/^[\w-]{43}$/),
    challenge: z.string().regex(/^[\w-]{43}$/),
  })
  app.get(
    '/auth/app',
    { schema: { querystring, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      try {
        if (deps.settings().apps === undefined)
          throw new PamError('NOT_FOUND', 'this gateway serves no apps to browsers')
        refuseFrames(request)
        // The cookie stays away from what another site leads to: the page goes on by itself, as one of this origin.
        if (request.headers['sec-fetch-site'] !== 'same-origin') return await send(reply, onwardPage(request.url))
        if (!hasSessionCookie(request.headers, deps)) return await toSignIn(request, reply)
        return await reply.redirect(await answerTo(request, request.query, deps), 303)
      } catch (error) {
        const known = asPamError(error)
        if (known.code === 'NOT_SIGNED_IN') return toSignIn(request, reply)
        if (known.code === 'INTERNAL') deps.logger.error({ id: known.id, cause: known.cause }, 'web.app_sign_in_failed')
        else deps.logger.info({ code: known.code, target: request.query.target }, 'web.app_sign_in_refused')
        return send(
          reply,
          problemPage('This app cannot be opened', known, { path: '/access', text: 'Go to your access' }),
        )
      }
    },
  )
}

/** A code that a frame, or a script of a page, is sent back with could be read by whoever framed or fetched it. */
function refuseFrames({ headers }: FastifyRequest): void {
  if (headers['sec-fetch-mode'] === 'navigate' && headers['sec-fetch-dest'] === 'document') return
  throw new PamError('CSRF_REFUSED', 'signing in at an app is for pages that a person opens', {
    hint: 'open the app in a tab of its own, in a current browser',
  })
}

/** The URL of the target's host, with a code, where this person may have the target now. */
async function answerTo(
  { method, headers, ip }: FastifyRequest,
  asked: { readonly target: string; readonly state: string; readonly challenge: string },
  deps: ApiDeps,
): Promise<string> {
  const { login, browser } = await authenticateBrowser({ method, headers, from: ip }, deps)
  const { policy, targets } = deps.settings()
  const target = targets.find(({ name, isApp }) => name === asked.target && isApp)
  if (target === undefined || !isVisible(policy, login.person, target))
    throw new PamError('TARGET_UNKNOWN', `no app named "${asked.target}" is visible to you`)
  const { name } = target
  await refuseLocked(deps.db.read, deps.clock.now(), login.person.id, target)
  const rule = decideAccess(policy, login.person, target)
  if (rule?.grant !== 'standing' && !(await hasGrant(login, name, deps)))
    throw new PamError('NO_GRANT', `you have no current grant for ${name}`, {
      hint:
        rule === undefined
          ? `you have access only in an emergency: pamctl breakglass start ${name} --reason "…"`
          : `request access in the dashboard, or with: ${requestCommand(name, rule.maxDuration)}`,
    })
  return appAnswer(browser, asked, deps)
}

async function hasGrant({ person }: Login, target: string, deps: ApiDeps): Promise<boolean> {
  const { db, clock } = deps
  const now = clock.now()
  return (
    ((await activeGrant(db.read, person.id, target, now)) ??
      (await activeBreakGlass(db.read, person.id, target, now)) ??
      (await beginGrantFor(person.id, target, deps))) !== undefined
  )
}

/** Back here afterwards. */
const toSignIn = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
  reply.redirect(`/auth/sign-in?to=${encodeURIComponent(request.url)}`, 303)

const send = (reply: FastifyReply, { status, headers, html }: ReturnType<typeof problemPage>): FastifyReply =>
  reply.status(status).headers(headers).send(html)

/** From one address. */
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
