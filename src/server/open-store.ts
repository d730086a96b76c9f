import { join } from 'node:path'
import { signAudit } from '../recording/audit-chain.ts'
import { trustedKeys } from '../recording/verify.ts'
import { appendAltered } from '../storage/audit.ts'
import { auditedState, type AuditedState } from '../storage/audited-state.ts'
import { needCursorsWithin } from '../storage/audit-cursors.ts'
import { openSqlite, type Database } from '../storage/database.ts'
import type { SteadyClock } from '../shared/clock.ts'
import { takeClockBack } from '../storage/clock-state.ts'
import { restoreRecordings } from '../storage/restore-recordings.ts'
import { loadKeys, useNextKey, type GatewayKeys } from './keys.ts'
import { gatewayTime, type LatestTime } from './latest-time.ts'

export interface OpenedStore {
  readonly keys: GatewayKeys
  readonly db: Database
  /** The time of the gateway, and where it is kept. */
  readonly clock: SteadyClock
  readonly latestTime: LatestTime
  /** What the audit chain says, read before anything was added to it but `audit.altered`, `clock.corrected` and `recordings.altered`. */
  readonly audited: AuditedState
  /** Sessions whose rows in the table of recordings were not what the chain says. */
  readonly restored: readonly string[]
}

/**
 * The store of this gateway and its keys. Finishes a rotation of the key that was stopped half-way, verifies the audit chain from its
 * first entry, and says in it where it does not hold: the next change would sign what somebody else wrote. Then it makes the table of
 * recordings say what the chain says. Where somebody has said that the time was wrong, what is open ends (`takeClockBack`).
 */
export async function openStore(dataDirectory: string): Promise<OpenedStore> {
  const directory = join(dataDirectory, 'keys')
  let keys: GatewayKeys | undefined
  const db = await openSqlite(join(dataDirectory, 'state.db'), (head) => {
    if (keys === undefined) throw new Error('the store is changed before the signing key is known')
    return signAudit(head, keys.signer)
  })
  try {
    const rotated = await db.read
      .selectFrom('audit')
      .select('subject')
      .where('type', '=', 'key.rotated')
      .orderBy('seq', 'desc')
      .limit(1)
      .executeTakeFirst()
    useNextKey(directory, rotated?.subject)
    const { clock, latestTime, takenBackFrom } = await gatewayTime(dataDirectory, db.read)
    keys = loadKeys(directory, clock)
    const audited = await auditedState(db.read, keys.signer.keyId, trustedKeys(keys.recordingKeys))
    await needCursorsWithin(db.read, audited.last)
    if (audited.altered !== undefined) {
      const data = { last: audited.last, entry: audited.altered.seq, reason: audited.altered.reason }
      await db.change((tx) => appendAltered(tx, clock.now(), data))
    }
    if (takenBackFrom !== undefined) await takeClockBack(db, takenBackFrom, clock.now())
    // Not before that: a stop in between must not leave the time taken back, and what was open in it.
    latestTime.keep(clock.now())
    return { keys, db, clock, latestTime, audited, restored: await restoreRecordings(db, audited, clock.now()) }
  } catch (error) {
    await db.close()
    throw error
  }
}
