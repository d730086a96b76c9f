import type { Kysely, Migration } from 'kysely'

/** How many commands of each session were denied and held; and what one person did on one target is found by an index. */
export const countVerdicts: Migration = {
  async up(db: Kysely<unknown>) {
    for (const column of ['denied', 'held'])
      await db.schema
        .alterTable('sessions')
        .addColumn(column, 'bigint', (added) => added.notNull().defaultTo(0))
        .execute()
    await db.schema
      .createIndex('sessions_person')
      .on('sessions')
      .columns(['person_id', 'target', 'opened_at'])
      .execute()
    await db.schema
      .createIndex('approvals_person')
      .on('approvals')
      .columns(['person_id', 'target', 'created_at'])
      .execute()
  },
}
