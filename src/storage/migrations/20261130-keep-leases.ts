import type { Kysely, Migration } from 'kysely'

/** Credentials that were made for sessions and must be taken back, also after a crash. */
export const keepCredentialLeases: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('credential_leases')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('reference', 'text', (column) => column.notNull())
      .addColumn('account', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute()
  },
}
