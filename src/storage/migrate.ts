import { Migrator, type Kysely } from 'kysely'
import { createTables } from './migrations/20261123-create-tables.ts'
import { keepEvidence } from './migrations/20261124-keep-evidence.ts'
import { openDashboard } from './migrations/20261125-open-dashboard.ts'
import { nameLoginOfToken } from './migrations/20261128-name-login-of-token.ts'
import { noteSignOuts } from './migrations/20261129-note-sign-outs.ts'
import { keepDirectory } from './migrations/20261130-keep-directory.ts'
import { keepCredentialLeases } from './migrations/20261130-keep-leases.ts'
import { signInWithDeviceCode } from './migrations/20261204-sign-in-with-device-code.ts'
import { signInWithSaml } from './migrations/20261130-sign-in-with-saml.ts'
import { trackSamlSessions } from './migrations/20261130-track-saml-sessions.ts'
import { laterRequests } from './migrations/20261203-later-requests.ts'
import { keepBreakGlass } from './migrations/20261202-break-glass.ts'
import { keepPasskeys } from './migrations/20261205-keep-passkeys.ts'
import { provisionSaml } from './migrations/20261206-provision-saml.ts'
import { requestSeveral } from './migrations/20261206-request-several.ts'
import { approveByRule } from './migrations/20261207-approve-by-rule.ts'
import { keepWhyPeopleDecide } from './migrations/20261208-keep-why-people-decide.ts'
import { nameHeldStatements } from './migrations/20261209-name-held-statements.ts'
import { sayWhoWithdrew } from './migrations/20261210-say-who-withdrew.ts'
import { keepLocks } from './migrations/20261201-keep-locks.ts'
import { countVerdicts } from './migrations/20261204-tally-verdicts.ts'

/** Brings the schema up to date; several gateways may try at once, one does it. Throws what the store says. */
export async function migrate<T>(db: Kysely<T>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(migrations) } })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

const migrations = {
  '20261123-create-tables': createTables,
  '20261124-keep-evidence': keepEvidence,
  '20261125-open-dashboard': openDashboard,
  '20261128-name-login-of-token': nameLoginOfToken,
  '20261129-note-sign-outs': noteSignOuts,
  '20261130-keep-directory': keepDirectory,
  '20261130-keep-leases': keepCredentialLeases,
  '20261204-sign-in-with-device-code': signInWithDeviceCode,
  '20261130-sign-in-with-saml': signInWithSaml,
  '20261130-track-saml-sessions': trackSamlSessions,
  '20261201-keep-locks': keepLocks,
  '20261202-break-glass': keepBreakGlass,
  '20261203-later-requests': laterRequests,
  '20261204-tally-verdicts': countVerdicts,
  '20261205-keep-passkeys': keepPasskeys,
  '20261206-provision-saml': provisionSaml,
  '20261206-request-several': requestSeveral,
  '20261207-approve-by-rule': approveByRule,
  '20261208-keep-why-people-decide': keepWhyPeopleDecide,
  '20261209-name-held-statements': nameHeldStatements,
  '20261210-say-who-withdrew': sayWhoWithdrew,
}
