import type { Kysely, Migration } from 'kysely'

/** Who or what withdrew a request or a held command, and when. */
export const sayWhoWithdrew: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('requests').addColumn('withdrawn', 'text').execute()
    await db.schema.alterTable('approvals').addColumn('withdrawn', 'text').execute()
  },
}
