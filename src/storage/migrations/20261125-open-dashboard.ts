import type { Kysely, Migration } from 'kysely'

/** Browsers' sessions, the verified e-mail address of a login, what was sent to webhooks, and where chat messages stand. */
export const openDashboard: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('logins').addColumn('email', 'text').execute()
    await db.schema.createIndex('logins_email').on('logins').columns(['email']).execute()
    await db.schema
      .createTable('web_sessions')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('login_id', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('seen_at', 'bigint', (column) => column.notNull())
      .addColumn('ends_at', 'bigint', (column) => column.notNull())
      .addColumn('refresh', 'text')
      .execute()
    await db.schema.createIndex('web_sessions_login').on('web_sessions').columns(['login_id']).execute()
    await db.schema
      .createTable('deliveries')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('hook', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('subject', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('attempts', 'bigint', (column) => column.notNull())
      .addColumn('answer', 'text')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('next_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('deliveries_due').on('deliveries').columns(['hook', 'state', 'next_at']).execute()
    await db.schema
      .createTable('chat_messages')
      .addColumn('review_id', 'text', (column) => column.primaryKey())
      .addColumn('channel', 'text', (column) => column.notNull())
      .addColumn('ts', 'text', (column) => column.notNull())
      .execute()
    // Lists are walked in this order, a page at a time.
    await db.schema.createIndex('sessions_opened').on('sessions').columns(['opened_at', 'id']).execute()
    await db.schema.createIndex('requests_created').on('requests').columns(['state', 'created_at']).execute()
    await db.schema.createIndex('approvals_created').on('approvals').columns(['state', 'created_at']).execute()
    await db.schema.createIndex('grants_started').on('grants').columns(['starts_at']).execute()
  },
}
