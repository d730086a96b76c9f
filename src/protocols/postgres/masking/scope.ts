import type { MaskingPlan } from '../../../masking/plan.ts'
import type { CatalogTerms } from '../../../sql/catalog.ts'
import { MaskingScope as SqlMaskingScope, type DefinitionTrees } from '../../../sql/masking/masking-scope.ts'
import { taintedRelations as taintedIn } from '../../../sql/masking/masked-relations.ts'
import { findRelation, type Catalog, type Relation } from '../catalog/catalog.ts'
import { SAMPLE_COLUMNS } from '../catalog/sample-columns.ts'
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
    harmlessColumns: (relation) => HARMLESS_COLUMNS.get(systemName(relation) ?? ''),
    storageColumns: (relation) => (systemName(relation) === 'pg_class' ? STORAGE_COLUMNS : undefined),
    isOfStorage: (relation) => STORAGE_RELATIONS.test(systemName(relation) ?? ''),
    isStatistics: (relation) => STATISTICS.has(systemName(relation) ?? ''),
    isStorageFunction: (name) => STORAGE_FUNCTIONS.test(name),
    countsByRows: () => false,
    // A setting is read by a function, and none of them counts.
    isCounter: () => false,
    isPlace: (column) => PLACES.has(column),
  }
}

const HARMLESS_COLUMNS = new Map(Object.entries(SAMPLE_COLUMNS))

/** The unqualified name of a system relation; undefined for others. */
const systemName = ({ schema, name }: Pick<Relation, 'schema' | 'name'>): string | undefined =>
  schema === 'pg_catalog' ? name.slice('pg_catalog.'.length) : undefined

/** The attribute numbers of tableoid and ctid. Source: sysattr.h; xmin and the like tell nothing of a row. */
const PLACES = new Set([-6, -1])
/** System relations with counts of reads, writes or locks per relation, or sizes. Source: manual, The Cumulative Statistics System. */
const STORAGE_RELATIONS =
  /^(pg_class|pg_locks|pg_stat(io)?_(xact_)?(all|sys|user)_(tables|indexes|sequences)|pg_stat_(database|io|wal|bgwriter|checkpointer|progress_.*))$/
/** Columns of pg_class that VACUUM and ANALYZE set. */
const STORAGE_COLUMNS = new Set(['relpages', 'reltuples', 'relallvisible', 'relallfrozen'])
/** System functions that reveal the same. */
const STORAGE_FUNCTIONS =
  /^(pg_stat_get_.*|pg_stat_have_stats|pg_lock_status|pg_(relation|table|total_relation|indexes|database|tablespace)_size|pg_current_wal_.*)$/
const STATISTICS = new Set(['pg_statistic', 'pg_statistic_ext_data', 'pg_stats', 'pg_stats_ext', 'pg_stats_ext_exprs'])
