import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { breakGlassPhase, mayNotReview, type BreakGlass } from '../../access/break-glass.ts'
import type { Login } from '../../identity/login.ts'
import { listBreakGlass } from '../../storage/break-glass.ts'
import { closeBreakGlass, maySeeBreakGlass, startBreakGlass, visibleBreakGlass } from '../break-glass.ts'
import { reviewerOf } from '../visible-review.ts'
import type { ApiDeps } from '../deps.ts'
import {
  breakGlassListSchema,
  breakGlassSchema,
  newBreakGlassSchema,
  newReviewSchema,
  type BreakGlass as BreakGlassJson,
} from '../schemas/break-glass.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { iso, nextOf, toPage } from './to-json.ts'

/** Access in an emergency, and its reviews. */
export const breakGlassRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock } = deps

  const listQuery = cursorQuery.extend({ open: z.stringbool().default(false) })
  /** `open`: those that are in use or await a review. */
  app.get(
    '/v1/break-glass',
    { schema: { querystring: listQuery, response: { 200: breakGlassListSchema } } },
    async (request) => {
      const login = request.login()
      const now = clock.now()
      const rows = await listBreakGlass(db.read, { open: request.query.open }, toPage(request.query))
      return {
        items: rows.filter((use) => maySeeBreakGlass(use, login, deps)).map((use) => toJson(use, login, now)),
        ...nextOf(
          rows.map(({ id, createdAt }) => ({ id, at: createdAt })),
          request.query.limit,
        ),
      }
    },
  )

  app.get(
    '/v1/break-glass/:id',
    { schema: { params: idParams, response: { 200: breakGlassSchema } } },
    async (request) => {
      const login = request.login()
      return toJson(await visibleBreakGlass(db.read, request.params.id, login, deps), login, clock.now())
    },
  )

  app.post(
    '/v1/break-glass',
    { schema: { body: newBreakGlassSchema, response: { 201: breakGlassSchema } } },
    async (request, reply) => {
      const login = request.login()
      const { use, announced } = await startBreakGlass(login, request.body, request.ip, deps)
      return reply.status(201).send({ ...toJson(use, login, clock.now()), announced: [...announced] })
    },
  )

  app.post(
    '/v1/break-glass/:id/review',
    { schema: { params: idParams, body: newReviewSchema, response: { 200: breakGlassSchema } } },
    async (request) => {
      const login = request.login()
      const closed = await closeBreakGlass(request.params.id, login, request.body.comment, request.ip, deps)
      return toJson(closed, login, clock.now())
    },
  )
}

function toJson(use: BreakGlass, login: Login, now: number): BreakGlassJson {
  const { id, person, target, rule, reason, createdAt, endsAt, grantId, reviewers, reviewed, state } = use
  const refusal = mayNotReview(use, reviewerOf(login), now)
  return {
    id,
    person,
    target,
    rule,
    reason,
    state: state === 'open' ? (breakGlassPhase(use, now) === 'active' ? 'active' : 'review') : state,
    createdAt: iso(createdAt),
    ...(endsAt === undefined ? {} : { endsAt: iso(endsAt) }),
    ...(grantId === undefined ? {} : { grantId }),
    reviewers: [...reviewers],
    ...(reviewed === undefined
      ? {}
      : { reviewed: { by: reviewed.label, comment: reviewed.comment, at: iso(reviewed.at) } }),
    mayReview: refusal === undefined,
    ...(refusal === undefined ? {} : { whyNot: refusal.message }),
  }
}
