import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import type { Approval } from '../../access/approval.ts'
import type { Grant } from '../../access/grant.ts'
import { decideRequest, type AccessRequest } from '../../access/request.ts'
import { decide, expire, mayNotDecide, type Reviewer } from '../../access/review.ts'
import type { Login } from '../../identity/login.ts'
import { PamError } from '../../shared/errors.ts'
import { findApprovals, listApprovals, saveApproval } from '../../storage/approvals.ts'
import { appendAudit } from '../../storage/audit.ts'
import type { Tx } from '../../storage/database.ts'
import { saveGrant } from '../../storage/grants.ts'
import { onlyOne, type Reader } from '../../storage/page.ts'
import { findRequests, listRequests, saveRequest } from '../../storage/requests.ts'
import { hasRole } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { idParams } from '../schemas/common.ts'
import { decidedSchema, newDecisionSchema, reviewSchema, reviewsSchema, type Review } from '../schemas/review.ts'
import { grantToJson, reviewToJson } from './to-json.ts'

/** What waits for people, and their decisions: requests and held commands alike. */
export const reviewRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock } = deps

  app.get('/v1/reviews', { schema: { response: { 200: reviewsSchema } } }, async (request) => {
    const login = request.login()
    const now = clock.now()
    const page = { limit: MOST_SHOWN }
    const waiting = [
      ...(await listRequests(db.read, { state: 'pending' }, page)),
      ...(await listApprovals(db.read, { state: 'pending' }, page)),
    ].filter(
      (review) => expire(review, now).state === 'pending' && mayNotDecide(review, reviewerOf(login)) === undefined,
    )
    return {
      items: waiting.toSorted((a, b) => a.createdAt - b.createdAt).map((review) => toJson(review, login, now)),
    }
  })

  app.get('/v1/reviews/:id', { schema: { params: idParams, response: { 200: reviewSchema } } }, async (request) => {
    const login = request.login()
    return toJson(await visibleReview(db.read, request.params.id, login), login, clock.now())
  })

  app.post(
    '/v1/reviews/:id/decision',
    { schema: { params: idParams, body: newDecisionSchema, response: { 200: decidedSchema } } },
    async (request) => {
      const login = request.login()
      const now = clock.now()
      const time = { now, recentSignIn: deps.settings().recentSignIn }
      const { verdict, comment, lengthMs, digest } = request.body
      const outcome = await db.change(async (tx) => {
        const review = await visibleReview(tx, request.params.id, login)
        if ('sessionId' in review) {
          // An approval covers what was shown, so whoever approves names what they were shown.
          if (verdict === 'approve' && digest !== review.digest) {
            throw new PamError('APPROVAL_VOID', 'what you approve is not what is held: look at it again', {
              id: review.id,
            })
          }
          const decided = decide(review, reviewerOf(login), { verdict, comment }, time)
          await saveApproval(tx, decided)
          await auditDecision(tx, now, decided, login, { verdict, comment, from: request.ip })
          return { review: decided, grant: undefined }
        }
        const { request: decided, grant } = decideRequest(
          review,
          reviewerOf(login),
          { verdict, comment, length: lengthMs },
          time,
        )
        await saveRequest(tx, decided)
        await auditDecision(tx, now, decided, login, { verdict, comment, from: request.ip })
        if (grant !== undefined) await recordGrant(tx, now, grant, login)
        return { review: decided, grant }
      })
      deps.changes.changed(outcome.review.id)
      if ('sessionId' in outcome.review) deps.registry.decided(outcome.review)
      return {
        review: toJson(outcome.review, login, now),
        ...(outcome.grant === undefined ? {} : { grant: grantToJson(outcome.grant, now) }),
      }
    },
  )

  function toJson(review: AccessRequest | Approval, login: Login, now: number): Review {
    return reviewToJson(review, login, now, 'sessionId' in review ? deps.registry.held(review) : undefined)
  }

  async function visibleReview(reader: Reader, id: string, login: Login): Promise<AccessRequest | Approval> {
    const found = [...(await findRequests(reader, id)), ...(await findApprovals(reader, id))]
    const visible = found.filter(
      (review) =>
        review.requester.id === login.person.id ||
        review.approvers.groups.some((group) => login.person.groups.includes(group)) ||
        hasRole(login, 'audit', deps),
    )
    return onlyOne(visible, id)
  }
}

const reviewerOf = (login: Login): Reviewer => ({ ...login.person, authTime: login.authTime })

const auditDecision = (
  tx: Tx,
  now: number,
  review: AccessRequest | Approval,
  login: Login,
  { verdict, comment, from }: { readonly verdict: string; readonly comment: string; readonly from: string },
): Promise<void> =>
  appendAudit(tx, now, {
    type: `${'sessionId' in review ? 'approval' : 'request'}.${verdict === 'approve' ? 'approved' : 'denied'}`,
    actor: login.person.id,
    subject: review.id,
    data: { target: review.target, comment, state: review.state, login: login.id, from },
  })

async function recordGrant(tx: Tx, now: number, grant: Grant, login: Login): Promise<void> {
  await saveGrant(tx, grant)
  await appendAudit(tx, now, {
    type: 'grant.created',
    actor: login.person.id,
    subject: grant.id,
    data: { person: grant.person.id, target: grant.target, request: grant.requestId, endsAt: grant.endsAt },
  })
}

const MOST_SHOWN = 500
