import type { Kysely, Migration } from 'kysely'

/** Requests that rules approve without a person. */
export const approveByRule: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('grants').addColumn('automatic', 'text').execute()
    await db.schema.alterTable('requests').addColumn('asking', 'text').execute()
  },
}
