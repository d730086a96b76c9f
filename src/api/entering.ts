import type { FastifyReply, FastifyRequest } from 'fastify'
import { asPamError, PamError } from '../shared/errors.ts'
import { findLogin } from '../storage/logins.ts'
import { findWebSession } from '../storage/web-sessions.ts'
import { parseCookies, sessionCookieName, setCookie, webSessionId } from './cookies.ts'
import type { ApiDeps } from './deps.ts'
import { signInProblemPage, type Page } from './pages.ts'
import { endLogin } from './prove-identity.ts'
import { isSecure } from './web-sessions.ts'

/** The cookie of a browser's new session. What was signed in before in this browser ends: one browser, one session. */
export async function enter(request: FastifyRequest, secret: string, deps: ApiDeps): Promise<string> {
  const secure = isSecure(deps)
  await leaveOld(parseCookies(request.headers.cookie).get(sessionCookieName(secure)), request.ip, deps)
  return setCookie(sessionCookieName(secure), secret, {
    secure,
    sameSite: 'Strict',
    path: '/',
    maxAge: deps.settings().web.maxDuration,
  })
}

async function leaveOld(secret: string | undefined, from: string, deps: ApiDeps): Promise<void> {
  const old = secret === undefined ? undefined : await findWebSession(deps.db.read, webSessionId(secret))
  const login = old && (await findLogin(deps.db.read, old.loginId))
  if (login !== undefined && login.endedAt === undefined) await endLogin(login, { from, why: 'signed in again' }, deps)
}

export const sendPage = (reply: FastifyReply, { status, headers, html }: Page): FastifyReply =>
  reply.status(status).headers(headers).send(html)

/** Why a sign-in in a browser failed, for its person; what is behind it is for the log. */
export async function signInProblem(reply: FastifyReply, error: unknown, deps: ApiDeps): Promise<FastifyReply> {
  const known = asPamError(error)
  const cause = known.cause instanceof Error ? known.cause.message : undefined
  if (known.code === 'INTERNAL') deps.logger.error({ id: known.id, cause: known.cause }, 'web.sign_in_failed')
  else deps.logger.info({ code: known.code, problem: known.message, cause }, 'web.sign_in_refused')
  return sendPage(reply, signInProblemPage(known))
}

export const signInNotStarted = (): PamError =>
  new PamError('TOKEN_INVALID', 'this sign-in was not started in this browser, or too long ago', {
    hint: 'start the sign-in again',
  })
