import { keepsOut, lockedError } from '../access/lock.ts'
import type { Grant } from '../access/grant.ts'
import { createRequest, duplicateRequest, type AccessRequest } from '../access/request.ts'
import { auditedTargets, describeRules, targetNames } from '../access/requested-targets.ts'
import { expire } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import { decideAccess, decideBreakGlass, isVisible } from '../policy/decide.ts'
import { matchesTarget } from '../policy/match/target.ts'
import type { AccessRule } from '../policy/policy.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { activeGrant, findGrants } from '../storage/grants.ts'
import { activeLocks } from '../storage/locks.ts'
import { onlyOne } from '../storage/page.ts'
import { listRequests, saveRequest } from '../storage/requests.ts'
import { recordAutomatic, verdictNow } from './auto-approve.ts'
import type { ApiDeps } from './deps.ts'
import { provenLogin } from './proven-login.ts'
import { settleByWebhook } from './webhook-approval.ts'
import { MAX_REQUESTED_TARGETS, type NewRequest } from './schemas/access.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'changes' | 'logger' | 'approvalQuestions'>

/** A request that was filed, and the targets that it leaves out because the caller wanted it filed without them. */
export interface FiledRequest {
  readonly request: AccessRequest
  readonly skipped: readonly { readonly target: string; readonly reason: string }[]
  /** Where rules approved it without a person: what came of it. */
  readonly grants: readonly Grant[]
}

/**
 * Files a request for one target, several, or all that have some labels now. A target that cannot be requested refuses the whole, by name, before
 * anything is filed, unless the caller asked to skip such targets.
 * @param from Address of the caller
 */
export async function fileRequest(caller: Login, asked: NewRequest, from: string, deps: Deps): Promise<FiledRequest> {
  const { db, clock, settings } = deps
  const now = clock.now()
  const { reason, lengthMs, startsAt, extends: extended } = asked
  const grant = extended === undefined ? undefined : await ownGrant(extended, caller, deps)
  const outcome = await db.change(async (tx) => {
    // A rule may approve at once: groups are as they are now, not when the call began, whose body may have come slowly.
    const login = await provenLogin(tx, caller.id, clock.now())
    const { person } = login
    const waiting = await waitingRequests(tx, person.id, now)
    const { found, skipped } = await requestable(tx, asked, { login, waiting, now }, deps)
    const [first, ...also] = found
    const request = createRequest(
      {
        requester: { id: person.id, label: person.label, kind: person.kind },
        ...first,
        also,
        reason,
        length: lengthMs,
        startsAt: startsAt === undefined ? undefined : Date.parse(startsAt),
        extends: grant,
      },
      { now, expire: settings().requestExpire },
    )
    if (waiting.length >= MAX_PENDING)
      throw new PamError('RATE_LIMITED', `${MAX_PENDING} of your requests are waiting already`)
    const rules = found.map(({ rule }) => rule)
    const verdict = await verdictNow(tx, request, rules, now)
    const filed: AccessRequest = {
      ...request,
      ...(verdict.type === 'ask' ? { asking: { webhook: verdict.automatic.webhook } } : {}),
      ...(verdict.type === 'people' ? { people: verdict.why } : {}),
    }
    await saveRequest(tx, filed)
    await auditRequest(tx, { request: filed, skipped }, { asked, from })
    if (verdict.type !== 'approve') return { request: filed, skipped, grants: [] }
    return { ...(await recordAutomatic(tx, request, verdict.automatic, { now, comment: '' })), skipped }
  })
  // It is on record before it is asked; whoever filed it does not wait for the answer here.
  if (outcome.request.asking !== undefined) void settleByWebhook(outcome.request, caller, deps)
  return outcome
}

type Requestable = readonly [Found, ...Found[]]
interface Found {
  readonly target: string
  readonly rule: AccessRule
}

interface Problem {
  readonly target: string
  readonly error: PamError
}

interface Asking {
  readonly login: Login
  readonly waiting: readonly AccessRequest[]
  readonly now: number
}

/** What of the targets that are asked for can be requested. Throws unless all can be, or the others are to be skipped. */
async function requestable(
  tx: Tx,
  asked: NewRequest,
  asking: Asking,
  deps: Deps,
): Promise<{ readonly found: Requestable } & Pick<FiledRequest, 'skipped'>> {
  const names = namesOf(asked, asking.login, deps)
  const locks = await activeLocks(tx, asking.now)
  const found: Found[] = []
  const problems: Problem[] = []
  for (const name of names) {
    const one = (await held(tx, name, asked, asking)) ?? look(name, asking, locks, deps)
    if (one instanceof PamError) problems.push({ target: name, error: one })
    else found.push(one)
  }
  const [problem] = problems
  const [first, ...others] = found
  if (problem !== undefined && (names.length === 1 || first === undefined)) throw problem.error
  if (problem !== undefined && asked.skipUnavailable !== true)
    throw new PamError(problem.error.code, `nothing was requested: ${problems.map(explained).join('; ')}`, {
      hint: 'leave these targets out, or request the others with --skip-unavailable',
    })
  if (first === undefined) throw new Error('no target was asked for')
  return {
    found: [first, ...others],
    skipped: problems.map(({ target, error }) => ({ target, reason: error.message })),
  }
}

