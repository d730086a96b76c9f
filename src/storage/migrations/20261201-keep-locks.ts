import type { Kysely, Migration } from 'kysely'

/** Who and what is kept out: it must hold after a restart. */
export const keepLocks: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('locks')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('reason', 'text', (column) => column.notNull())
      .addColumn('by_id', 'text', (column) => column.notNull())
      .addColumn('by_label', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('ends_at', 'bigint')
      .addColumn('lifted', 'text')
      .addColumn('active', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('locks_active').on('locks').columns(['active']).execute()
  },
}
