import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { explain } from '../../policy/explain.ts'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { listSessions, type SessionRow } from '../../storage/sessions.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { reasonBody } from '../schemas/access.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { explanationSchema, keysSchema, sessionSchema, sessionsSchema, type Session } from '../schemas/session.ts'
import { maySeeAll, visibleSession } from '../visible-session.ts'
import { iso, nextOf, toPage } from './to-json.ts'

/** Sessions: the index, ending one; and what the rules say. */
export const sessionRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock, registry } = deps

  const listQuery = cursorQuery.extend({ active: z.stringbool().default(false) })
  app.get(
    '/v1/sessions',
    { schema: { querystring: listQuery, response: { 200: sessionsSchema } } },
    async (request) => {
      const login = request.login()
      const { active, limit } = request.query
      const personId = maySeeAll(login, deps) ? undefined : login.person.id
      const rows = await listSessions(db.read, { personId, active }, toPage(request.query))
      return {
        items: rows.map(toJson),
        ...nextOf(
          rows.map(({ id, openedAt }) => ({ id, at: openedAt })),
          limit,
        ),
      }
    },
  )

  app.get('/v1/sessions/:id', { schema: { params: idParams, response: { 200: sessionSchema } } }, async (request) =>
    toJson(await visibleSession(request.params.id, request.login(), deps)),
  )

  app.post(
    '/v1/sessions/:id/kill',
    { schema: { params: idParams, body: reasonBody, response: { 200: sessionSchema } } },
    async (request) => {
      const login = request.login()
      const session = await visibleSession(request.params.id, login, deps)
      if (session.person.id !== login.person.id && !hasRole(login, 'operate', deps)) {
        throw new PamError('NOT_ALLOWED', 'only operators end the sessions of others')
      }
      if (!registry.has(session.id)) throw new PamError('ALREADY_DECIDED', `${session.id} is over already`)
      const { reason } = request.body
      const now = clock.now()
      await db.change((tx) =>
        appendAudit(tx, now, {
          type: 'session.killed',
          actor: login.person.id,
          subject: session.id,
          data: { reason, from: request.ip },
        }),
      )
      const why = reason === '' ? '' : `: ${reason}`
      registry.endWhere(
        ({ id }) => id === session.id,
        new PamError('SESSION_KILLED', `the session was ended by ${login.person.label}${why}`, { id: session.id }),
      )
      return toJson(session)
    },
  )

  app.get(
    '/v1/policy/explain',
    { schema: { querystring: z.object({ target: z.string() }), response: { 200: explanationSchema } } },
    async (request) => {
      const { policy, targets } = deps.settings()
      const target = targets.find(({ name }) => name === request.query.target)
      // A target that nothing lets the person know of is answered as one that does not exist.
      const explained = target && explain(policy, request.login().person, target)
      if (explained === undefined || !explained.accessRules.some(({ applies }) => applies)) {
        throw new PamError('TARGET_UNKNOWN', `there is no target "${request.query.target}" for you`, {
          hint: '"pamctl targets" lists yours',
        })
      }
      const { access, ...rest } = explained
      const copy = <T>(items: readonly T[]): T[] => [...items]
      return {
        target: rest.target,
        accessRules: copy(rest.accessRules),
        commands: copy(rest.commands),
        masking: copy(rest.masking),
        ...(access === undefined ? {} : { access }),
      }
    },
  )

  app.get('/v1/keys', { schema: { response: { 200: keysSchema } } }, async () => ({
    items: deps.recordingKeys.map((key) => ({ ...key })),
  }))
}

const toJson = (session: SessionRow): Session => ({
  id: session.id,
  person: session.person,
  target: session.target,
  protocol: session.protocol,
  grantId: session.grantId,
  openedAt: iso(session.openedAt),
  ...(session.ended === undefined ? {} : { ended: { ...session.ended, at: iso(session.ended.at) } }),
  commands: session.commands,
})