/** A lock, or another request, stands in the way of more than the target that is asked for; all other errors name it. */
const explained = ({ target, error: { code, message } }: Problem): string =>
  code === 'LOCKED' || code === 'REQUEST_PENDING' ? `${target}: ${message}` : message

/** Each once. Labels stand for the targets that have them now and that the caller may see: of others nothing is told. */
function namesOf({ target, targets, labels }: NewRequest, { person }: Login, { settings }: Deps): readonly string[] {
  const { policy, targets: configured } = settings()
  const names =
    labels === undefined
      ? new Set(targets ?? (target === undefined ? [] : [target]))
      : new Set(
          configured
            .filter((one) => matchesTarget({ labels }, one) && isVisible(policy, person, one))
            .map(({ name }) => name),
        )
  const what = Object.entries(labels ?? {}).map(([label, value]) => `${label}=${value}`)
  if (names.size === 0)
    throw new PamError('TARGET_UNKNOWN', `no target with ${what.join(' and ')} is visible to you`, {
      hint: '"pamctl targets" lists yours',
    })
  if (names.size > MAX_REQUESTED_TARGETS)
    throw new PamError(
      'USAGE',
      `${what.join(' and ')} is on ${names.size} targets; a request is for ${MAX_REQUESTED_TARGETS} at most`,
      { hint: 'give more labels, or name the targets' },
    )
  return [...names]
}

/** The rule by which the caller requests a target, or why they cannot. */
function look(
  name: string,
  { login: { person }, waiting }: Asking,
  locks: Awaited<ReturnType<typeof activeLocks>>,
  { settings }: Deps,
): Found | PamError {
  const { policy, targets } = settings()
  const target = targets.find((one) => one.name === name)
  const rule = target && decideAccess(policy, person, target)
  if (target !== undefined && rule === undefined && decideBreakGlass(policy, person, target) !== undefined)
    return new PamError('NO_ACCESS', `${name} cannot be requested: you have access only in an emergency`, {
      hint: `reviewers, auditors and operators are told, and it is reviewed: pamctl breakglass start ${name} --reason "…"`,
    })
  if (target === undefined || rule === undefined)
    return new PamError('TARGET_UNKNOWN', `no target named "${name}" is visible to you`, {
      hint: '"pamctl targets" lists yours',
    })
  if (rule.approvers === undefined) return new PamError('USAGE', `${name} needs no request: you have standing access`)
  const lock = locks.find((one) => keepsOut(one, person.id, target))
  if (lock !== undefined) return lockedError(lock)
  const twin = waiting.find((other) => targetNames(other).includes(name))
  return twin === undefined ? { target: name, rule } : duplicateRequest(twin)
}

/** ALREADY_GRANTED, where the request is to be filed only without access and there is some. */
async function held(
  tx: Tx,
  name: string,
  { unlessHeld = false }: NewRequest,
  { login: { person }, now }: Asking,
): Promise<PamError | undefined> {
  const grant = unlessHeld ? await activeGrant(tx, person.id, name, now) : undefined
  return (
    grant &&
    new PamError('ALREADY_GRANTED', `you have access to ${name} already`, {
      hint: `for more time: pamctl extend ${name}`,
      id: grant.id,
    })
  )
}

async function waitingRequests(tx: Tx, personId: string, now: number): Promise<AccessRequest[]> {
  const newest = await listRequests(tx, { personId, state: 'pending' }, { limit: MAX_PENDING })
  return newest.filter((other) => expire(other, now).state === 'pending')
}

/** A grant of the caller: of others nothing is told, nor that they are there. */
async function ownGrant(id: string, { person }: Login, { db }: Deps): Promise<Grant> {
  return onlyOne(
    (await findGrants(db.read, id)).filter((grant) => grant.person.id === person.id),
    id,
  )
}

const auditRequest = (
  tx: Tx,
  { request, skipped }: Omit<FiledRequest, 'grants'>,
  { asked: { labels }, from }: { asked: NewRequest; from: string },
): Promise<void> =>
  appendAudit(tx, request.createdAt, {
    type: 'request.created',
    actor: request.requester.id,
    subject: request.id,
    data: {
      ...auditedTargets(request),
      ...(labels === undefined ? {} : { labels }),
      ...(skipped.length === 0 ? {} : { skipped: skipped.map(({ target }) => target) }),
      reason: request.reason,
      lengthMs: request.length,
      rule: describeRules(request),
      people: request.people,
      webhook: request.asking?.webhook,
      startsAt: request.startsAt,
      extends: request.extends?.grant,
      from,
    },
  })

const MAX_PENDING = 20
