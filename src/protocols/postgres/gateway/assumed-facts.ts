import { assumedCatalog } from '../catalog/build-catalog.ts'
import { resolveFacts } from '../dialect/command-facts.ts'
import type { StatementFacts } from '../dialect/statement-facts.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { MaskingScope } from '../masking/scope.ts'

/** What statements do where nobody is connected: as if what they name were there, and nothing masked. */
export function assumedFacts(statements: readonly ParsedStatement[]): StatementFacts {
  const catalog = assumedCatalog(statements)
  return resolveFacts(statements, catalog, new MaskingScope({ columns: [], kinds: [] }, catalog, new Map()))
}
