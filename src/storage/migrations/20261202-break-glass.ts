import type { Kysely, Migration } from 'kysely'

/** Access that was taken in an emergency, and its review. */
export const keepBreakGlass: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('break_glass')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('person_id', 'text', (column) => column.notNull())
      .addColumn('person_kind', 'text', (column) => column.notNull())
      .addColumn('person_label', 'text', (column) => column.notNull())
      .addColumn('target', 'text', (column) => column.notNull())
      .addColumn('rule', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('length', 'bigint', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('grant_id', 'text')
      .addColumn('ends_at', 'bigint')
      .addColumn('reviewers', 'text', (column) => column.notNull())
      .addColumn('remind_every', 'bigint', (column) => column.notNull())
      .addColumn('reminded_at', 'bigint')
      .addColumn('reviewed', 'text')
      .execute()
    await db.schema.createIndex('break_glass_person').on('break_glass').columns(['person_id', 'created_at']).execute()
    await db.schema.createIndex('break_glass_state').on('break_glass').columns(['state']).execute()
    await db.schema.alterTable('grants').addColumn('break_glass', 'text').execute()
  },
}
