import type { Approval } from '../access/approval.ts'
import type { Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import { fromReviewRow, toReviewRow } from './review-row.ts'
import type { ApprovalTable } from './schema.ts'

export async function saveApproval(tx: Tx, approval: Approval): Promise<void> {
  const row: ApprovalTable = {
    ...toReviewRow(approval),
    session_id: approval.sessionId,
    target: approval.target,
    rule: approval.rule,
    text: approval.text,
    parameters: JSON.stringify(approval.parameters),
    effect: approval.effect,
    statement: approval.statement ?? null,
    digest: approval.digest,
    created_at: approval.createdAt,
  }
  await tx
    .insertInto('approvals')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findApprovals(db: Reader, prefix: string): Promise<Approval[]> {
  const rows = await byId(prefix, (operator, value) =>
    db.selectFrom('approvals').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(approvalFromRow)
}

/** Several at once. */
export async function approvalsById(db: Reader, ids: readonly string[]): Promise<ReadonlyMap<string, Approval>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('approvals')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute()
  return new Map(rows.map((row) => [row.id, approvalFromRow(row)]))
}

export async function listApprovals(
  db: Reader,
  filter: { state?: Approval['state'] | undefined },
  page: Page,
): Promise<Approval[]> {
  let query = db
    .selectFrom('approvals')
    .selectAll()
    .where(afterCursor('created_at', page))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  return (await query.execute()).map(approvalFromRow)
}

export const approvalFromRow = (row: ApprovalTable): Approval => ({
  ...fromReviewRow(row),
  sessionId: row.session_id,
  target: row.target,
  rule: row.rule,
  text: row.text,
  parameters: JSON.parse(row.parameters) as (string | null)[],
  effect: row.effect,
  ...(row.statement === null ? {} : { statement: row.statement }),
  digest: row.digest,
  createdAt: row.created_at,
})
