import type { MaskingPlan } from '../../../masking/plan.ts'
import type { CatalogTerms } from '../../../sql/catalog.ts'
import { MaskingScope, type DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import { missingColumns as missingIn } from '../../../sql/masking/masked-relations.ts'
import { findRelation, foldDatabase, foldTable, type Catalog } from '../catalog/catalog.ts'
import { dialectOf } from '../dialect/dialect.ts'
import { givesAnything } from '../dialect/functions.ts'
import { isCounterSetting } from '../dialect/counters.ts'
import { countsByRows, harmlessColumns, isOfStorage, storageColumns } from './system-relations.ts'

/** Sessions that share plan, catalog and definitions share the scope and everything that it derives. */
export function maskingScope(plan: MaskingPlan, catalog: Catalog, definitions: DefinitionTrees): MaskingScope {
  const ofCatalog = scopes.get(catalog) ?? new WeakMap<MaskingPlan, Known>()
  scopes.set(catalog, ofCatalog)
  const known = ofCatalog.get(plan)
  if (known?.definitions === definitions) return known.scope
  const terms = termsOf(catalog)
  const scope = new MaskingScope(
    folded(plan, catalog),
    { catalog, terms, dialect: dialectOf(catalog.server) },
    definitions,
  )
  ofCatalog.set(plan, { definitions, scope })
  return scope
}

/** A scope, and the definitions that it was last made for. */
interface Known {
  readonly definitions: DefinitionTrees
  readonly scope: MaskingScope
}
const scopes = new WeakMap<Catalog, WeakMap<MaskingPlan, Known>>()

/** Columns of a plan that do not exist: a rule with a typing error would mask nothing. */
export const missingColumns = (plan: MaskingPlan, catalog: Catalog): readonly string[] =>
  missingIn(folded(plan, catalog), catalog)

/** Names of columns are not case-sensitive, and names of tables only if the server compares them so. */
const folded = (plan: MaskingPlan, catalog: Catalog): MaskingPlan => ({
  ...plan,
  columns: plan.columns.map((masked) => ({
    ...masked,
    schema: foldDatabase(masked.schema, catalog),
    table: foldTable(masked.schema, masked.table, catalog),
    column: masked.column.toLowerCase(),
  })),
})

const termsOf = (catalog: Catalog): CatalogTerms => ({
  find: (named) => findRelation(catalog, named),
  isOpaque: ({ schema, name }, isOperator) => !isOperator && givesAnything(schema, name, catalog),
  harmlessColumns,
  definesObjects: () => false,
  storageColumns,
  isOfStorage,
  isStatistics: () => false,
  // Functions that count are among those that give anything.
  countsChanges: () => undefined,
  countsByRows,
  countingRows: () => undefined,
  isCounter: isCounterSetting,
  systemColumn: () => 'nothing',
})
