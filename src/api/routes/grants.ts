import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { allowAgain, revokeGrant, type Grant } from '../../access/grant.ts'
import { PamError } from '../../shared/errors.ts'
import { appendAudit } from '../../storage/audit.ts'
import { findGrants, listGrants, saveGrant } from '../../storage/grants.ts'
import { onlyOne } from '../../storage/page.ts'
import { hasRole } from '../authenticate.ts'
import { endBreakGlass } from '../break-glass.ts'
import type { ApiDeps } from '../deps.ts'
import { provenLogin } from '../proven-login.ts'
import { needRole } from '../role-acts.ts'
import { grantSchema, grantsSchema, reasonBody } from '../schemas/access.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { grantToJson, nextOf, toPage } from './to-json.ts'
import { requestCommand } from '../../shared/request-command.ts'

/** Grants: who has what until when, and taking it back. */
export const grantRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock, registry } = deps

  const listQuery = cursorQuery.extend({ all: z.stringbool().default(false), active: z.stringbool().default(false) })
  app.get('/v1/grants', { schema: { querystring: listQuery, response: { 200: grantsSchema } } }, async (request) => {
    const login = request.login()
    const now = clock.now()
    const { all, active, limit } = request.query
    if (all) needRole(login, 'grants.read', deps)
    const filter = { personId: all ? undefined : login.person.id, activeAt: active ? now : undefined }
    const rows = await listGrants(db.read, filter, toPage(request.query))
    return {
      items: rows.map((grant) => grantToJson(grant, now)),
      ...nextOf(
        rows.map(({ id, startsAt }) => ({ id, at: startsAt })),
        limit,
      ),
    }
  })

  app.post(
    '/v1/grants/:id/revoke',
    { schema: { params: idParams, body: reasonBody, response: { 200: grantSchema } } },
    async (request) => {
      const { id: loginId } = request.login()
      const now = clock.now()
      const { reason } = request.body
      const { revoked, by } = await db.change(async (tx) => {
        const login = await provenLogin(tx, loginId, clock.now())
        const mine = (await findGrants(tx, request.params.id)).filter(
          ({ person }) => person.id === login.person.id || hasRole(login, 'operate', deps),
        )
        const found = onlyOne(mine, request.params.id)
        const grant = revokeGrant(found, login.person.label, reason, now, found.person.id === login.person.id)
        await saveGrant(tx, grant)
        if (grant.breakGlass !== undefined) await endBreakGlass(tx, grant.breakGlass, now)
        await appendAudit(tx, now, {
          type: 'grant.revoked',
          actor: login.person.id,
          subject: grant.id,
          data: { target: grant.target, reason, from: request.ip },
        })
        return { revoked: grant, by: login.person.label }
      })
      const why = reason === '' ? '' : `: ${reason}`
      registry.endWhere(
        ({ grantId }) => grantId === revoked.id,
        new PamError('GRANT_REVOKED', `your access to ${revoked.target} was revoked by ${by}${why}`, {
          id: revoked.id,
          hint: whatNext(revoked),
        }),
      )
      return grantToJson(revoked, now)
    },
  )

  app.post('/v1/grants/:id/lift', { schema: { params: idParams, response: { 200: grantSchema } } }, async (request) => {
    const { id: loginId } = request.login()
    const now = clock.now()
    const grant = await db.change(async (tx) => {
      const login = await provenLogin(tx, loginId, clock.now())
      needRole(login, 'grants.allow-again', deps)
      const lifted = allowAgain(onlyOne(await findGrants(tx, request.params.id), request.params.id), now)
      await saveGrant(tx, lifted)
      await appendAudit(tx, now, {
        type: 'grant.allowed-again',
        actor: login.person.id,
        subject: lifted.id,
        data: { target: lifted.target, from: request.ip },
      })
      return lifted
    })
    return grantToJson(grant, now)
  })
}

/** What a new connection would need. */
function whatNext({ id, target, requestId, breakGlass }: Grant): string {
  if (requestId !== undefined) return `a new connection needs another grant: ${requestCommand(target)}`
  return breakGlass === undefined
    ? `new connections are refused until an operator allows it again: pamctl revoke ${id} --lift`
    : 'a new connection needs another grant'
}
