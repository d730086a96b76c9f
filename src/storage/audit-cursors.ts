import { listAudit } from './audit.ts'
import type { AuditRecord } from '../recording/audit-chain.ts'
import type { Database, Tx } from './database.ts'

/** How far the chain was sent where. Not a change of state that the chain itself tells. */
export const auditSource = (db: Database) => ({
  after: (seq: number, limit: number): Promise<AuditRecord[]> => listAudit(db.read, {}, { after: seq, limit }),
  async cursor(name: string): Promise<number> {
    const row = await db.read.selectFrom('audit_cursors').select('seq').where('name', '=', name).executeTakeFirst()
    return row?.seq ?? 0
  },
  saveCursor: (name: string, seq: number): Promise<void> => db.change((tx) => saveCursor(tx, { name, seq })),
})

export async function saveCursor(tx: Tx, row: { readonly name: string; readonly seq: number }): Promise<void> {
  await tx
    .insertInto('audit_cursors')
    .values(row)
    .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
    .execute()
}
