import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { grantsById } from '../../storage/grants.ts'
import { listSessions, type SessionRow } from '../../storage/sessions.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { reasonBody } from '../schemas/access.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { keysSchema, sessionSchema, sessionsSchema, type Session } from '../schemas/session.ts'
import { maySeeAll, visibleSession } from '../visible-session.ts'
import type { App } from './app.ts'
import { iso, nextOf, pageOf, toPage } from './to-json.ts'

/** Sessions: the index, ending one; and the keys that their records are sealed with. */
export const sessionRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  sessionsRoute(app, deps)
  sessionRoute(app, deps)
  killRoute(app, deps)
  keysRoute(app, deps)
}

function sessionsRoute(app: App, deps: ApiDeps): void {
  const { db } = deps
  const listQuery = cursorQuery.extend({
    active: z.stringbool().default(false),
    mine: z.stringbool().default(false),
    person: z.string().max(300).optional(),
    target: z.string().max(100).optional(),
    protocol: z.string().max(50).optional(),
    since: z.iso.datetime().optional(),
    until: z.iso.datetime().optional(),
  })
  app.get(
    '/v1/sessions',
    { schema: { querystring: listQuery, response: { 200: sessionsSchema } } },
    async (request) => {
      const login = request.login()
      const { limit, mine, since, until, active, person, target, protocol } = request.query
      const rows = await listSessions(
        db.read,
        {
          personId: maySeeAll(login, deps) && !mine ? undefined : login.person.id,
          active,
          person,
          target,
          protocol,
          since: since === undefined ? undefined : Date.parse(since),
          until: until === undefined ? undefined : Date.parse(until),
        },
        toPage(request.query),
      )
      return {
        items: await toJson(rows, deps),
        ...nextOf(
          rows.map(({ id, openedAt }) => ({ id, at: openedAt })),
          limit,
        ),
      }
    },
  )
}

function sessionRoute(app: App, deps: ApiDeps): void {
  app.get('/v1/sessions/:id', { schema: { params: idParams, response: { 200: sessionSchema } } }, async (request) =>
    one(await visibleSession(request.params.id, request.login(), deps), deps),
  )
}

function killRoute(app: App, deps: ApiDeps): void {
  const { db, clock, registry } = deps
  app.post(
    '/v1/sessions/:id/kill',
    { schema: { params: idParams, body: reasonBody, response: { 200: sessionSchema } } },
    async (request) => {
      const login = request.login()
      const session = await visibleSession(request.params.id, login, deps)
      if (session.person.id !== login.person.id && !hasRole(login, 'operate', deps)) {
        throw new PamError('NOT_ALLOWED', 'only operators end the sessions of others')
      }
      if (!registry.has(session.id)) throw new PamError('ALREADY_DECIDED', `${session.id} has already ended`)
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
      return one(session, deps)
    },
  )
}

function keysRoute(app: App, deps: ApiDeps): void {
  app.get('/v1/keys', { schema: { querystring: cursorQuery, response: { 200: keysSchema } } }, async (request) =>
    pageOf(
      deps.recordingKeys.map((key) => ({ ...key })),
      ({ from, id }) => `${from} ${id}`,
      request.query,
    ),
  )
}

const one = async (session: SessionRow, deps: ApiDeps): Promise<Session> =>
  (await toJson([session], deps))[0] as Session

async function toJson(sessions: readonly SessionRow[], { db, registry }: ApiDeps): Promise<Session[]> {
  const grants = await grantsById(
    db.read,
    sessions.map(({ grantId }) => grantId),
  )
  return sessions.map((session) => {
    const grant = grants.get(session.grantId)
    const { id, person, target, protocol, grantId, openedAt, ended } = session
    return {
      id,
      person,
      target,
      protocol,
      grantId,
      openedAt: iso(openedAt),
      ...(ended === undefined ? {} : { ended: { ...ended, at: iso(ended.at) } }),
      commands: registry.find(id)?.commands() ?? session.commands,
      ...(grant === undefined ? {} : { grantEndsAt: iso(grant.endsAt), reason: grant.reason }),
    }
  })
}
