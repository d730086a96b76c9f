import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { listDeliveries } from '../../storage/deliveries.ts'
import type { ApiDeps } from '../deps.ts'
import { cursorQuery } from '../schemas/common.ts'
import { deliveriesSchema } from '../schemas/delivery.ts'
import { iso, nextOf, toPage } from './to-json.ts'
import { needRole } from '../role-acts.ts'

/** Messages to others: what became of them, and what comes back. */
export const notificationRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  app.get(
    '/v1/deliveries',
    { schema: { querystring: cursorQuery, response: { 200: deliveriesSchema } } },
    async (request) => {
      needRole(request.login(), 'deliveries.read', deps)
      const rows = await listDeliveries(deps.db.read, toPage(request.query))
      return {
        items: rows.map(({ id, hook, type, subject, state, attempts, answer, createdAt, nextAt }) => ({
          id,
          hook,
          type,
          subject,
          state,
          attempts,
          ...(answer === undefined ? {} : { answer }),
          createdAt: iso(createdAt),
          ...(state === 'waiting' ? { nextAt: iso(nextAt) } : {}),
        })),
        ...nextOf(
          rows.map(({ id, createdAt }) => ({ id, at: createdAt })),
          request.query.limit,
        ),
      }
    },
  )

  // The signature is over the bytes of the body.
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
    done(null, body),
  )
  app.post(
    '/hooks/slack',
    { schema: { hide: true }, config: { public: true, rateLimit: { max: 300, timeWindow: 60_000 } } },
    async (request, reply) => {
      const { headers, body } = request
      const one = (name: string): string => (typeof headers[name] === 'string' ? headers[name] : '')
      deps.slackCall({
        timestamp: one('x-slack-request-timestamp'),
        signature: one('x-slack-signature'),
        body: typeof body === 'string' ? body : '',
      })
      return reply.send('')
    },
  )
}
