import type { MaskingPlan } from '../../../masking/plan.ts'
import { buildCatalog, viewTexts, type CatalogRows } from '../catalog/catalog.ts'
import { generatedText, taintedRelations, type DefinitionTrees } from './masking-scope.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'

/**
 * Reads and parses what views and generated columns compute, of those that show masked columns. What does not parse, or is
 * too much, is left out: it is masked whole. `ask` runs one of the gateway's own queries.
 */
export async function readDefinitions(
  rows: CatalogRows,
  masking: MaskingPlan,
  parser: SqlParser,
  ask: (sql: string) => Promise<readonly (readonly (string | null)[])[]>,
): Promise<DefinitionTrees> {
  const trees: Map<string, DefinitionTrees extends ReadonlyMap<string, infer Tree> ? Tree : never> = new Map()
  if (masking.columns.length === 0) return trees
  const tainted = taintedRelations(masking, buildCatalog(rows))
  const texts: [string, string][] = tainted.flatMap((relation) =>
    [...relation.generated].map(([column, expression]): [string, string] => [
      `${relation.oid} ${column}`,
      generatedText(relation, expression),
    ]),
  )
  const views = tainted.filter(({ definition }) => definition !== undefined).map(({ oid }) => oid)
  if (views.length > 0)
    for (const [oid, text] of await ask(viewTexts(views))) if (text != null) texts.push([String(oid), text])
  let characters = 0
  for (const [key, text] of texts) {
    // A target may say that it has more of them, and longer ones, than anybody could read in passing.
    characters += text.length
    if (text.length > LONGEST || characters > MOST_CHARACTERS) continue
    await new Promise((resolve) => setImmediate(resolve))
    const parsed = await parser.parse(text)
    const [statement] = 'failure' in parsed ? [] : parsed
    if (statement !== undefined) trees.set(key, statement.tree)
  }
  return trees
}

/** Characters of one definition, and of all. */
const LONGEST = 100_000
const MOST_CHARACTERS = 4_000_000
