import type { Secrets } from '../../credentials/secrets.ts'
import { sqlVocabulary } from '../../sql/vocabulary.ts'
import type { GatewayHalf } from '../protocol.ts'
import { createSqlParser } from './dialect/sql-parser.ts'
import { leaseRole, reapRoles, type EphemeralTarget } from './gateway/ephemeral/ephemeral-roles.ts'
import { postgresEngine } from './gateway/engine.ts'
import { postgresKinds } from './kinds.ts'
import { postgresRuleSets } from './rule-sets.ts'
import { sqlstates } from './sqlstates.ts'
import { postgresTarget, type PostgresTarget } from './target.ts'

/** What a target makes its own accounts with; undefined where it has one that stays. */
function ephemeralTarget(config: PostgresTarget, secrets: Secrets): EphemeralTarget | undefined {
  const { ephemeral } = config
  return ephemeral && { config, settings: ephemeral, secrets }
}

export const postgresGateway: GatewayHalf<PostgresTarget> = {
  target: {
    ...postgresTarget,
    credentials(config, account, secrets) {
      const target = ephemeralTarget(config, secrets)
      if (target === undefined) return postgresTarget.credentials(config, account, secrets)
      return { lease: (lessee) => leaseRole(target, lessee) }
    },
    async reapAccounts(config, gateway, secrets) {
      const target = ephemeralTarget(config, secrets)
      return target === undefined ? { dropped: [], failed: [] } : reapRoles(target, gateway)
    },
  },
  policy: { vocabulary: sqlVocabulary, kinds: postgresKinds, ruleSets: postgresRuleSets },
  errors: { name: 'SQLSTATE', codes: sqlstates },
  create: async ({ baseDirectory }) => postgresEngine(await createSqlParser(), baseDirectory),
}
