import type { MaskingPlan } from '../../../masking/plan.ts'
import type { CatalogTerms } from '../../../sql/catalog.ts'
import type { SystemColumn } from '../../../sql/dialect.ts'
import { MaskingScope as SqlMaskingScope, type DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import { taintedRelations as taintedIn } from '../../../sql/masking/masked-relations.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { countsChanges, showsStoredForm } from '../catalog/counting-functions.ts'
import { HARMLESS_COLUMNS, HARMLESS_RELATIONS, LOCKS_OF_RELATIONS } from '../catalog/system-columns.ts'
import { reachesBeyond } from '../catalog/system-functions.ts'
import type { ValueTypes } from '../catalog/value-types.ts'
import { postgresDialect } from '../dialect/dialect.ts'
import { isNotify } from '../dialect/functions.ts'

/** The masking plan of a session with a PostgreSQL target. */
export class MaskingScope extends SqlMaskingScope {
  /** The formats of values, by type. */
  readonly types: ValueTypes

  constructor(plan: MaskingPlan, catalog: Catalog, definitions: DefinitionTrees) {
    super(plan, { catalog, terms: termsOf(catalog), dialect: postgresDialect }, definitions)
    this.types = catalog.valueTypes
  }
}

/** Cached: sessions with the same plan, catalog and definitions share a scope. */
export function maskingScope(plan: MaskingPlan, catalog: Catalog, definitions: DefinitionTrees): MaskingScope {
  const ofCatalog = scopes.get(catalog) ?? new WeakMap<MaskingPlan, Known>()
  scopes.set(catalog, ofCatalog)
  const known = ofCatalog.get(plan)
  if (known?.definitions === definitions) return known.scope
  const scope = new MaskingScope(plan, catalog, definitions)
  ofCatalog.set(plan, { definitions, scope })
  return scope
}

/** For the last definitions that were used. */
interface Known {
  readonly definitions: DefinitionTrees
  readonly scope: MaskingScope
}
const scopes = new WeakMap<Catalog, WeakMap<MaskingPlan, Known>>()

/** Relations that masked values can be read from. */
export const taintedRelations = (plan: MaskingPlan, catalog: Catalog): Relation[] =>
  taintedIn(plan, catalog, termsOf(catalog))

function termsOf(catalog: Catalog): CatalogTerms {
  return {
    find: (named) => findRelation(catalog, named),
    isOpaque: ({ schema, name }, isOperator) =>
      isOperator
        ? catalog.userOperators.has(name)
        : // What set_config gives back is the value that it was given.
          (reachesBeyond(name) && name !== 'set_config' && !isNotify({ schema, name })) ||
          catalog.userFunctions.has(name) ||
          catalog.safeFunctions.has(name) ||
          (schema !== undefined &&
            schema !== 'pg_catalog' &&
            schema !== 'information_schema' &&
            !catalog.reviewed.functions.has(schema, name)),
    harmlessColumns,
    definesObjects: (relation) => DEFINING.has(systemName(relation) ?? ''),
    // They are among those that are not harmless.
    storageColumns: () => undefined,
    isOfStorage: () => false,
    isStatistics: (relation) => STATISTICS.has(systemName(relation) ?? ''),
    countsChanges: (name) => countsChanges(name, catalog.version) ?? (showsStoredForm(name) ? 'value' : undefined),
    countsByRows: (relation) => harmlessColumns(relation)?.length === 0,
    countingRows: (relation) => (systemName(relation) === 'pg_locks' ? LOCKS_OF_RELATIONS : undefined),
    // A setting is read by a function, and none of them counts.
    isCounter: () => false,
    systemColumn: (attribute) => SYSTEM_ATTRIBUTES.get(attribute) ?? 'nothing',
  }
}

/** Of the server's own relations, the columns that reveal nothing of others' rows; undefined: all. */
function harmlessColumns(relation: Pick<Relation, 'schema' | 'name'>): readonly string[] | undefined {
  const name = systemName(relation)
  return name === undefined || HARMLESS_RELATIONS.has(name) ? undefined : (HARMLESS_COLUMNS.get(name) ?? [])
}

/** The unqualified name of a system relation; undefined for others. */
const systemName = ({ schema, name }: Pick<Relation, 'schema' | 'name'>): string | undefined =>
  schema === 'pg_catalog' ? name.slice('pg_catalog.'.length) : undefined

/** Relations that clients look up in every way, of which a few columns count or show values. */
const DEFINING = new Set(['pg_attribute', 'pg_class', 'pg_index', 'pg_locks'])

/** By attribute number: tableoid and ctid. Source: sysattr.h. */
const SYSTEM_ATTRIBUTES: ReadonlyMap<number, SystemColumn> = new Map([
  [-6, 'place'],
  [-1, 'position'],
])
const STATISTICS = new Set(['pg_statistic', 'pg_statistic_ext_data', 'pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs'])
