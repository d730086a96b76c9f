import type { MaskingPlan } from '../../masking/plan.ts'
import { buildCatalog, type CatalogRows } from './catalog.ts'
import { generatedText, type DefinitionTrees } from './masking-scope.ts'
import type { SqlParser } from './sql-parser.ts'

/** Parses what views and generated columns compute, where masking needs it. What does not parse is left out: it is masked whole. */
export async function readDefinitions(
  rows: CatalogRows,
  masking: MaskingPlan,
  parser: SqlParser,
): Promise<DefinitionTrees> {
  if (masking.columns.length === 0) return new Map()
  const trees = new Map<string, DefinitionTrees extends ReadonlyMap<string, infer Tree> ? Tree : never>()
  for (const { definition, generated, ...relation } of buildCatalog(rows).byOid.values()) {
    const texts = [...generated.values()].map((expression) => generatedText(relation, expression))
    for (const text of definition === undefined ? texts : [definition, ...texts]) {
      const parsed = await parser.parse(text)
      const [statement] = 'failure' in parsed ? [] : parsed
      if (statement !== undefined) trees.set(text, statement.tree)
    }
  }
  return trees
}
