import type { Delivery } from '../notify/webhooks.ts'
import { saveCursor } from './audit-cursors.ts'
import type { Database } from './database.ts'
import { afterCursor, type Page, type Reader } from './page.ts'
import type { DeliveryTable } from './schema.ts'

/** What the sender of webhooks keeps. Not a change of state that the audit chain tells: it is told by it. */
export const deliveryStore = (db: Database) => ({
  enqueue: (deliveries: readonly Delivery[], cursor: { readonly name: string; readonly seq: number }): Promise<void> =>
    db.change(async (tx) => {
      if (deliveries.length > 0) await tx.insertInto('deliveries').values(deliveries.map(toRow)).execute()
      await saveCursor(tx, cursor)
    }),
  async due(hook: string, now: number): Promise<Delivery[]> {
    const rows = await db.read
      .selectFrom('deliveries')
      .selectAll()
      .where('hook', '=', hook)
      .where('state', '=', 'waiting')
      .where('next_at', '<=', now)
      .orderBy('next_at')
      .limit(50)
      .execute()
    return rows.map(fromRow)
  },
  save: (delivery: Delivery): Promise<void> =>
    db.change(
      async (tx) =>
        void (await tx.updateTable('deliveries').set(toRow(delivery)).where('id', '=', delivery.id).execute()),
    ),
  async prune(before: number): Promise<void> {
    const old = await db.read
      .selectFrom('deliveries')
      .select('id')
      .where('created_at', '<', before)
      .where('state', '!=', 'waiting')
      .limit(1)
      .executeTakeFirst()
    if (old === undefined) return
    await db.change(
      async (tx) =>
        void (await tx
          .deleteFrom('deliveries')
          .where('created_at', '<', before)
          .where('state', '!=', 'waiting')
          .execute()),
    )
  },
})

/** The channels that have taken what was told of a subject: names of webhooks, and `slack`. */
export async function announcedTo(db: Reader, subject: string, type: string): Promise<string[]> {
  const hooks = await db
    .selectFrom('deliveries')
    .select('hook')
    .where('subject', '=', subject)
    .where('type', '=', type)
    .where('state', '=', 'delivered')
    .execute()
  const chat = await db.selectFrom('chat_messages').select('ts').where('review_id', '=', subject).executeTakeFirst()
  return [...hooks.map(({ hook }) => hook), ...(chat === undefined ? [] : ['slack'])]
}

/** Newest first. */
export async function listDeliveries(db: Reader, page: Page): Promise<Delivery[]> {
  const rows = await db
    .selectFrom('deliveries')
    .selectAll()
    .where(afterCursor('created_at', page))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(page.limit)
    .execute()
  return rows.map(fromRow)
}

const toRow = (delivery: Delivery): DeliveryTable => ({
  id: delivery.id,
  hook: delivery.hook,
  type: delivery.type,
  subject: delivery.subject,
  body: delivery.body,
  state: delivery.state,
  attempts: delivery.attempts,
  answer: delivery.answer ?? null,
  created_at: delivery.createdAt,
  next_at: delivery.nextAt,
})

const fromRow = (row: DeliveryTable): Delivery => ({
  id: row.id,
  hook: row.hook,
  type: row.type,
  subject: row.subject,
  body: row.body,
  state: row.state as Delivery['state'],
  attempts: row.attempts,
  answer: row.answer ?? undefined,
  createdAt: row.created_at,
  nextAt: row.next_at,
})
