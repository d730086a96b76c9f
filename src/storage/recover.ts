import type { Approval } from '../access/approval.ts'
import type { Database, Tx } from './database.ts'
import { saveApproval, listApprovals } from './approvals.ts'
import { appendAudit } from './audit.ts'
import type { Reader } from './page.ts'
import { endSession, listSessions, noteEnded, type SessionEnd } from './sessions.ts'
import { referToPeople, type AccessRequest } from '../access/request.ts'
import { auditedTargets } from '../access/requested-targets.ts'
import { expire, takenBack } from '../access/review.ts'
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
    await withdrawWaiting(tx, () => true, now)
  })
}

/** What a running gateway knows of its sessions. */
export interface LiveSessions {
  /** Whether it is connected, or its end is being put on record. */
  has(id: string): boolean
  /** How a session ended whose end the store could not take. */
  endOf(id: string): SessionEnd | undefined
  /** The store has its end now. */
  noted(id: string): void
}

/**
 * Makes the store true again after it could not be written for a while: sessions that have ended, and the held commands of such. Returns the ids of
 * what is withdrawn. A session is listed as live before its row is written and until its end is, so this takes nothing from a live one.
 */
export async function closeAbandoned(db: Database, live: LiveSessions, now: number): Promise<string[]> {
  const sessions = await listSessions(db.read, { active: true }, { limit: 100_000 })
  const waiting = await waitingApprovals(db.read)
  if (sessions.every(({ id }) => live.has(id)) && waiting.every(({ sessionId }) => live.has(sessionId))) return []
  const ended: string[] = []
  const withdrawn = await db.change(async (tx) => {
    for (const { id, commands, denied, held } of await listSessions(tx, { active: true }, { limit: 100_000 })) {
      if (live.has(id)) continue
      ended.push(id)
      const message = 'the session ended while the store of the gateway could not be written'
      const end = live.endOf(id) ?? { at: now, code: 'STORE_UNAVAILABLE', message, commands, denied, held }
      await noteEnded(tx, id, end, now)
    }
    return withdrawWaiting(tx, ({ sessionId }) => !live.has(sessionId), now)
  })
  for (const id of ended) live.noted(id)
  return withdrawn
}

const waitingApprovals = async (db: Reader): Promise<readonly Approval[]> => [
  ...(await listApprovals(db, { state: 'pending' }, { limit: 100_000 })),
  ...(await listApprovals(db, { state: 'approved' }, { limit: 100_000 })),
]

async function withdrawWaiting(tx: Tx, isDead: (approval: Approval) => boolean, now: number): Promise<string[]> {
  const dead = (await waitingApprovals(tx)).filter(isDead)
  for (const approval of dead) {
    await saveApproval(tx, takenBack(approval, { by: 'the gateway', at: now }))
    await appendAudit(tx, now, {
      type: 'approval.withdrawn',
      actor: 'gateway',
      subject: approval.id,
      data: { session: approval.sessionId, ...auditedTargets(approval) },
    })
  }
  return dead.map(({ id }) => id)
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
