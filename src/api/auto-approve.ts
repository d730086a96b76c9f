import { autoVerdict, type AutoVerdict } from '../access/auto-approve.ts'
import { peopleDecide, type Grant } from '../access/grant.ts'
import { approveByRule, type AccessRequest } from '../access/request.ts'
import { auditedTargets, targetNames } from '../access/requested-targets.ts'
import { describeAutomatic, type Automatic } from '../access/review.ts'
import type { AccessRule } from '../policy/policy.ts'
import { appendAudit, listAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { grantsFor, saveGrant } from '../storage/grants.ts'
import { listRequests, requestsById, saveRequest } from '../storage/requests.ts'

/**
 * What may approve a request now in place of its approvers, or why it is people who decide: the rules, and what has happened between the person and
 * these targets. Locks and sign-ins are for the caller to look at.
 * @param rules Those that the request stands on, as they are now; one for each target, in their order
 */
export async function verdictNow(
  tx: Tx,
  request: AccessRequest,
  rules: readonly AccessRule[],
  now: number,
): Promise<AutoVerdict> {
  const verdict = autoVerdict(request, rules, now)
  if (verdict.type !== 'approve' && verdict.type !== 'ask') return verdict
  const why = await obstacle(tx, request, now)
  return why === undefined ? verdict : { type: 'people', why }
}

async function obstacle(tx: Tx, request: AccessRequest, now: number): Promise<string | undefined> {
  const [last] = await listAudit(tx, {}, { before: undefined, limit: 1 })
  if (last !== undefined && Date.parse(last.at) > now + CLOCK_TOLERANCE_MS)
    return "the gateway's clock was set back, so no rule is applied that asks for the time"
  for (const target of targetNames(request)) {
    const grants = await grantsFor(tx, request.requester.id, target)
    const why = peopleDecide(grants, await lastApprovalOf(tx, grants), now)
    if (why !== undefined) return why
  }
  const denied = await listRequests(tx, { personId: request.requester.id, state: 'denied' }, { limit: MAX_DENIED })
  const denial = denied.find(
    (other) =>
      (other.decisions.at(-1)?.at ?? 0) > now - DENIAL_LASTS_MS &&
      targetNames(other).some((name) => targetNames(request).includes(name)),
  )
  return denial && `${denial.id} was denied by ${denial.decisions.at(-1)?.label ?? 'somebody'} within the last day`
}

/** When people last approved one of the requests that these came from. */
async function lastApprovalOf(tx: Tx, grants: readonly Grant[]): Promise<number | undefined> {
  if (grants.every(({ revoked }) => revoked === undefined)) return undefined
  const ids = grants.flatMap(({ requestId, automatic }) =>
    requestId === undefined || automatic !== undefined ? [] : [requestId],
  )
  const times = [...(await requestsById(tx, ids)).values()].map(({ decisions }) => decisions.at(-1)?.at ?? 0)
  return times.reduce<number | undefined>((last, at) => Math.max(last ?? 0, at), undefined)
}

/** Approves, with all that an approval by a person leaves behind. Throws where the request no longer waits. */
export async function recordAutomatic(
  tx: Tx,
  pending: AccessRequest,
  automatic: Automatic,
  { now, comment }: { readonly now: number; readonly comment: string },
): Promise<{ readonly request: AccessRequest; readonly grants: readonly Grant[] }> {
  const { request, grants } = approveByRule(pending, automatic, { now, comment })
  await saveRequest(tx, request)
  await appendAudit(tx, now, {
    type: 'request.approved',
    actor: 'gateway',
    subject: request.id,
    data: {
      ...auditedTargets(request),
      state: request.state,
      verdict: 'approve',
      comment,
      approver: describeAutomatic(automatic),
      automatic: { ...automatic, rules: [...automatic.rules] },
    },
  })
  for (const grant of grants) {
    await saveGrant(tx, grant)
    await appendAudit(tx, now, {
      type: 'grant.created',
      actor: 'gateway',
      subject: grant.id,
      data: {
        person: grant.person.id,
        target: grant.target,
        request: request.id,
        startsAt: grant.startsAt,
        endsAt: grant.endsAt,
        approver: describeAutomatic(automatic),
      },
    })
  }
  return { request, grants }
}

/** How much later than now the last entry of the audit chain may be: changes that wait for each other are out of order by moments. */
const CLOCK_TOLERANCE_MS = 60_000
/** A person's denial counts for as long against what would approve the next request for the same target without one. */
const DENIAL_LASTS_MS = 86_400_000
const MAX_DENIED = 200
