import type { Kysely, Migration } from 'kysely'

/** Sign-ins with SAML: identity is proven by them again, and the provider's logout ends them. Which provider signed in a browser. */
export const trackSamlSessions: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('saml_sessions')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('provider', 'text', (column) => column.notNull())
      .addColumn('name_id', 'text', (column) => column.notNull())
      .addColumn('session_index', 'text')
      .addColumn('request_id', 'text')
      .addColumn('person_id', 'text', (column) => column.notNull())
      .addColumn('person_label', 'text', (column) => column.notNull())
      .addColumn('groups', 'text', (column) => column.notNull())
      .addColumn('email', 'text')
      .addColumn('auth_time', 'bigint')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('ends_at', 'bigint', (column) => column.notNull())
      .addColumn('ended_at', 'bigint')
      .addColumn('login_id', 'text')
      .addColumn('handle', 'text')
      .execute()
    await db.schema.createIndex('saml_sessions_name').on('saml_sessions').columns(['provider', 'name_id']).execute()
    await db.schema.createIndex('saml_sessions_login').on('saml_sessions').columns(['login_id']).execute()
    await db.schema.createIndex('saml_sessions_handle').on('saml_sessions').columns(['handle']).execute()
    await db.schema.alterTable('web_sessions').addColumn('provider', 'text').execute()
  },
}
