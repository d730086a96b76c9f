import type { GatewayHalf } from '../protocol.ts'
import { createSqlParser } from './dialect/sql-parser.ts'
import { postgresEngine } from './gateway/engine.ts'
import { postgresTarget, type PostgresTarget } from './target.ts'

export const postgresGateway: GatewayHalf<PostgresTarget> = {
  target: postgresTarget,
  create: async ({ baseDirectory }) => postgresEngine(await createSqlParser(), baseDirectory),
}
