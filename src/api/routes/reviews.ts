import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import type { Approval } from '../../access/approval.ts'
import type { Grant } from '../../access/grant.ts'
import type { AccessRequest } from '../../access/request.ts'
import { targetNames } from '../../access/requested-targets.ts'
import { mayNotDecide } from '../../access/review.ts'
import type { Login } from '../../identity/login.ts'
import { findGrants } from '../../storage/grants.ts'
import { addPastUse, pastUse, type PastUse } from '../../storage/past-use.ts'
import { listWaiting } from '../../storage/reviews.ts'
import { decideReview } from '../decide-review.ts'
import type { ApiDeps } from '../deps.ts'
import { beginApproval } from '../passkey-approval.ts'
import { needBrowser } from '../passkey-challenge.ts'
import { provenLogin } from '../proven-login.ts'
import { cursorQuery, idParams } from '../schemas/common.ts'
import { newChallengeSchema, requestOptionsSchema } from '../schemas/passkey.ts'
import type { Grant as GrantJson } from '../schemas/access.ts'
import { decidedSchema, newDecisionSchema, reviewSchema, reviewsSchema, type Review } from '../schemas/review.ts'
import { maySee, reviewerOf, visibleReview } from '../visible-review.ts'
import { grantToJson, nextOf, reviewToJson, toPage } from './to-json.ts'

/** What waits for people, and their decisions: requests and held commands alike. */
export const reviewRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const { db, clock } = deps

  const listQuery = cursorQuery.extend({ visible: z.stringbool().default(false) })
  /** What waits for the caller, oldest first; with `visible` also what they may see and not decide. */
  app.get('/v1/reviews', { schema: { querystring: listQuery, response: { 200: reviewsSchema } } }, async (request) => {
    const login = request.login()
    const now = clock.now()
    const { limit, visible } = request.query
    const shown = (review: AccessRequest | Approval): boolean =>
      visible ? maySee(review, login, deps) : mayNotDecide(review, reviewerOf(login)) === undefined
    const found: (AccessRequest | Approval)[] = []
    let { after } = toPage(request.query)
    for (;;) {
      const rows = await listWaiting(db.read, now, { limit: PAGE, after })
      found.push(...rows.filter(shown))
      const last = rows.at(-1)
      if (rows.length < PAGE || last === undefined || found.length > limit) break
      after = { at: last.createdAt, id: last.id }
    }
    const page = found.slice(0, limit)
    const past = new Map<string, Promise<PastUse>>()
    return {
      items: await Promise.all(page.map((review) => toJson(review, login, now, past))),
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
    return toJson(await visibleReview(db.read, request.params.id, login, deps), login, clock.now(), new Map())
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
        review: await toJson(outcome.review, login, now, new Map()),
        ...grantsToJson(outcome.grants, now),
      }
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

  /** `past`: what was found for other reviews of the same answer, by person and target. */
  async function toJson(
    review: AccessRequest | Approval,
    login: Login,
    now: number,
    past: Map<string, Promise<PastUse>>,
  ): Promise<Review> {
    const names = targetNames(review)
    const targets = deps.settings().targets.filter(({ name }) => names.includes(name))
    const lately = addPastUse(await Promise.all(names.map((name) => pastOn(name, review, now, past))))
    if (!('sessionId' in review)) return reviewToJson(review, login, now, { targets, lately })
    const live = deps.registry.find(review.sessionId)
    const grant = live && (await findGrants(db.read, live.grantId))[0]
    // What others are shown of the session, the held command and those before it, is a reading of its record.
    if (review.requester.id !== login.person.id)
      await deps.readings.noteOften(login, 'recording.viewed', review.sessionId, { approval: review.id })
    return reviewToJson(review, login, now, {
      targets,
      held: deps.registry.held(review),
      grant,
      recent: live?.recent(review.id),
      lately,
    })
  }

  function pastOn(
    target: string,
    { requester }: AccessRequest | Approval,
    now: number,
    past: Map<string, Promise<PastUse>>,
  ): Promise<PastUse> {
    const key = JSON.stringify([requester.id, target])
    const asked = past.get(key) ?? pastUse(db.read, requester.id, target, now - LATELY_MS)
    past.set(key, asked)
    return asked
  }
}

/** `grant` is the first of them, as it was before there could be several. */
function grantsToJson(grants: readonly Grant[], now: number): { grant?: GrantJson; grants?: GrantJson[] } {
  const given = grants.map((grant) => grantToJson(grant, now))
  const [grant] = given
  return grant === undefined ? {} : { grant, grants: given }
}

const LATELY_MS = 30 * 86_400_000
/** Rows looked through at once. */
const PAGE = 200
