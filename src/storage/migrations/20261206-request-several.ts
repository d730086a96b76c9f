import type { Kysely, Migration } from 'kysely'

/** Requests for several targets at once. */
export const requestSeveral: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('requests').addColumn('targets', 'text').execute()
  },
}
