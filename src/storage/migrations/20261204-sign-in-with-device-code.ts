import type { Kysely, Migration } from 'kysely'

/** Sign-ins of command lines with SAML: device codes that wait for a browser, and the refresh tokens that follow. */
export const signInWithDeviceCode: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('device_codes')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('user_code', 'text', (column) => column.notNull().unique())
      .addColumn('provider', 'text', (column) => column.notNull())
      .addColumn('thumbprint', 'text', (column) => column.notNull())
      .addColumn('device', 'text')
      .addColumn('address', 'text', (column) => column.notNull())
      .addColumn('fresh', 'bigint', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .addColumn('interval', 'bigint', (column) => column.notNull())
      .addColumn('polled_at', 'bigint')
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('saml_session', 'text')
      .execute()
    await db.schema.createIndex('device_codes_address').on('device_codes').columns(['address']).execute()
    await db.schema
      .createTable('refresh_families')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('saml_session', 'text', (column) => column.notNull())
      .addColumn('thumbprint', 'text', (column) => column.notNull())
      .addColumn('current', 'text', (column) => column.notNull())
      .addColumn('previous', 'text')
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .execute()
  },
}
