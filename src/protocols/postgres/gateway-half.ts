import { sqlVocabulary } from '../../sql/vocabulary.ts'
import type { GatewayHalf } from '../protocol.ts'
import { createSqlParser } from './dialect/sql-parser.ts'
import { postgresEngine } from './gateway/engine.ts'
import { postgresKinds } from './kinds.ts'
import { postgresRuleSets } from './rule-sets.ts'
import { sqlstates } from './sqlstates.ts'
import { postgresTarget, type PostgresTarget } from './target.ts'

export const postgresGateway: GatewayHalf<PostgresTarget> = {
  target: postgresTarget,
  policy: { vocabulary: sqlVocabulary, kinds: postgresKinds, ruleSets: postgresRuleSets },
  errors: { name: 'SQLSTATE', codes: sqlstates },
  create: async ({ baseDirectory }) => postgresEngine(await createSqlParser(), baseDirectory),
}
