import { sql, type Kysely, type Migration } from 'kysely'

/** Which login a token proved: a token proves no other one, also at the same key. */
export const nameLoginOfToken: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('used_tokens').addColumn('login_id', 'text').execute()
    // Of those that were used before, what can be known: the login that is open at their key. Others prove nothing any more.
    await sql`update used_tokens set login_id =
      (select max(id) from logins where logins.thumbprint = used_tokens.thumbprint and ended_at is null)`.execute(db)
    await db.schema.createIndex('logins_thumbprint').on('logins').columns(['thumbprint']).execute()
  },
}
