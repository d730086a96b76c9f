import type { Database } from './database.ts'

/** Where the message about a review stands in a chat, so that it can be brought up to date. */
export const chatMessages = (db: Database) => ({
  async find(reviewId: string): Promise<{ channel: string; ts: string } | undefined> {
    return db.read
      .selectFrom('chat_messages')
      .select(['channel', 'ts'])
      .where('review_id', '=', reviewId)
      .executeTakeFirst()
  },
  save: (reviewId: string, message: { channel: string; ts: string }): Promise<void> =>
    db.change(async (tx) => {
      const row = { review_id: reviewId, ...message }
      await tx
        .insertInto('chat_messages')
        .values(row)
        .onConflict((conflict) => conflict.column('review_id').doUpdateSet(row))
        .execute()
    }),
})
