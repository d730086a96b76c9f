import { sqlVocabulary } from '../../sql/vocabulary.ts'
import type { GatewayHalf } from '../protocol.ts'
import { createSqlParser } from './dialect/sql-parser.ts'
import { mysqlErrorCodes } from './error-codes.ts'
import { mysqlEngine } from './gateway/engine.ts'
import { mysqlKinds } from './kinds.ts'
import { mysqlRuleSets } from './rule-sets.ts'
import { mysqlTarget, type MysqlTarget } from './target.ts'

export const mysqlGateway: GatewayHalf<MysqlTarget> = {
  target: mysqlTarget,
  policy: { vocabulary: sqlVocabulary, kinds: mysqlKinds, ruleSets: mysqlRuleSets },
  errors: { name: 'MySQL error', codes: mysqlErrorCodes },
  create: ({ baseDirectory }) => Promise.resolve(mysqlEngine(createSqlParser(), baseDirectory)),
}
