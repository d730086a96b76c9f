import type { Kysely, Migration } from 'kysely'

/** Requests for access that begins later, and for more time. */
export const laterRequests: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('requests').addColumn('starts_at', 'bigint').execute()
    await db.schema.alterTable('requests').addColumn('extends', 'text').execute()
  },
}
