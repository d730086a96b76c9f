import type { Kysely, Migration } from 'kysely'

/** By which name the directory of a SAML provider knows who signed in there. */
export const provisionSaml: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema.alterTable('saml_sessions').addColumn('directory_claim', 'text').execute()
    await db.schema.alterTable('saml_sessions').addColumn('directory_value', 'text').execute()
  },
}
