import { sql } from 'kysely'
import type { Approval } from '../access/approval.ts'
import type { AccessRequest } from '../access/request.ts'
import { approvalFromRow } from './approvals.ts'
import type { Database } from './database.ts'
import type { Page, Reader } from './page.ts'
import { requestFromRow } from './requests.ts'
import type { Tables } from './schema.ts'

/** What waits, oldest first, requests and held commands alike; a page at a time. */
export async function listWaiting(db: Reader, now: number, page: Page): Promise<(AccessRequest | Approval)[]> {
  const [requests, approvals] = [
    await pending(db, 'requests', now, page).execute(),
    await pending(db, 'approvals', now, page).execute(),
  ]
  return [...requests.map(requestFromRow), ...approvals.map(approvalFromRow)]
    .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
    .slice(0, page.limit)
}

function pending<Table extends 'requests' | 'approvals'>(db: Reader, table: Table, now: number, page: Page) {
  const { after, limit } = page
  const later = after === undefined ? sql<boolean>`1 = 1` : sql<boolean>`(created_at, id) > (${after.at}, ${after.id})`
  return (db as Database['read'])
    .selectFrom(table as 'requests')
    .selectAll()
    .where('state', '=', 'pending')
    .where('expires_at', '>', now)
    .where(later)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit) as unknown as { execute(): Promise<Tables[Table][]> }
}
