import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { keepsOut, lockedError } from '../../access/lock.ts'
import type { AccessRequest } from '../../access/request.ts'
import { standingRevoked, type Grant } from '../../access/grant.ts'
import type { Login } from '../../identity/login.ts'
import { decideAccess, decideBreakGlass } from '../../policy/decide.ts'
import type { AccessRule } from '../../policy/policy.ts'
import { describeAccess } from '../../policy/explain.ts'
import { usualPort } from '../../shared/usual-port.ts'
import { findGrants, standingBlocks } from '../../storage/grants.ts'
import { activeLocks } from '../../storage/locks.ts'
import { onlyOne } from '../../storage/page.ts'
import { findRequests, listRequests } from '../../storage/requests.ts'
import { appOrigin } from '../app-hosts.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { fileRequest } from '../new-request.ts'
import { provenLogin } from '../proven-login.ts'
import { withdrawRequest } from '../withdraw-review.ts'
import { newRequestSchema, requestSchema, requestsSchema, targetsSchema } from '../schemas/access.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import type { App } from './app.ts'
import { approversToJson, nextOf, pageOf, requestToJson, toPage } from './to-json.ts'

/** What may I have, and asking for it. */
export const requestRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  targetsRoute(app, deps)
  newRequestRoute(app, deps)
  requestsRoute(app, deps)
  requestRoute(app, deps)
  withdrawRoute(app, deps)
}

function targetsRoute(app: App, deps: ApiDeps): void {
  app.get(
    '/v1/targets',
    { schema: { querystring: cursorQuery, response: { 200: targetsSchema } } },
    async (request) => {
      const { person } = request.login()
      const { policy, targets, apps } = deps.settings()
      const now = deps.clock.now()
      const locks = await activeLocks(deps.db.read, now)
      const blocks = await standingBlocks(deps.db.read, person.id, now)
      const items = targets.flatMap((target) => {
        const emergency = decideBreakGlass(policy, person, target)
        const rule = decideAccess(policy, person, target) ?? emergency
        if (rule === undefined) return []
        const lock = locks.find((one) => keepsOut(one, person.id, target))
        const block = rule.grant === 'standing' ? blocks.find((one) => one.target === target.name) : undefined
        const { name, type, labels } = target
        const { database, hostKeys, hostAuthorities = [] } = target.facts
        const accounts = target.accounts.filter((account) => rule.logins?.includes(account) ?? true)
        return [
          {
            name,
            type,
            labels,
            accounts,
            usualPort: usualPort(name),
            ...(database === undefined ? {} : { database }),
            ...(hostKeys === undefined ? {} : { hostKeys: [...hostKeys] }),
            ...(hostAuthorities.length === 0 ? {} : { hostAuthorities: [...hostAuthorities] }),
            ...(target.isApp && apps !== undefined ? { appUrl: appOrigin(name, deps) } : {}),
            access: describeAccess(rule),
            rule: rule.name,
            ...(rule.approvers === undefined ? {} : { approvers: approversToJson(rule.approvers) }),
            grant: rule.grant,
            longestMs: rule.maxDuration,
            reasonRequired: rule.grant !== 'standing' && rule.reason === 'required',
            ...breakGlassOf(emergency),
            ...(lock === undefined ? {} : { locked: lockedError(lock).message }),
            ...(block === undefined ? {} : { revoked: standingRevoked(block).message }),
          },
        ]
      })
      return pageOf(items, ({ name }) => name, request.query)
    },
  )
}

const breakGlassOf = (rule: AccessRule | undefined) =>
  rule?.breakGlass === undefined
    ? {}
    : {
        breakGlass: {
          longestMs: rule.maxDuration,
          minReason: rule.breakGlass.minReason,
          access: describeAccess(rule),
        },
      }

function newRequestRoute(app: App, deps: ApiDeps): void {
  app.post(
    '/v1/requests',
    { schema: { body: newRequestSchema, response: { 201: requestSchema } } },
    async (request, reply) => {
      const { request: filed, skipped, grants } = await fileRequest(request.login(), request.body, request.ip, deps)
      const told = skipped.length === 0 ? {} : { skipped: [...skipped] }
      return reply.status(201).send({ ...requestToJson(filed, grants[0], filed.createdAt), ...told })
    },
  )
}

function requestsRoute(app: App, deps: ApiDeps): void {
  const { db, clock } = deps
  const listQuery = cursorQuery.extend({ mine: z.stringbool().default(false) })
  app.get(
    '/v1/requests',
    { schema: { querystring: listQuery, response: { 200: requestsSchema } } },
    async (request) => {
      const login = request.login()
      const personId = hasRole(login, 'audit', deps) && !request.query.mine ? undefined : login.person.id
      const rows = await listRequests(db.read, { personId }, toPage(request.query))
      const now = clock.now()
      const items = rows.map((row) => requestToJson(row, undefined, now))
      return {
        items,
        ...nextOf(
          rows.map(({ id, createdAt }) => ({ id, at: createdAt })),
          request.query.limit,
        ),
      }
    },
  )
}

function requestRoute(app: App, deps: ApiDeps): void {
  const { db, clock } = deps
  const waitQuery = z.object({ waitMs: z.coerce.number().int().min(0).max(30_000).default(0) })
  app.get(
    '/v1/requests/:id',
    { schema: { params: idParams, querystring: waitQuery, response: { 200: requestSchema } } },
    async (request) => {
      const login = request.login()
      let found = await visibleRequest(request.params.id, login, deps)
      const { id } = found
      if (found.state === 'pending' && request.query.waitMs > 0) {
        // The wait may outlive the proof of the identity.
        const look = async (): Promise<AccessRequest> =>
          visibleRequest(id, await provenLogin(db.read, login.id, clock.now()), deps)
        found = await deps.changes.next(id, request.query.waitMs, look, ({ state }) => state !== 'pending')
      }
      return requestToJson(found, await grantOf(found, deps), clock.now())
    },
  )
}

function withdrawRoute(app: App, deps: ApiDeps): void {
  app.post(
    '/v1/requests/:id/withdraw',
    { schema: { params: idParams, response: { 200: requestSchema } } },
    async (request) => {
      const { person } = request.login()
      const withdrawn = await withdrawRequest({ id: request.params.id, person, from: request.ip }, deps)
      return requestToJson(withdrawn, undefined, deps.clock.now())
    },
  )
}

async function visibleRequest(id: string, login: Login, deps: ApiDeps): Promise<AccessRequest> {
  const found = await findRequests(deps.db.read, id)
  const visible = found.filter(
    ({ requester, approvers }) =>
      requester.id === login.person.id ||
      approvers.groups.some((group) => login.person.groups.includes(group)) ||
      hasRole(login, 'audit', deps),
  )
  return onlyOne(visible, id)
}

async function grantOf({ targets: [first] }: AccessRequest, { db }: ApiDeps): Promise<Grant | undefined> {
  return first?.grantId === undefined ? undefined : (await findGrants(db.read, first.grantId))[0]
}
