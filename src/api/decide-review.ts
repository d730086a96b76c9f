import type { Approval } from '../access/approval.ts'
import type { Grant } from '../access/grant.ts'
import { needCurrent } from '../access/current-rules.ts'
import { describeSubject, keepsOut } from '../access/lock.ts'
import { decideRequest, needShorter, type AccessRequest } from '../access/request.ts'
import { auditedTargets, targetNames } from '../access/requested-targets.ts'
import { decide } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import type { Person } from '../policy/command.ts'
import { PamError } from '../shared/errors.ts'
import { saveApproval } from '../storage/approvals.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { findGrants, saveGrant } from '../storage/grants.ts'
import { activeLocks } from '../storage/locks.ts'
import { lastLoginOf, openLoginsOf } from '../storage/logins.ts'
import { saveRequest } from '../storage/requests.ts'
import type { ApiDeps } from './deps.ts'
import { provenLogin } from './proven-login.ts'
import { notingRefusal, stepUp, takeAnswer, type PasskeyAnswer } from './step-up.ts'
import { needShown, needWaiting, reviewerOf, visibleReview } from './visible-review.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'changes' | 'registry' | 'publicUrl'>

export interface ReviewDecision {
  readonly verdict: 'approve' | 'deny'
  readonly comment: string
  /** Milliseconds; an approver may shorten a grant. */
  readonly lengthMs?: number | undefined
  /** Of what the approver was shown. */
  readonly digest?: string | undefined
  readonly passkey?: PasskeyAnswer | undefined
}

/** One person's decision on a request or a held command, wherever it was made: on the command line, in a browser, in a chat. */
export async function decideReview(
  id: string,
  asking: Pick<Login, 'id' | 'person'>,
  decision: ReviewDecision,
  from: string,
  deps: Deps,
): Promise<{ readonly review: AccessRequest | Approval; readonly grants: readonly Grant[] }> {
  const { verdict, comment, lengthMs, digest } = decision
  const now = deps.clock.now()
  const time = { now, recentSignIn: deps.settings().recentSignIn }
  const noteRefusal = (error: unknown): Promise<never> =>
    notingRefusal(error, { id, login: asking, decision, from }, deps)
  const answer = await takeAnswer(id, asking.id, decision, deps).catch(noteRefusal)
  const deciding = deps.db.change(async (tx) => {
    // Who decides, and their groups, are as they are when the decision is made, not when the call came.
    const login = await provenLogin(tx, asking.id, deps.clock.now())
    const review = await visibleReview(tx, id, login, deps)
    needWaiting(review, deps.registry)
    if (verdict === 'approve') await refuseLockedReview(tx, now, review, deps)
    if (verdict === 'approve') needShown(review, digest)
    const passkey = await stepUp(tx, { review, login, decision }, answer, deps)
    if ('sessionId' in review) {
      const decided = decide(review, reviewerOf(login), { verdict, comment, passkey }, time)
      await saveApproval(tx, decided)
      await auditDecision(tx, now, decided, login, { verdict, comment, passkey, from })
      return { review: decided, grants: [] }
    }
    const extended = review.extends === undefined ? undefined : (await findGrants(tx, review.extends.grant))[0]
    if (verdict === 'approve') needShorter(review, lengthMs)
    const current = verdict === 'approve' ? await needCurrentRequest(tx, review, lengthMs, deps) : review
    const { request: decided, grants } = decideRequest(
      current,
      reviewerOf(login),
      { verdict, comment, passkey, length: lengthMs },
      time,
      extended,
    )
    await saveRequest(tx, decided)
    await auditDecision(tx, now, decided, login, { verdict, comment, passkey, from })
    for (const grant of grants) await recordGrant(tx, now, grant, login, decided)
    return { review: decided, grants }
  })
  const outcome = await deciding.catch(noteRefusal)
  deps.changes.changed(outcome.review.id)
  if ('sessionId' in outcome.review) deps.registry.decided(outcome.review)
  else if (outcome.review.extends !== undefined)
    for (const { id: extended, endsAt } of outcome.grants) deps.registry.extended(extended, endsAt)
  return outcome
}

/** The rules in force must give what was requested; the requester's groups are those of their sign-ins, the last one where none is open. */
async function needCurrentRequest(
  tx: Tx,
  request: AccessRequest,
  length: number | undefined,
  { settings }: Pick<Deps, 'settings'>,
): Promise<AccessRequest> {
  const { policy, targets } = settings()
  const requester = await asSignedIn(tx, request.requester.id)
  return needCurrent(request, length ?? request.length, { policy, targets, requester })
}

/** A person as each of their open sign-ins has them, or the last one where none is open. */
export async function asSignedIn(tx: Tx, personId: string): Promise<readonly Person[]> {
  const open = await openLoginsOf(tx, personId)
  const last = open.length > 0 ? undefined : await lastLoginOf(tx, personId)
  return [...open, ...(last === undefined ? [] : [last])].map(({ person }) => person)
}

/** What is locked is not approved, whoever is kept out: the requester, or everybody from one of the targets. */
export async function refuseLockedReview(
  tx: Tx,
  now: number,
  review: AccessRequest | Approval,
  { settings }: Pick<Deps, 'settings'>,
): Promise<void> {
  const { targets } = settings()
  const asked = targetNames(review).map((name) => targets.find((one) => one.name === name) ?? { name, labels: {} })
  const locks = await activeLocks(tx, now)
  const lock = locks.find((one) => asked.some((target) => keepsOut(one, review.requester.id, target)))
  if (lock === undefined) return
  const { id, subject, reason, by } = lock
  throw new PamError('LOCKED', `${describeSubject(subject)} is locked: ${reason} (locked by ${by.label})`, {
    id,
    hint: `deny it now, or approve it once ${id} is lifted`,
  })
}

const auditDecision = (
  tx: Tx,
  now: number,
  review: AccessRequest | Approval,
  login: Login,
  {
    verdict,
    ...data
  }: {
    readonly verdict: string
    readonly comment: string
    readonly passkey: string | undefined
    readonly from: string
  },
): Promise<void> =>
  appendAudit(tx, now, {
    type: `${'sessionId' in review ? 'approval' : 'request'}.${verdict === 'approve' ? 'approved' : 'denied'}`,
    actor: login.person.id,
    subject: review.id,
    data: { ...auditedTargets(review), state: review.state, login: login.id, ...data },
  })

async function recordGrant(
  tx: Tx,
  now: number,
  grant: Grant,
  login: Login,
  { id, extends: extended }: AccessRequest,
): Promise<void> {
  await saveGrant(tx, grant)
  await appendAudit(tx, now, {
    type: extended === undefined ? 'grant.created' : 'grant.extended',
    actor: login.person.id,
    subject: grant.id,
    data: {
      person: grant.person.id,
      target: grant.target,
      request: id,
      startsAt: grant.startsAt,
      endsAt: grant.endsAt,
    },
  })
}
