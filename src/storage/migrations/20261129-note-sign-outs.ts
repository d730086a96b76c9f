import type { Kysely, Migration } from 'kysely'

/** When each person last signed out everywhere. */
export const noteSignOuts: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('sign_outs')
      .addColumn('person_id', 'text', (column) => column.primaryKey())
      .addColumn('at', 'bigint', (column) => column.notNull())
      .execute()
  },
}
