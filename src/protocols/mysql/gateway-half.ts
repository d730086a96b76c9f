import type { Secrets } from '../../credentials/secrets.ts'
import { sqlVocabulary } from '../../sql/vocabulary.ts'
import type { GatewayHalf } from '../protocol.ts'
import { createSqlParser } from './dialect/sql-parser.ts'
import { mysqlErrorCodes } from './error-codes.ts'
import { leaseAccount, reapAccounts, type EphemeralTarget } from './gateway/ephemeral/ephemeral-accounts.ts'
import { mysqlEngine } from './gateway/engine.ts'
import { mysqlKinds } from './kinds.ts'
import { mysqlRuleSets } from './rule-sets.ts'
import { mysqlTarget, type MysqlTarget } from './target.ts'

/** The parts to create accounts for sessions with a target; undefined if it has a permanent account. */
function ephemeralTarget(config: MysqlTarget, secrets: Secrets): EphemeralTarget | undefined {
  const { ephemeral } = config
  return ephemeral && { config, settings: ephemeral, secrets }
}

export const mysqlGateway: GatewayHalf<MysqlTarget> = {
  target: {
    ...mysqlTarget,
    credentials(config, account, secrets) {
      const target = ephemeralTarget(config, secrets)
      if (target === undefined) return mysqlTarget.credentials(config, account, secrets)
      return { lease: (lessee) => leaseAccount(target, lessee) }
    },
    async reapAccounts(config, gateway, secrets) {
      const target = ephemeralTarget(config, secrets)
      return target === undefined ? { dropped: [], failed: [] } : reapAccounts(target, gateway)
    },
  },
  policy: { vocabulary: sqlVocabulary, kinds: mysqlKinds, ruleSets: mysqlRuleSets },
  errors: { name: 'MySQL error', codes: mysqlErrorCodes },
  create: ({ baseDirectory }) => Promise.resolve(mysqlEngine(createSqlParser(), baseDirectory)),
}
