import { blocksStanding, grantState, isDue, type Grant } from '../access/grant.ts'
import { compiledOnce } from './compiled-once.ts'
import type { Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import type { GrantTable } from './schema.ts'

export async function saveGrant(tx: Tx, grant: Grant): Promise<void> {
  const row: GrantTable = {
    id: grant.id,
    person_id: grant.person.id,
    person_kind: grant.person.kind,
    person_label: grant.person.label,
    target: grant.target,
    rule: grant.rule,
    reason: grant.reason,
    request_id: grant.requestId ?? null,
    starts_at: grant.startsAt,
    ends_at: grant.endsAt,
    revoked: grant.revoked === undefined ? null : JSON.stringify(grant.revoked),
    allowed_again_at: grant.allowedAgainAt ?? null,
    break_glass: grant.breakGlass ?? null,
    automatic:
      grant.automatic === undefined
        ? null
        : JSON.stringify({ ...grant.automatic, ...(grant.unconfirmed === true ? { unconfirmed: true } : {}) }),
  }
  await tx
    .insertInto('grants')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

export async function findGrants(db: Reader, prefix: string): Promise<Grant[]> {
  const rows = await byId(prefix, (operator, value) =>
    operator === '='
      ? grantOf(db, { id: value })
      : db.selectFrom('grants').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(fromRow)
}

const grantOf = compiledOnce<{ id: string }, GrantTable>(['id'], (db, { id }) =>
  db.selectFrom('grants').selectAll().where('id', '=', id),
)

/** The person's current grant for a target that ends last; what was taken in an emergency is apart. */
export const activeGrant = (db: Reader, personId: string, target: string, now: number): Promise<Grant | undefined> =>
  lastActive(db, personId, target, now, ({ breakGlass }) => breakGlass === undefined)

/** The person's current access to a target that was taken in an emergency. */
export const activeBreakGlass = (
  db: Reader,
  personId: string,
  target: string,
  now: number,
): Promise<Grant | undefined> => lastActive(db, personId, target, now, ({ breakGlass }) => breakGlass !== undefined)

async function lastActive(
  db: Reader,
  personId: string,
  target: string,
  now: number,
  isOfKind: (grant: Grant) => boolean,
): Promise<Grant | undefined> {
  const rows = await grantsFor(db, personId, target)
  return rows
    .filter((grant) => isOfKind(grant) && grantState(grant, now) === 'active')
    .toSorted((a, b) => b.endsAt - a.endsAt)[0]
}

/** A revoked standing grant that keeps a new one from being made. */
export async function standingBlock(db: Reader, personId: string, target: string): Promise<Grant | undefined> {
  return (await grantsFor(db, personId, target)).find(blocksStanding)
}

/** The same for all targets for which the person has no other grant now. */
export async function standingBlocks(db: Reader, personId: string, now: number): Promise<Grant[]> {
  const rows = await db
    .selectFrom('grants')
    .selectAll()
    .where('person_id', '=', personId)
    .where('revoked', 'is not', null)
    .where('request_id', 'is', null)
    .where('allowed_again_at', 'is', null)
    .execute()
  const blocks = rows.map(fromRow).filter(blocksStanding)
  const others = await Promise.all(blocks.map(({ target }) => activeGrant(db, personId, target, now)))
  return blocks.filter((_block, index) => others[index] === undefined)
}

/** All that the person has, or had, for a target. */
export async function grantsFor(db: Reader, personId: string, target: string): Promise<Grant[]> {
  return (await grantsOf(db, { personId, target })).map(fromRow)
}

const grantsOf = compiledOnce<{ personId: string; target: string }, GrantTable>(
  ['personId', 'target'],
  (db, { personId, target }) =>
    db.selectFrom('grants').selectAll().where('person_id', '=', personId).where('target', '=', target),
)

/** Those of everybody that begin now, once the rules that approved them have been asked again. */
export async function dueGrants(db: Reader, now: number): Promise<Grant[]> {
  const rows = await db
    .selectFrom('grants')
    .selectAll()
    .where('starts_at', '<=', now)
    .where('ends_at', '>', now)
    .where('revoked', 'is', null)
    .where('automatic', 'like', '%"unconfirmed":true%')
    .execute()
  return rows.map(fromRow).filter((grant) => isDue(grant, now))
}

/** Several at once. */
export async function grantsById(db: Reader, ids: readonly string[]): Promise<ReadonlyMap<string, Grant>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('grants')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute()
  return new Map(rows.map((row) => [row.id, fromRow(row)]))
}

export async function listGrants(
  db: Reader,
  filter: {
    personId?: string | undefined
    activeAt?: number | undefined
    /** Also those that begin later. */
    unendedAt?: number | undefined
  },
  page: Page,
): Promise<Grant[]> {
  let query = db
    .selectFrom('grants')
    .selectAll()
    .where(afterCursor('starts_at', page))
    .orderBy('starts_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.personId !== undefined) query = query.where('person_id', '=', filter.personId)
  if (filter.activeAt !== undefined)
    query = query
      .where('starts_at', '<=', filter.activeAt)
      .where('ends_at', '>', filter.activeAt)
      .where('revoked', 'is', null)
  if (filter.unendedAt !== undefined) query = query.where('ends_at', '>', filter.unendedAt).where('revoked', 'is', null)
  return (await query.execute()).map(fromRow)
}

const fromRow = (row: GrantTable): Grant => ({
  id: row.id,
  person: { id: row.person_id, kind: row.person_kind, label: row.person_label },
  target: row.target,
  rule: row.rule,
  reason: row.reason,
  requestId: row.request_id ?? undefined,
  startsAt: row.starts_at,
  endsAt: row.ends_at,
  revoked: row.revoked === null ? undefined : (JSON.parse(row.revoked) as NonNullable<Grant['revoked']>),
  allowedAgainAt: row.allowed_again_at ?? undefined,
  ...(row.break_glass === null ? {} : { breakGlass: row.break_glass }),
  ...approvalOf(row.automatic),
})

/** What approved it in place of people, and whether that is still to be asked again. */
function approvalOf(json: string | null): Pick<Grant, 'automatic' | 'unconfirmed'> {
  if (json === null) return {}
  const { unconfirmed, ...automatic } = JSON.parse(json) as NonNullable<Grant['automatic']> & Pick<Grant, 'unconfirmed'>
  return { automatic, ...(unconfirmed === true ? { unconfirmed } : {}) }
}
