import { createHash } from 'node:crypto'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { newId } from '../shared/id.ts'
import type { Database, Tx } from './database.ts'

/** One entry of the audit chain: who did what to what. */
export interface AuditEntry {
  readonly type: string
  /** A person's id, or `gateway`. */
  readonly actor: string
  /** The id of what changed. */
  readonly subject: string
  readonly data: { readonly [key: string]: Json | undefined }
}

/** Appends within the transaction that makes the change. Each entry's hash covers the one before it. */
export async function appendAudit(tx: Tx, now: number, entry: AuditEntry): Promise<void> {
  const last = await tx.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1).executeTakeFirst()
  const row = {
    seq: (last?.seq ?? 0) + 1,
    id: newId('aud'),
    at: now,
    type: entry.type,
    actor: entry.actor,
    subject: entry.subject,
    data: canonicalJson(entry.data),
    previous: last?.hash ?? GENESIS,
  }
  await tx
    .insertInto('audit')
    .values({ ...row, hash: hashOf(row) })
    .execute()
}

/** The seq of the first entry that does not follow from the one before, or undefined: the chain is whole. */
export async function firstBrokenAudit(db: Database): Promise<number | undefined> {
  let previous = GENESIS
  let expected = 1
  for (;;) {
    const rows = await db.read
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>=', expected)
      .orderBy('seq')
      .limit(500)
      .execute()
    if (rows.length === 0) return undefined
    for (const { hash, ...row } of rows) {
      if (row.seq !== expected || row.previous !== previous || hashOf(row) !== hash) return expected
      previous = hash
      expected++
    }
  }
}

const hashOf = (row: { readonly [key: string]: Json }): string =>
  createHash('sha256').update(canonicalJson(row)).digest('hex')

const GENESIS = '0'.repeat(64)
