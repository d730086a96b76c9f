import { beginGrants } from '../api/begin-grants.ts'
import { remindOfBreakGlass } from '../api/break-glass.ts'
import type { ApiDeps } from '../api/deps.ts'
import { endOverdueWebSessions } from '../api/web-sessions.ts'
import type { Logger } from '../shared/logger.ts'
import { appendAudit } from '../storage/audit.ts'
import { noteClock } from '../storage/clock-state.ts'
import type { Database } from '../storage/database.ts'
import { endLocks } from '../storage/locks.ts'
import { closeAbandoned, expireRequests } from '../storage/recover.ts'
import type { Running } from './running.ts'

/** What time brings about without anybody asking for it: every ten seconds. */
export async function sweep(running: Running, deps: ApiDeps): Promise<void> {
  const { db, clock, registry, logger } = running
  const { changes } = deps
  keepTime(running)
  try {
    await noteClock(db, clock.behind(), clock.now())
    for (const id of await expireRequests(db, clock.now())) changes.changed(id)
    for (const id of await closeAbandoned(db, registry, clock.now())) changes.changed(id)
    await endOverdueWebSessions(deps)
    await endLocks(db, clock.now())
    await beginGrants(deps)
    await remindOfBreakGlass(deps)
  } catch (error) {
    logger.error({ cause: error }, 'sweep.failed')
  }
}

/** A disk that takes nothing ends nothing: the time of this process goes on, and the next start has that of the last entry of the audit chain. */
export function keepTime({ latestTime, clock, logger }: Pick<Running, 'latestTime' | 'clock' | 'logger'>): void {
  try {
    latestTime.keep(clock.now())
  } catch (cause) {
    logger.error({ cause }, 'clock.not_kept')
  }
}

/** Callers who were turned away before anybody knew who they are: once a minute, as sums. */
export async function auditRefusals(db: Database, { refusals, clock }: ApiDeps, logger: Logger): Promise<void> {
  const counts = refusals.take()
  if (counts === undefined) return
  const entry = { type: 'callers.refused' as const, actor: 'gateway', subject: 'callers', data: counts }
  await db
    .change((tx) => appendAudit(tx, clock.now(), entry))
    .catch((error: unknown) => logger.error({ cause: error }, 'refusals.audit_failed'))
}
