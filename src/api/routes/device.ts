import type { FastifyReply } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { newRequestId } from '../../identity/saml/request-id.ts'
import { beginSamlSignIn } from '../../identity/saml/service-provider.ts'
import { readUserCode } from '../../identity/user-code.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { waitingDeviceCode, type DeviceCode } from '../../storage/device-codes.ts'
import type { ApiDeps } from '../deps.ts'
import { Attempts } from '../device/attempts.ts'
import { decide } from '../device/confirmation.ts'
import { userCodeKey } from '../device/grant.ts'
import { approvedPage, askerPage, deniedPage, userCodePage } from '../device/pages.ts'
import { sendPage, signInProblem } from '../entering.ts'
import { acceptForms } from '../form-body.ts'
import { groupOf } from '../pending-connections.ts'
import { keepPending } from '../pending-sign-in.ts'
import { samlClientOf } from '../saml-identity.ts'
import { refuseOtherOrigins } from '../web-sessions.ts'
import type { App } from './app.ts'

/** The pages of a command line's sign-in (RFC 8628, section 3.3): which one it is, the way to the provider, and the confirmation after it. */
export const deviceRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  acceptForms(app)
  const attempts = new Attempts(WRONG_CODES)
  codeRoute(app, deps, attempts)
  onwardRoute(app, deps, attempts)
  decisionRoute(app, deps)
}

const querystring = z.object({ user_code: z.string().max(100).optional() })

function codeRoute(app: App, deps: ApiDeps, attempts: Attempts): void {
  app.get(
    '/auth/device',
    { schema: { querystring, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      const { user_code: typed } = request.query
      if (typed === undefined) return sendPage(reply, userCodePage())
      try {
        const { code, userCode } = await findCode(typed, request.ip, attempts, deps)
        const provider = samlClientOf(code.provider, deps)?.issuer.name
        if (provider === undefined) throw unknownCode()
        const onward = `/auth/device/sign-in?user_code=${userCode}`
        return await sendPage(reply, askerPage(code, { userCode, onward, provider, now: deps.clock.now() }))
      } catch (error) {
        return askAgain(reply, error, deps)
      }
    },
  )
}

/** To the provider. Whoever is led here by a link alone sees the same at the confirmation. */
function onwardRoute(app: App, deps: ApiDeps, attempts: Attempts): void {
  app.get(
    '/auth/device/sign-in',
    { schema: { querystring, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      try {
        const { code, userCode } = await findCode(request.query.user_code ?? '', request.ip, attempts, deps)
        const client = samlClientOf(code.provider, deps)
        if (client === undefined) throw unknownCode()
        const { name, entityId } = client.issuer
        const now = deps.clock.now()
        const id = newRequestId(deps.webKey, entityId, now)
        const { url } = await beginSamlSignIn(client, { id, fresh: code.isFresh, now })
        const cookie = keepPending({ state: id, provider: name, to: '/', device: { id: code.id, userCode } }, deps)
        return await reply.header('set-cookie', cookie).redirect(url, 303)
      } catch (error) {
        return askAgain(reply, error, deps)
      }
    },
  )
}

function decisionRoute(app: App, deps: ApiDeps): void {
  const body = z.object({ id: z.string().max(64), csrf: z.string().max(64), abort: z.string().optional() })
  app.post(
    '/auth/device/decision',
    { schema: { body, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      try {
        const { method, headers, ip: from } = request
        refuseOtherOrigins({ method, headers, from }, deps)
        const { id, csrf, abort } = request.body
        const isApproved = abort === undefined
        const { person } = await decide({ id, csrf, isApproved, from, cookies: headers.cookie }, deps)
        return await sendPage(reply, isApproved ? approvedPage(person.label) : deniedPage())
      } catch (error) {
        deps.refusals.note(asPamError(error).code)
        return signInProblem(reply, error, deps)
      }
    },
  )
}

/** The command line that waits under this code. Wrong ones are counted, and over the limit no code is right. */
async function findCode(
  typed: string,
  address: string,
  attempts: Attempts,
  { db, clock, webKey, refusals }: ApiDeps,
): Promise<{ readonly code: DeviceCode; readonly userCode: string }> {
  const now = clock.now()
  const attempt = attempts.begin(groupOf(address), now)
  if (attempt === undefined)
    throw new PamError('RATE_LIMITED', 'too many wrong codes were entered: wait a minute, and try again')
  const userCode = readUserCode(typed)
  const code = userCode && (await waitingDeviceCode(db.read, userCodeKey(userCode, webKey), now))
  if (code === undefined || code === '' || userCode === undefined) {
    refusals.note('NOT_FOUND')
    throw unknownCode()
  }
  attempt.wasRight()
  return { code, userCode }
}

const unknownCode = (): PamError =>
  new PamError('NOT_FOUND', 'That code is not known, or it has expired. Run pamctl login again for a new one.')

function askAgain(reply: FastifyReply, error: unknown, deps: ApiDeps): FastifyReply | Promise<FastifyReply> {
  const { code, message } = asPamError(error)
  return code === 'NOT_FOUND' || code === 'RATE_LIMITED'
    ? sendPage(reply, userCodePage(message))
    : signInProblem(reply, error, deps)
}

/** Of one network, and of all: with 34.5 bits and 5,000 codes that wait, one guess in 5 million finds one. */
const WRONG_CODES = { perNetwork: 10, inAll: 1000, windowMs: 60_000 }
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
