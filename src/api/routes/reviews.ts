import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Approval } from '../../access/approval.ts'
import type { Grant } from '../../access/grant.ts'
import type { AccessRequest } from '../../access/request.ts'
import { mayNotDecide } from '../../access/review.ts'
import type { Reader } from '../../storage/page.ts'
import { listWaiting } from '../../storage/reviews.ts'
import { decideReview } from '../decide-review.ts'
import type { ApiDeps } from '../deps.ts'
import { beginApproval } from '../passkey-approval.ts'
import { needBrowser } from '../passkey-challenge.ts'
import { provenLogin } from '../proven-login.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { newChallengeSchema, requestOptionsSchema } from '../schemas/passkey.ts'
import type { Grant as GrantJson } from '../schemas/access.ts'
import { decidedSchema, newDecisionSchema, reviewSchema, reviewsSchema } from '../schemas/review.ts'
import { withdrawApproval } from '../withdraw-review.ts'
import { isAbandoned, maySee, reviewerOf, visibleReview } from '../visible-review.ts'
import { ReviewView } from './review-view.ts'
import { grantToJson, nextOf, toPage } from './to-json.ts'

/** What waits for people, and their decisions: requests and held commands alike. */
export const reviewRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock } = deps

  const listQuery = cursorQuery.extend({ visible: z.stringbool().default(false) })
  /** What waits for the caller, oldest first; with `visible` also what they may see and not decide. */
  app.get('/v1/reviews', { schema: { querystring: listQuery, response: { 200: reviewsSchema } } }, async (request) => {
    const login = request.login()
    const now = clock.now()
    const { limit, visible } = request.query
    const isTheirs = (review: AccessRequest | Approval): boolean =>
      visible ? maySee(review, login, deps) : mayNotDecide(review, reviewerOf(login)) === undefined
    const found = await waitingReviews(
      db.read,
      now,
      toPage(request.query),
      // Where the store cannot be written, it says of a command that it waits although its session has ended.
      (review) => !isAbandoned(review, deps.registry) && isTheirs(review),
    )
    const page = found.slice(0, limit)
    const view = new ReviewView(login, now, deps)
    return {
      items: await Promise.all(page.map((review) => view.toJson(review))),
      ...(found.length > limit
        ? nextOf(
            page.map(({ id, createdAt }) => ({ id, at: createdAt })),
            page.length,
          )
        : {}),
    }
  })

  app.get('/v1/reviews/:id', { schema: { params: idParams, response: { 200: reviewSchema } } }, async (request) => {
    const login = request.login()
    const review = await visibleReview(db.read, request.params.id, login, deps)
    return new ReviewView(login, clock.now(), deps).toJson(review)
  })

  app.post(
    '/v1/reviews/:id/decision',
    { schema: { params: idParams, body: newDecisionSchema, response: { 200: decidedSchema } } },
    async (request) => {
      const login = request.login()
      const now = clock.now()
      const { passkey: assertion, ...decision } = request.body
      const passkey = assertion && { sessionId: needBrowser(request.browser, deps), assertion }
      const outcome = await decideReview(request.params.id, login, { ...decision, passkey }, request.ip, deps)
      return {
        review: await new ReviewView(login, now, deps).toJson(outcome.review),
        ...grantsToJson(outcome.grants, now),
      }
    },
  )

  /** The caller's own command that is held. */
  app.post(
    '/v1/reviews/:id/withdraw',
    { schema: { params: idParams, response: { 200: reviewSchema } } },
    async (request) => {
      const login = request.login()
      const asked = { id: request.params.id, person: login.person, from: request.ip }
      const withdrawn = await withdrawApproval(asked, deps)
      return new ReviewView(login, clock.now(), deps).toJson(withdrawn)
    },
  )

  /** What the caller's authenticator is to sign, where the rule asks for a passkey. */
  app.post(
    '/v1/reviews/:id/passkey-challenge',
    { schema: { params: idParams, body: newChallengeSchema, response: { 200: requestOptionsSchema } } },
    async (request) => {
      const { id: loginId } = request.login()
      const sessionId = needBrowser(request.browser, deps)
      return db.change(async (tx) => {
        const login = await provenLogin(tx, loginId, clock.now())
        const review = await visibleReview(tx, request.params.id, login, deps)
        return beginApproval(tx, { review, login, approved: request.body }, { sessionId }, deps)
      })
    },
  )
}

/** Those that `isShown` is true of, oldest first, up to one more than the page has: then there is another page. */
async function waitingReviews(
  db: Reader,
  now: number,
  { limit, after }: ReturnType<typeof toPage>,
  isShown: (review: AccessRequest | Approval) => boolean,
): Promise<readonly (AccessRequest | Approval)[]> {
  const found: (AccessRequest | Approval)[] = []
  for (let from = after; ;) {
    const rows = await listWaiting(db, now, { limit: PAGE, after: from })
    found.push(...rows.filter(isShown))
    const last = rows.at(-1)
    if (rows.length < PAGE || last === undefined || found.length > limit) return found
    from = { at: last.createdAt, id: last.id }
  }
}

/** `grant` is the first of them, as it was before there could be several. */
function grantsToJson(grants: readonly Grant[], now: number): { grant?: GrantJson; grants?: GrantJson[] } {
  const given = grants.map((grant) => grantToJson(grant, now))
  const [grant] = given
  return grant === undefined ? {} : { grant, grants: given }
}

/** Rows looked through at once. */
const PAGE = 200
