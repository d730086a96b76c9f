import type { Database } from './database.ts'
import { saveApproval, listApprovals } from './approvals.ts'
import { appendAudit } from './audit.ts'
import { endSession, listSessions } from './sessions.ts'
import { referToPeople, type AccessRequest } from '../access/request.ts'
import { auditedTargets } from '../access/requested-targets.ts'
import { expire } from '../access/review.ts'
import { listRequests, saveRequest } from './requests.ts'

/**
 * Makes the store true again after the gateway was stopped: sessions that were open are over, commands that were held have nobody
 * waiting. Which sessions were open the audit chain says, `open`; the table is only made to agree.
 */
export async function recoverSessions(db: Database, open: ReadonlySet<string>, now: number): Promise<void> {
  return db.change(async (tx) => {
    for (const { id, commands, denied, held } of await listSessions(tx, { active: true }, { limit: 100_000 }))
      await endSession(tx, id, {
        at: now,
        code: 'GATEWAY_STOPPED',
        message: 'the gateway stopped while the session was open',
        commands,
        denied,
        held,
      })
    for (const id of open)
      await appendAudit(tx, now, {
        type: 'session.recovered',
        actor: 'gateway',
        subject: id,
        data: { code: 'GATEWAY_STOPPED' },
      })
    for (const state of ['pending', 'approved'] as const) {
      for (const approval of await listApprovals(tx, { state }, { limit: 100_000 })) {
        await saveApproval(tx, { ...approval, state: 'withdrawn' })
        await appendAudit(tx, now, {
          type: 'approval.withdrawn',
          actor: 'gateway',
          subject: approval.id,
          data: { session: approval.sessionId, ...auditedTargets(approval) },
        })
      }
    }
  })
}

/** What a webhook was asked about when the gateway stopped is left to people: its answer, if there was one, is lost. */
export async function referAsked(db: Database, now: number): Promise<void> {
  const isAsked = ({ asking }: AccessRequest): boolean => asking !== undefined
  if (!(await listRequests(db.read, { state: 'pending' }, { limit: 10_000 })).some(isAsked)) return
  return db.change(async (tx) => {
    for (const stored of (await listRequests(tx, { state: 'pending' }, { limit: 10_000 })).filter(isAsked)) {
      const why = 'the gateway stopped while it was asked'
      await saveRequest(tx, referToPeople(stored, why))
      await appendAudit(tx, now, {
        type: 'request.referred',
        actor: 'gateway',
        subject: stored.id,
        data: { ...auditedTargets(stored), webhook: stored.asking?.webhook, why },
      })
    }
  })
}

/** Writes down which requests nobody decided in time; returns their ids. */
export async function expireRequests(db: Database, now: number): Promise<string[]> {
  const waiting = await listRequests(db.read, { state: 'pending' }, { limit: 10_000 })
  if (!waiting.some((request) => expire(request, now).state === 'expired')) return []
  return db.change(async (tx) => {
    const expired = (await listRequests(tx, { state: 'pending' }, { limit: 10_000 })).filter(
      (request) => expire(request, now).state === 'expired',
    )
    for (const request of expired) {
      await saveRequest(tx, { ...request, state: 'expired' })
      await appendAudit(tx, now, {
        type: 'request.expired',
        actor: 'gateway',
        subject: request.id,
        data: auditedTargets(request),
      })
    }
    return expired.map(({ id }) => id)
  })
}
