import { needCurrent } from '../access/current-rules.ts'
import { autoVerdict } from '../access/auto-approve.ts'
import { beginGrant, isDue, lapse, type Grant } from '../access/grant.ts'
import type { AccessRequest } from '../access/request.ts'
import { decideAccess } from '../policy/decide.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { dueGrants, findGrants, grantsFor, saveGrant } from '../storage/grants.ts'
import { requestsById } from '../storage/requests.ts'
import { isClockBehind, takenSince } from './auto-approve.ts'
import { asSignedIn } from './decide-review.ts'
import type { ApiDeps } from './deps.ts'
import { requestCommand } from '../shared/request-command.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings'>

/**
 * Begins grants that rules approved ahead of their start, where the rules, as they are now, would approve them still; the others lapse. While the clock
 * is behind the audit chain neither happens.
 */
export async function beginGrants({ db, clock, settings }: Deps): Promise<void> {
  if ((await dueGrants(db.read, clock.now())).length === 0) return
  await db.change(async (tx) => {
    const now = clock.now()
    for (const grant of await dueGrants(tx, now)) await settle(tx, grant, now, settings())
  })
}

/**
 * The same of the person's access to one target, for whoever uses it in the moment that it begins: what began.
 * @throws PamError GRANT_REVOKED where it lapsed
 */
export async function beginGrantFor(
  personId: string,
  target: string,
  { db, clock, settings }: Deps,
): Promise<Grant | undefined> {
  const due = (await grantsFor(db.read, personId, target)).find((grant) => isDue(grant, clock.now()))
  if (due === undefined) return undefined
  const grant = await db.change(async (tx) => {
    const now = clock.now()
    const stored = (await findGrants(tx, due.id)).find(({ id }) => id === due.id)
    return stored !== undefined && isDue(stored, now) ? settle(tx, stored, now, settings()) : stored
  })
  if (grant?.revoked?.lapsed === true)
    throw new PamError('GRANT_REVOKED', `your access to ${target} has not begun: ${grant.revoked.reason}`, {
      id: grant.id,
      hint: `request it again: ${requestCommand(target)}`,
    })
  return grant?.revoked === undefined && grant?.unconfirmed === undefined ? grant : undefined
}

async function settle(tx: Tx, grant: Grant, now: number, rules: ReturnType<Deps['settings']>): Promise<Grant> {
  if (await isClockBehind(tx, now)) return grant
  const why = (await whyNot(tx, grant, rules)) ?? (await takenSince(tx, grant, now))
  const settled = why === undefined ? beginGrant(grant) : lapse(grant, why, now)
  await saveGrant(tx, settled)
  await appendAudit(tx, now, {
    type: why === undefined ? 'grant.begun' : 'grant.revoked',
    actor: 'gateway',
    subject: grant.id,
    data: { person: grant.person.id, target: grant.target, ...(why === undefined ? {} : { reason: why }) },
  })
  return settled
}

/** Why the rules would not approve it now, from its start to its end. */
async function whyNot(
  tx: Tx,
  { person, target: name, rule: asked, requestId = '', startsAt, automatic }: Grant,
  { policy, targets, approvalWebhooks }: ReturnType<Deps['settings']>,
): Promise<string | undefined> {
  const whole = (await requestsById(tx, [requestId])).get(requestId)
  if (whole === undefined) return 'its request does not exist'
  const request: AccessRequest = { ...whole, targets: whole.targets.filter((one) => one.name === name) }
  const requester = await asSignedIn(tx, person.id)
  try {
    needCurrent(request, request.length, { policy, targets, requester })
  } catch (error) {
    if (error instanceof PamError) return error.message
    throw error
  }
  const target = targets.find((one) => one.name === name)
  const rule = requester
    .flatMap((one) => (target && decideAccess(policy, one, target)) ?? [])
    .find((one) => one.name === asked)
  if (rule === undefined) return `the rules for ${name} have changed since it was requested`
  const verdict = autoVerdict(request, [rule], startsAt)
  if (verdict.type === 'people') return verdict.why
  const isSame =
    automatic?.by === 'webhook'
      ? verdict.type === 'ask' &&
        verdict.automatic.webhook === automatic.webhook &&
        approvalWebhooks.some((hook) => hook.name === automatic.webhook)
      : verdict.type === 'approve'
  return isSame ? undefined : `rule "${asked}" no longer approves it without people`
}
