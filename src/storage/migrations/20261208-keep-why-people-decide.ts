import type { Kysely, Migration } from 'kysely'

/** Why people decide on a request, although rules may approve such requests without any. */
export const keepWhyPeopleDecide: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('requests').addColumn('people', 'text').execute()
  },
}
