import type { Kysely, Migration } from 'kysely'

/** Requests and assertions of SAML that were used, until nobody can use them again for their age. */
export const signInWithSaml: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('used_saml_ids')
      .addColumn('name', 'text', (column) => column.primaryKey())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .execute()
  },
}
