import type { Approval } from '../access/approval.ts'
import type { AccessRequest } from '../access/request.ts'
import { auditedTargets } from '../access/requested-targets.ts'
import { withdraw } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import { findApprovals, saveApproval } from '../storage/approvals.ts'
import { appendAudit } from '../storage/audit.ts'
import { onlyOne } from '../storage/page.ts'
import { findRequests, saveRequest } from '../storage/requests.ts'
import type { ApiDeps } from './deps.ts'

interface Withdrawing {
  /** Or the beginning of it. */
  readonly id: string
  readonly person: Login['person']
  /** Address of the caller. */
  readonly from: string
}

/**
 * Takes back the caller's own request for access. Of others nothing is told, nor that they are there.
 * @throws PamError NOT_FOUND; ALREADY_DECIDED where it no longer waits
 */
export async function withdrawRequest(
  { id, person, from }: Withdrawing,
  { db, clock, changes }: Pick<ApiDeps, 'db' | 'clock' | 'changes'>,
): Promise<AccessRequest> {
  const now = clock.now()
  const withdrawn = await db.change(async (tx) => {
    const changed = withdraw(onlyOne(ownedBy(person, await findRequests(tx, id)), id), person.id, now)
    await saveRequest(tx, changed)
    await appendAudit(tx, now, {
      type: 'request.withdrawn',
      actor: person.id,
      subject: changed.id,
      data: { ...auditedTargets(changed), from },
    })
    return changed
  })
  changes.changed(withdrawn.id)
  return withdrawn
}

/**
 * Takes back the caller's own command that is held: it does not run, and its client is told so.
 * @throws PamError NOT_FOUND; ALREADY_DECIDED where it no longer waits
 */
export async function withdrawApproval(
  { id, person, from }: Withdrawing,
  { db, clock, changes, registry }: Pick<ApiDeps, 'db' | 'clock' | 'changes' | 'registry'>,
): Promise<Approval> {
  const now = clock.now()
  const withdrawn = await db.change(async (tx) => {
    const changed = withdraw(onlyOne(ownedBy(person, await findApprovals(tx, id)), id), person.id, now)
    await saveApproval(tx, changed)
    const { sessionId: session, target, rule, digest } = changed
    await appendAudit(tx, now, {
      type: 'approval.withdrawn',
      actor: person.id,
      subject: changed.id,
      data: { session, target, rule, digest, from },
    })
    return changed
  })
  changes.changed(withdrawn.id)
  registry.decided(withdrawn)
  return withdrawn
}

const ownedBy = <R extends AccessRequest | Approval>(person: Login['person'], found: readonly R[]): R[] =>
  found.filter(({ requester }) => requester.id === person.id)
