import { sql, type Kysely, type Migration } from 'kysely'

/** Users and groups that a directory provisions, where a login comes from, and logouts that a provider has announced. */
export const keepDirectory: Migration = {
  async up(db: Kysely<unknown>) {
    for (const column of ['issuer', 'subject', 'provider_session', 'directory', 'directory_key', 'token_groups'])
      await db.schema.alterTable('logins').addColumn(column, 'text').execute()
    await db.schema.createIndex('logins_directory').on('logins').columns(['directory', 'directory_key']).execute()
    await db.schema.createIndex('logins_subject').on('logins').columns(['issuer', 'subject']).execute()
    await db.schema
      .createIndex('logins_provider_session')
      .on('logins')
      .columns(['issuer', 'provider_session'])
      .execute()
    await db.schema
      .createTable('directory_users')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('user_name', 'text', (column) => column.notNull())
      .addColumn('user_name_key', 'text', (column) => column.notNull())
      .addColumn('external_id', 'text')
      .addColumn('active', 'bigint', (column) => column.notNull())
      .addColumn('attributes', 'text', (column) => column.notNull())
      .addColumn('person_id', 'text')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('changed_at', 'bigint', (column) => column.notNull())
      .addColumn('deleted_at', 'bigint')
      .execute()
    // One living user of a name. Those that were deleted keep theirs.
    await sql`create unique index directory_users_name on directory_users (source, user_name_key) where deleted_at is null`.execute(
      db,
    )
    await sql`create unique index directory_users_external on directory_users (source, external_id) where deleted_at is null`.execute(
      db,
    )
    await db.schema.createIndex('directory_users_person').on('directory_users').columns(['person_id']).execute()
    await db.schema
      .createTable('directory_groups')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('source', 'text', (column) => column.notNull())
      .addColumn('display_name', 'text', (column) => column.notNull())
      .addColumn('display_name_key', 'text', (column) => column.notNull())
      .addColumn('external_id', 'text')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('changed_at', 'bigint', (column) => column.notNull())
      .execute()
    await db.schema
      .createIndex('directory_groups_name')
      .unique()
      .on('directory_groups')
      .columns(['source', 'display_name_key'])
      .execute()
    await db.schema
      .createTable('directory_members')
      .addColumn('group_id', 'text', (column) => column.notNull())
      .addColumn('user_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('directory_members_key', ['group_id', 'user_id'])
      .execute()
    await db.schema.createIndex('directory_members_user').on('directory_members').columns(['user_id']).execute()
    await db.schema
      .createTable('provider_logouts')
      .addColumn('issuer', 'text', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('expires_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('provider_logouts_key', ['issuer', 'kind', 'name'])
      .execute()
  },
}
