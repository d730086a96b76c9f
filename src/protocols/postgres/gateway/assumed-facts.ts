import { assumedCatalog } from '../catalog/build-catalog.ts'
import { resolveFacts } from '../dialect/command-facts.ts'
import type { StatementFacts } from '../dialect/statement-facts.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { MaskingScope } from '../masking/scope.ts'

/** The facts of statements without a connection: as if everything that they name existed and nothing were masked. */
export function assumedFacts(statements: readonly ParsedStatement[]): StatementFacts {
  const catalog = assumedCatalog(statements)
  return resolveFacts(statements, catalog, new MaskingScope({ columns: [], kinds: [] }, catalog, new Map()))
}
