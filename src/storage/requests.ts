import type { AccessRequest } from '../access/request.ts'
import { describeRules, describeTargets } from '../access/requested-targets.ts'
import type { Tx } from './database.ts'
import { afterCursor, byId, type Page, type Reader } from './page.ts'
import { fromReviewRow, toReviewRow } from './review-row.ts'
import type { RequestTable } from './schema.ts'

export async function saveRequest(tx: Tx, request: AccessRequest): Promise<void> {
  const row: RequestTable = {
    ...toReviewRow(request),
    target: describeTargets(request),
    reason: request.reason,
    length: request.length,
    rule: describeRules(request),
    created_at: request.createdAt,
    grant_id: request.targets[0]?.grantId ?? null,
    targets: JSON.stringify(request.targets),
    starts_at: request.startsAt ?? null,
    extends: request.extends === undefined ? null : JSON.stringify(request.extends),
    asking: questionOf(request),
    people: request.people ?? null,
  }
  await tx
    .insertInto('requests')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

/** The webhook that is asked, or was: `{"webhook":"oncall","answered":true}`. */
const questionOf = ({ asking, asked }: AccessRequest): string | null =>
  asking !== undefined
    ? JSON.stringify(asking)
    : asked === undefined
      ? null
      : JSON.stringify({ webhook: asked, answered: true })

export async function findRequests(db: Reader, prefix: string): Promise<AccessRequest[]> {
  const rows = await byId(prefix, (operator, value) =>
    db.selectFrom('requests').selectAll().where('id', operator, value).limit(20).execute(),
  )
  return rows.map(requestFromRow)
}

/** Several at once. */
export async function requestsById(db: Reader, ids: readonly string[]): Promise<ReadonlyMap<string, AccessRequest>> {
  if (ids.length === 0) return new Map()
  const rows = await db
    .selectFrom('requests')
    .selectAll()
    .where('id', 'in', [...new Set(ids)])
    .execute()
  return new Map(rows.map((row) => [row.id, requestFromRow(row)]))
}

export async function listRequests(
  db: Reader,
  filter: { personId?: string | undefined; state?: AccessRequest['state'] | undefined },
  page: Page,
): Promise<AccessRequest[]> {
  let query = db
    .selectFrom('requests')
    .selectAll()
    .where(afterCursor('created_at', page))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
  if (filter.personId !== undefined) query = query.where('person_id', '=', filter.personId)
  if (filter.state !== undefined) query = query.where('state', '=', filter.state)
  return (await query.execute()).map(requestFromRow)
}

/** Those of one person since a time that a webhook was asked about, or is. */
export async function askedRequests(db: Reader, personId: string, since: number): Promise<AccessRequest[]> {
  const rows = await db
    .selectFrom('requests')
    .selectAll()
    .where('person_id', '=', personId)
    .where('created_at', '>', since)
    .where('asking', 'is not', null)
    .execute()
  return rows.map(requestFromRow)
}

export const requestFromRow = (row: RequestTable): AccessRequest => ({
  ...fromReviewRow(row),
  targets: targetsOf(row),
  reason: row.reason,
  length: row.length,
  createdAt: row.created_at,
  ...(row.starts_at === null ? {} : { startsAt: row.starts_at }),
  ...(row.extends === null ? {} : { extends: JSON.parse(row.extends) as NonNullable<AccessRequest['extends']> }),
  ...webhookOf(row.asking),
  ...(row.people === null ? {} : { people: row.people }),
})

function webhookOf(json: string | null): Pick<AccessRequest, 'asking' | 'asked'> {
  if (json === null) return {}
  const { webhook, answered } = JSON.parse(json) as { webhook: string; answered?: boolean }
  return answered === true ? { asked: webhook } : { asking: { webhook } }
}

/** Requests that were made before there could be several have one. */
const targetsOf = ({ targets, target, rule, grant_id }: RequestTable): AccessRequest['targets'] =>
  targets === null
    ? [{ name: target, rule, ...(grant_id === null ? {} : { grantId: grant_id }) }]
    : (JSON.parse(targets) as AccessRequest['targets'])
