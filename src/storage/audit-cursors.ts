import { listAudit } from './audit.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Database, Tx } from './database.ts'
import { PamError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import type { Reader } from './page.ts'

/** How far the chain was sent where. Not a change of state that the chain itself tells. */
export const auditSource = (db: Database) => ({
  after: (seq: number, limit: number): Promise<AuditRecord[]> => listAudit(db.read, {}, { after: seq, limit }),
  async cursor(name: string): Promise<number> {
    const row = await db.read.selectFrom('audit_cursors').select('seq').where('name', '=', name).executeTakeFirst()
    return row?.seq ?? 0
  },
  saveCursor: (name: string, seq: number): Promise<void> => db.change((tx) => saveCursor(tx, { name, seq })),
})

/** Refuses a store that says of some reader to have read entries which the chain does not have: it would miss the ones to come. */
export async function needCursorsWithin(db: Reader, last: number): Promise<void> {
  const rows = await db.selectFrom('audit_cursors').select(['name', 'seq']).execute()
  // SQLite keeps what it is given, whatever the type of the column.
  const wrong = rows.find(({ seq }) => !Number.isSafeInteger(seq) || seq < 0 || seq > last)
  if (wrong === undefined) return
  throw new PamError(
    'STORE_UNAVAILABLE',
    `the store says that "${visible(wrong.name)}" has read the audit chain up to ${visible(String(wrong.seq))}, but its last entry is ${last}`,
    {
      side: 'gateway',
      hint: 'somebody else wrote to the store, or only a part of it was restored: keep a copy, find out, and remove this row of audit_cursors, so that everything is sent again',
    },
  )
}

export async function saveCursor(tx: Tx, row: { readonly name: string; readonly seq: number }): Promise<void> {
  await tx
    .insertInto('audit_cursors')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute()
}
