import { autoVerdict, type AutoVerdict } from '../access/auto-approve.ts'
import { peopleDecide, type Grant } from '../access/grant.ts'
import { approveByRule, type AccessRequest } from '../access/request.ts'
import { auditedTargets, targetNames } from '../access/requested-targets.ts'
import { describeAutomatic, type Automatic } from '../access/review.ts'
import type { AccessRule } from '../policy/policy.ts'
import { appendAudit } from '../storage/audit.ts'
import { CLOCK_TOLERANCE_MS, isClockNotedBehind, lastEntryTime } from '../storage/clock-state.ts'
import type { Tx } from '../storage/database.ts'
import { grantsFor, saveGrant } from '../storage/grants.ts'
import type { Reader } from '../storage/page.ts'
import { askedRequests, listRequests, requestsById, saveRequest } from '../storage/requests.ts'

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
  const asker = { person: request.requester.id, targets: targetNames(request), request: request.id }
  const why =
    (await obstacle(tx, asker, now)) ??
    (verdict.type === 'ask' ? await askedTooOften(tx, asker, verdict.automatic, now) : undefined)
  return why === undefined ? verdict : { type: 'people', why }
}

/** Who wants which targets. */
interface Asker {
  readonly person: string
  readonly targets: readonly string[]
  /** The request itself, which does not count against it. */
  readonly request?: string | undefined
}

/** Why people decide on the next request of a person for a target, whatever its rule lets approve it. */
export async function whyPeople(
  db: Reader,
  asker: Asker,
  { name, autoApprove }: AccessRule,
  now: number,
): Promise<string | undefined> {
  const why = await obstacle(db, asker, now)
  if (why !== undefined || autoApprove?.type !== 'webhook') return why
  return askedTooOften(db, asker, { rules: [name], webhook: autoApprove.webhook }, now)
}

async function obstacle(db: Reader, asker: Asker, now: number): Promise<string | undefined> {
  if (await isClockBehind(db, now))
    return "the gateway's clock was set back, so no rule is applied that asks for the time"
  for (const target of asker.targets) {
    const grants = await grantsFor(db, asker.person, target)
    const why = peopleDecide(grants, await lastApprovalOf(db, grants), now)
    if (why !== undefined) return why
  }
  return denialOf(db, asker, now)
}

/** A grant that a rule approved ahead is looked at again: what people have taken from the person since then. */
export async function takenSince(db: Reader, { person, target }: Grant, now: number): Promise<string | undefined> {
  const revoked = (await grantsFor(db, person.id, target)).filter(({ revoked: taken }) => taken !== undefined)
  const why = peopleDecide(revoked, await lastApprovalOf(db, revoked), now)
  return why ?? denialOf(db, { person: person.id, targets: [target] }, now)
}

/** Whether the system's clock shows a time before the last entry of the audit chain, or is on record as behind the gateway's. */
export async function isClockBehind(db: Reader, now: number): Promise<boolean> {
  return ((await lastEntryTime(db)) ?? 0) > now + CLOCK_TOLERANCE_MS || (await isClockNotedBehind(db))
}

async function denialOf(db: Reader, { person, targets }: Asker, now: number): Promise<string | undefined> {
  const denied = await listRequests(db, { personId: person, state: 'denied' }, { limit: MAX_DENIED })
  const denial = denied.find(
    (other) =>
      (other.decisions.at(-1)?.at ?? 0) > now - DENIAL_LASTS_MS &&
      targetNames(other).some((name) => targets.includes(name)),
  )
  return denial && `${denial.id} was denied by ${denial.decisions.at(-1)?.label ?? 'somebody'} within the last day`
}

/** Why a webhook is not asked again: whoever files until it says yes would have it decide at random. */
async function askedTooOften(
  db: Reader,
  { person, request: own }: Asker,
  { rules, webhook = '' }: Pick<Automatic, 'rules' | 'webhook'>,
  now: number,
): Promise<string | undefined> {
  const asked = (await askedRequests(db, person, now - ASKED_LASTS_MS)).filter(
    ({ id, targets, decisions, asking, asked: answered }) =>
      id !== own &&
      (asking?.webhook ?? answered) === webhook &&
      decisions.every(({ automatic }) => automatic === undefined) &&
      targets.some(({ rule }) => rules.includes(rule)),
  )
  if (asked.length < MAX_ASKED) return undefined
  return `the webhook "${webhook}" was asked about ${asked.length} such requests within the last day, and approved none of them`
}

/** When people last approved one of the requests that these came from. */
async function lastApprovalOf(db: Reader, grants: readonly Grant[]): Promise<number | undefined> {
  if (grants.every(({ revoked }) => revoked === undefined)) return undefined
  const ids = grants.flatMap(({ requestId, automatic }) =>
    requestId === undefined || automatic !== undefined ? [] : [requestId],
  )
  const times = [...(await requestsById(db, ids)).values()].map(({ decisions }) => decisions.at(-1)?.at ?? 0)
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

/** A person's denial counts for as long against what would approve the next request for the same target without one. */
const DENIAL_LASTS_MS = 86_400_000
const MAX_DENIED = 200
/** A webhook is asked about so many requests of one person under one rule that it did not approve, within that time. */
const MAX_ASKED = 3
const ASKED_LASTS_MS = 86_400_000
