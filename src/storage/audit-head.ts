import type { Kysely, Transaction } from 'kysely'
import type { AuditHead } from '../recording/audit-chain.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Tables } from './schema.ts'

/** Signs the head with the gateway's key. */
export type SignHead = (head: AuditHead) => { readonly key: string; readonly signature: string }

export async function auditHead(
  db: Kysely<Tables>,
): Promise<(AuditHead & { readonly signature: string | null }) | undefined> {
  const [head] = await lastEntry(db, {})
  return head
}

const lastEntry = compiledOnce([], (db) =>
  db
    .selectFrom('audit')
    .select(['seq', 'hash', 'signature'])
    // SQLite keeps what it is given: a text or a blob, which anybody with the file can put there, sorts behind every number.
    .where('seq', '<=', Number.MAX_SAFE_INTEGER)
    .orderBy('seq', 'desc')
    .limit(1),
)

/** At the end of each change, within its transaction. */
export async function signAuditHead(tx: Transaction<Tables>, sign: SignHead): Promise<void> {
  const head = await auditHead(tx)
  if (head === undefined || head.signature !== null) return
  const { key, signature } = sign({ seq: head.seq, hash: head.hash })
  await saveSignature(tx, { key, signature, seq: head.seq })
}

const saveSignature = compiledOnce<{ key: string; signature: string; seq: number }, unknown>(
  ['key', 'signature', 'seq'],
  (db, { key, signature, seq }) => db.updateTable('audit').set({ key, signature }).where('seq', '=', seq),
)
