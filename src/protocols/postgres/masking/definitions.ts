import type { MaskingPlan } from '../../../masking/plan.ts'
import type { Statement } from '../../../sql/query.ts'
import { buildCatalog, prepareCatalog } from '../catalog/build-catalog.ts'
import { definitionTexts } from '../catalog/definition-texts.ts'
import type { Catalog, Relation } from '../catalog/catalog.ts'
import type { CatalogRows } from '../catalog/rows.ts'
import type { DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import { taintedRelations } from './scope.ts'
import type { SqlParser } from '../dialect/sql-parser.ts'

/** What views and generated columns compute, by all that their text depends on; undefined: it does not parse, or is too much. */
export type KnownTexts = Map<string, Statement | undefined>

/**
 * Reads and parses what views and generated columns compute, of those that show masked columns; those that are known are
 * not read again. What does not parse, or is too much, or is locked by somebody, is left out: it is masked whole. `ask` runs one of the
 * gateway's own queries with nothing but `pg_catalog` in the search path.
 */
export async function readDefinitions(
  rows: CatalogRows,
  masking: MaskingPlan,
  parser: SqlParser,
  known: KnownTexts,
  ask: (sql: string) => Promise<readonly (readonly (string | null)[])[]>,
): Promise<DefinitionTrees> {
  if (masking.columns.length === 0) return NONE
  const read = whole.get(rows)?.get(masking)
  if (read !== undefined) return read
  const trees = new Map<string, Statement | undefined>()
  await prepareCatalog(rows)
  const catalog = buildCatalog(rows)
  const wanted = new Map<
    string,
    { readonly relation: Relation; readonly column: string | undefined; readonly key: string }
  >()
  for (const relation of taintedRelations(masking, catalog)) {
    if (relation.definition !== undefined)
      wanted.set(String(relation.oid), { relation, column: undefined, key: keyOf(relation, catalog) })
    for (const column of relation.generated.keys())
      wanted.set(`${relation.oid} ${column}`, { relation, column, key: `${keyOf(relation, catalog)} ${column}` })
  }
  const missing = [...wanted.values()].filter(({ key }) => !known.has(key))
  if (missing.length > 0) {
    if (known.size + missing.length > MAX_KNOWN) known.clear()
    let characters = 0
    const needed = [
      ...new Set([...wanted.values()].filter(({ key }) => !known.has(key)).map(({ relation }) => relation)),
    ]
    for (const [oid, column, text, identity] of await ask(definitionTexts(needed))) {
      const of = wanted.get(column == null ? String(oid) : `${oid} ${column}`)
      if (of === undefined || text == null) continue
      // Another text than that of the rows: it was changed meanwhile, or the snapshot is another one.
      if (identity !== (of.column === undefined ? of.relation.definition : of.relation.generated.get(of.column)))
        continue
      const sql = of.column === undefined ? text : generatedText(of.relation, text)
      // A target may say that it has more of them, and longer ones, than anybody could read in passing.
      characters += sql.length
      if (characters > MAX_CHARACTERS) break
      await new Promise((resolve) => setImmediate(resolve))
      const parsed = sql.length > MAX_LENGTH ? { failure: 'too long' } : await parser.parse(sql)
      const [statement] = 'failure' in parsed ? [] : parsed
      known.set(of.key, statement?.tree)
    }
  }
  for (const [place, { key }] of wanted) {
    const tree = known.get(key)
    if (tree !== undefined) trees.set(place, tree)
    else if (!known.has(key)) trees.set(LACKING, undefined)
  }
  if (!trees.has(LACKING))
    whole.set(rows, (whole.get(rows) ?? new WeakMap<MaskingPlan, DefinitionTrees>()).set(masking, trees))
  return trees
}

const NONE: DefinitionTrees = new Map()
/** What sessions share that share their rows and their plan: definitions of which none is lacking. */
const whole = new WeakMap<CatalogRows, WeakMap<MaskingPlan, DefinitionTrees>>()

const generatedText = (relation: Pick<Relation, 'name' | 'schema'>, expression: string): string =>
  `SELECT ${expression} FROM ${relation.name.split('.', 1).map(quote).join('')}.${quote(relation.name.slice(relation.schema.length + 1))}`

const quote = (name: string): string => `"${name.replaceAll('"', '""')}"`
/** Under this, `undefined`, where there are some that may be read another time. */
const LACKING = ''

/** A text shows names as they are now: of what is read, and of its columns. */
function keyOf({ oid, definition, generated, viewOf, columns, name }: Relation, catalog: Catalog): string {
  const sources = viewOf.map((of) => {
    const relation = catalog.byOid.get(of)
    return [relation?.name, ...(relation?.columns ?? [])]
  })
  return JSON.stringify([oid, name, definition, [...generated], [...columns], sources])
}

/** Characters of one definition, and of all. */
const MAX_LENGTH = 100_000
const MAX_CHARACTERS = 4_000_000
const MAX_KNOWN = 20_000
