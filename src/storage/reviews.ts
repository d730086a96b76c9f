import { sql } from 'kysely'
import type { Approval } from '../access/approval.ts'
import type { AccessRequest } from '../access/request.ts'
import { approvalFromRow } from './approvals.ts'
import type { Page, Reader } from './page.ts'
import { requestFromRow } from './requests.ts'

/** What waits, oldest first, requests and held commands alike; a page at a time. */
export async function listWaiting(db: Reader, now: number, page: Page): Promise<(AccessRequest | Approval)[]> {
  const { after, limit } = page
  const later = after === undefined ? sql<boolean>`1 = 1` : sql<boolean>`(created_at, id) > (${after.at}, ${after.id})`
  const requests = await db
    .selectFrom('requests')
    .selectAll()
    .where('state', '=', 'pending')
    .where('expires_at', '>', now)
    .where(later)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  const approvals = await db
    .selectFrom('approvals')
    .selectAll()
    .where('state', '=', 'pending')
    .where('expires_at', '>', now)
    .where(later)
    .orderBy('created_at')
    .orderBy('id')
    .limit(limit)
    .execute()
  return [...requests.map(requestFromRow), ...approvals.map(approvalFromRow)]
    .toSorted((a, b) => a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1))
    .slice(0, limit)
}
