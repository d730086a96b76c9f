import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { AccessRequest } from '../../access/request.ts'
import type { LiveSession } from '../../gateway/session-registry.ts'
import type { Login } from '../../identity/login.ts'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { grantsById } from '../../storage/grants.ts'
import { requestsById } from '../../storage/requests.ts'
import { listSessions, type SessionRow } from '../../storage/sessions.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { needRole } from '../role-acts.ts'
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
    denied: z.stringbool().default(false),
    held: z.stringbool().default(false),
    /** Also the text of what runs now in sessions whose recordings the caller may read; which is a reading of them. */
    commands: z.stringbool().default(false),
  })
  app.get(
    '/v1/sessions',
    { schema: { querystring: listQuery, response: { 200: sessionsSchema } } },
    async (request) => {
      const login = request.login()
      const { limit, mine, since, until, active, person, target, protocol, denied, held } = request.query
      const rows = await listSessions(
        db.read,
        {
          personId: maySeeAll(login, deps) && !mine ? undefined : login.person.id,
          active,
          person,
          target,
          protocol,
          denied,
          held,
          since: since === undefined ? undefined : Date.parse(since),
          until: until === undefined ? undefined : Date.parse(until),
        },
        toPage(request.query),
      )
      return {
        items: await toJson(rows, deps, request.query.commands ? await readersText(rows, login, deps) : noText),
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
      if (session.person.id !== login.person.id) needRole(login, 'sessions.end', deps)
      if (!registry.has(session.id))
        throw new PamError('ALREADY_DECIDED', `${session.id} has already ended`, {
          id: session.id,
          hint: 'open sessions: pamctl sessions --active',
        })
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
        new PamError('SESSION_KILLED', `the session was ended by ${login.person.label}${why}`, {
          id: session.id,
          hint: `your access to ${session.target} has not ended: a new connection starts another session`,
        }),
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

/** Whose commands the caller may read. Their own, and auditors all: then their reading is noted. */
async function readersText(
  rows: readonly SessionRow[],
  login: Login,
  deps: ApiDeps,
): Promise<(session: SessionRow) => boolean> {
  const isOwn = ({ person }: SessionRow): boolean => person.id === login.person.id
  if (!hasRole(login, 'audit', deps)) return isOwn
  const others = rows.some((session) => !isOwn(session) && deps.registry.has(session.id))
  if (others) await deps.readings.noteOften(login, 'sessions.watched', 'sessions')
  return () => true
}

const noText = (): boolean => false

const one = async (session: SessionRow, deps: ApiDeps): Promise<Session> =>
  (await toJson([session], deps, noText))[0] as Session

async function toJson(
  sessions: readonly SessionRow[],
  { db, registry }: ApiDeps,
  hasText: (session: SessionRow) => boolean,
): Promise<Session[]> {
  const grants = await grantsById(
    db.read,
    sessions.map(({ grantId }) => grantId),
  )
  const requests = await requestsById(
    db.read,
    [...grants.values()].flatMap(({ requestId }) => requestId ?? []),
  )
  return sessions.map((session) => {
    const live = registry.find(session.id)
    const { commands, denied, held } = live?.tally() ?? session
    const activity = session.ended === undefined ? live?.activity() : undefined
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
      commands,
      denied,
      held,
      ...(grant === undefined ? {} : { grantEndsAt: iso(grant.endsAt), reason: grant.reason }),
      ...approvedBy(requests.get(grant?.requestId ?? '')),
      ...(activity === undefined ? {} : { activity: activityToJson(activity, hasText(session)) }),
    }
  })
}

function approvedBy(request: AccessRequest | undefined): Pick<Session, 'approvedBy'> {
  const approvers = request?.decisions.filter(({ verdict }) => verdict === 'approve').map(({ label }) => label) ?? []
  return approvers.length === 0 ? {} : { approvedBy: approvers }
}

const activityToJson = (
  { state, since, approval, text }: NonNullable<ReturnType<LiveSession['activity']>>,
  hasText: boolean,
): NonNullable<Session['activity']> => ({
  state,
  since: iso(since),
  ...(approval === undefined ? {} : { approval }),
  ...(text === undefined || !hasText ? {} : { text }),
})
