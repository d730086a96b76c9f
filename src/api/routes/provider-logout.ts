import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { errorCodes } from '../../shared/error-codes.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import type { ApiDeps } from '../deps.ts'
import { endAtProvider } from '../provider-logout.ts'

/** OpenID Connect Back-Channel Logout 1.0: a provider tells, server to server, that somebody has logged out. */
export const providerLogoutRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
    async (_request: unknown, text: string | Buffer) => new URLSearchParams(String(text)),
  )
  app.post(
    '/auth/backchannel-logout',
    { schema: { hide: true }, config: { public: true, rateLimit: { max: 600, timeWindow: 60_000 } } },
    async (request, reply) => {
      try {
        const tokens = request.body instanceof URLSearchParams ? request.body.getAll('logout_token') : []
        const [token, second] = tokens
        if (token === undefined || second !== undefined)
          throw new PamError('TOKEN_INVALID', 'the request must have one logout_token, in a form')
        const logout = await deps.identities().verifyLogout(token, deps.clock.now())
        await endAtProvider(logout, request.ip, deps)
        return await reply.status(200).send()
      } catch (error) {
        const { code, message, side } = asPamError(error)
        deps.refusals.note(code)
        deps.logger.warn({ code, problem: message }, 'provider_logout.refused')
        // Section 2.8: 400 for what is invalid. What went wrong here is said as such, so that the provider may try again.
        const status = side === 'gateway' || code === 'INTERNAL' ? errorCodes[code].status : 400
        return reply
          .status(status)
          .type('application/json')
          .send(JSON.stringify({ error: 'invalid_request', error_description: errorCodes[code].summary }))
      }
    },
  )
}

/** A token of the longest that an issuer's key signs, in a form. */
const MAX_BODY_BYTES = 20_000
