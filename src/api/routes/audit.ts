import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { appendAudit, listAudit } from '../../storage/audit.ts'
import { personIds } from '../../storage/logins.ts'
import type { ApiDeps } from '../deps.ts'
import { auditQuery } from '../schemas/recording.ts'
import { needAuditor } from '../visible-session.ts'

/** The audit chain, for auditors. */
export const auditRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock } = deps

  app.get('/v1/audit', { schema: { querystring: auditQuery } }, async (request) => {
    const login = request.login()
    needAuditor(login, deps, 'read the audit chain')
    const { after, limit, since, until, user, target, type } = request.query
    // Said once per reading, not per page: else a reading would never end.
    if (after === 0) {
      await db.change((tx) =>
        appendAudit(tx, clock.now(), {
          type: 'audit.viewed',
          actor: login.person.id,
          subject: 'audit',
          data: { since, until, user, target, type },
        }),
      )
    }
    const actors = user === undefined ? undefined : [user, ...(await personIds(db.read, user))]
    const times = {
      since: since === undefined ? undefined : Date.parse(since),
      until: until === undefined ? undefined : Date.parse(until),
    }
    return { items: await listAudit(db.read, { ...times, actors, target, type }, { after, limit }) }
  })
}
