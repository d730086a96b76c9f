import type { BreakGlass } from '../access/break-glass.ts'
import type { Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import type { BreakGlassTable } from './schema.ts'

export async function saveBreakGlass(tx: Tx, use: BreakGlass): Promise<void> {
  const row: BreakGlassTable = {
    id: use.id,
    person_id: use.person.id,
    person_kind: use.person.kind,
    person_label: use.person.label,
    target: use.target,
    rule: use.rule,
    reason: use.reason,
    length: use.length,
    created_at: use.createdAt,
    state: use.state,
    grant_id: use.grantId ?? null,
    ends_at: use.endsAt ?? null,
    reviewers: JSON.stringify(use.reviewers),
    remind_every: use.remindEvery,
    reminded_at: use.remindedAt ?? null,
    reviewed: use.reviewed === undefined ? null : JSON.stringify(use.reviewed),
  }
  await tx
    .insertInto('break_glass')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findBreakGlass(db: Reader, prefix: string): Promise<BreakGlass[]> {
  const rows = await byId(prefix, (operator, value) =>
    db.selectFrom('break_glass').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(fromRow)
}

/** The uses of one person that began after this. */
export async function breakGlassOf(db: Reader, personId: string, after: number): Promise<BreakGlass[]> {
  const rows = await db
    .selectFrom('break_glass')
    .selectAll()
    .where('person_id', '=', personId)
    .where('created_at', '>', after)
    .execute()
  return rows.map(fromRow)
}

/** All in one state, oldest first. */
export async function breakGlassIn(db: Reader, state: BreakGlass['state']): Promise<BreakGlass[]> {
  const rows = await db.selectFrom('break_glass').selectAll().where('state', '=', state).orderBy('created_at').execute()
  return rows.map(fromRow)
}

/** Newest first; `open`: those that are in use or whose review is outstanding. */
export async function listBreakGlass(
  db: Reader,
  filter: { readonly open: boolean },
  page: Page,
): Promise<BreakGlass[]> {
  let query = db
    .selectFrom('break_glass')
    .selectAll()
    .where(afterCursor('created_at', page))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.open) query = query.where('state', 'in', ['announcing', 'open'])
  return (await query.execute()).map(fromRow)
}

const fromRow = (row: BreakGlassTable): BreakGlass => ({
  id: row.id,
  person: { id: row.person_id, label: row.person_label, kind: row.person_kind },
  target: row.target,
  rule: row.rule,
  reason: row.reason,
  length: row.length,
  createdAt: row.created_at,
  state: row.state as BreakGlass['state'],
  grantId: row.grant_id ?? undefined,
  endsAt: row.ends_at ?? undefined,
  reviewers: JSON.parse(row.reviewers) as string[],
  remindEvery: row.remind_every,
  remindedAt: row.reminded_at ?? undefined,
  reviewed: row.reviewed === null ? undefined : (JSON.parse(row.reviewed) as NonNullable<BreakGlass['reviewed']>),
})
