import type { Kysely, Migration } from 'kysely'

/** What of a command is held: its effect begins with the first of several statements. */
export const nameHeldStatements: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('approvals').addColumn('statement', 'text').execute()
  },
}
