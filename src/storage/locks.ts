import { keepsOut, lockedError, lockState, type Lock, type LockSubject } from '../access/lock.ts'
import { appendAudit } from './audit.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Database, Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import type { LockTable } from './schema.ts'

export async function saveLock(tx: Tx, lock: Lock, now: number): Promise<void> {
  const row: LockTable = {
    id: lock.id,
    subject: JSON.stringify(lock.subject),
    reason: lock.reason,
    by_id: lock.by.id,
    by_label: lock.by.label,
    created_at: lock.createdAt,
    ends_at: lock.endsAt ?? null,
    lifted: lock.lifted === undefined ? null : JSON.stringify(lock.lifted),
    active: lockState(lock, now) === 'active' ? 1 : 0,
  }
  await tx
    .insertInto('locks')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findLocks(db: Reader, prefix: string): Promise<Lock[]> {
  const rows = await byId(prefix, (operator, value) =>
    db.selectFrom('locks').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(fromRow)
}

/** Those that keep somebody out now. */
export async function activeLocks(db: Reader, now: number): Promise<Lock[]> {
  return (await rowsOfActive(db, {})).map(fromRow).filter((lock) => lockState(lock, now) === 'active')
}

const rowsOfActive = compiledOnce<object, LockTable>([], (db) =>
  db.selectFrom('locks').selectAll().where('active', '=', 1).orderBy('created_at').orderBy('id'),
)

/** Throws LOCKED where a lock keeps this person out, or away from this target. */
export async function refuseLocked(
  db: Reader,
  now: number,
  personId: string,
  target?: { readonly name: string; readonly labels: Readonly<Record<string, string>> },
): Promise<void> {
  const lock = (await activeLocks(db, now)).find((one) => keepsOut(one, personId, target))
  if (lock !== undefined) throw lockedError(lock)
}

/** Newest first. */
export async function listLocks(db: Reader, filter: { readonly active: boolean }, page: Page): Promise<Lock[]> {
  let query = db
    .selectFrom('locks')
    .selectAll()
    .where(afterCursor('created_at', page))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.active) query = query.where('active', '=', 1)
  return (await query.execute()).map(fromRow)
}

/** Notes in the audit chain which locks have ended by themselves. */
export async function endLocks(db: Database, now: number): Promise<void> {
  const hasExpired = (lock: Lock): boolean => lockState(lock, now) === 'over'
  if (!(await rowsOfActive(db.read, {})).map(fromRow).some(hasExpired)) return
  await db.change(async (tx) => {
    for (const lock of (await rowsOfActive(tx, {})).map(fromRow).filter(hasExpired)) {
      await saveLock(tx, lock, now)
      await appendAudit(tx, now, { type: 'lock.ended', actor: 'gateway', subject: lock.id, data: lockData(lock) })
    }
  })
}

/** What entries of the audit chain say of a lock. */
export const lockData = ({ subject }: Lock) => ({
  of: subject.type,
  ...(subject.type === 'person' ? { person: subject.id } : {}),
  ...(subject.type === 'target' ? { target: subject.name } : {}),
  ...(subject.type === 'label' ? { label: `${subject.name}=${subject.value}` } : {}),
})

const fromRow = (row: LockTable): Lock => ({
  id: row.id,
  subject: JSON.parse(row.subject) as LockSubject,
  reason: row.reason,
  by: { id: row.by_id, label: row.by_label },
  createdAt: row.created_at,
  endsAt: row.ends_at ?? undefined,
  lifted: row.lifted === null ? undefined : (JSON.parse(row.lifted) as NonNullable<Lock['lifted']>),
})
