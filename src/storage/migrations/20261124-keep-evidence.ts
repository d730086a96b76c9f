import type { Kysely, Migration } from 'kysely'

/** Signatures of the audit chain, what became of each recording, and how far the audit chain was sent where. */
export const keepEvidence: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('audit').addColumn('key', 'text').execute()
    await db.schema.alterTable('audit').addColumn('signature', 'text').execute()
    await db.schema
      .createTable('recordings')
      .addColumn('session_id', 'text', (column) => column.primaryKey())
      .addColumn('target', 'text', (column) => column.notNull())
      .addColumn('file', 'text', (column) => column.notNull())
      .addColumn('opened_at', 'bigint', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('status', 'text')
      .addColumn('tail', 'text')
      .addColumn('events', 'bigint')
      .addColumn('bytes', 'bigint')
      .addColumn('sha256', 'text')
      .addColumn('hash', 'text')
      .addColumn('home', 'text')
      .addColumn('changed_at', 'bigint', (column) => column.notNull())
      .addColumn('legal_hold', 'text')
      .execute()
    await db.schema.createIndex('recordings_state').on('recordings').columns(['state']).execute()
    await db.schema.createIndex('audit_subject').on('audit').columns(['subject']).execute()
    await db.schema.createIndex('audit_type').on('audit').columns(['type']).execute()
    await db.schema
      .createTable('audit_cursors')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('seq', 'bigint', (column) => column.notNull())
      .execute()
  },
}
