import type { MaskingPlan } from '../../masking/plan.ts'
import type { MaskingStyle } from '../../policy/policy.ts'
import { findRelation, type Catalog, type Relation } from './catalog.ts'

/** A session's masking plan, held against what the target's catalogs say now. */
export interface MaskingScope {
  readonly plan: MaskingPlan
  /** The style of one column of a relation, by attribute number; undefined: shown as it is. */
  styleOf(relationOid: number, attribute: number): MaskingStyle | undefined
  /** Whether values of masked columns can come out of this relation. */
  isTainted(relation: Relation): boolean
  /** Names of masked columns, for statements that would carry them elsewhere. */
  readonly maskedNames: ReadonlySet<string>
}

export function maskingScope(plan: MaskingPlan, catalog: Catalog): MaskingScope {
  const styles = new Map<number, Map<number, MaskingStyle>>()
  for (const { schema, table, column, style } of plan.columns) {
    const relation = findRelation(catalog, { schema, name: table })
    if (relation === undefined) continue
    // A parent shows its children's rows and a child is a part of its parent: the same column, by name.
    for (const member of family(relation, catalog)) {
      const attribute = member.columns.get(column)
      if (attribute === undefined) continue
      const known = styles.get(member.oid) ?? new Map<number, MaskingStyle>()
      known.set(attribute, style)
      styles.set(member.oid, known)
    }
  }
  const tainted = taint(plan, styles, catalog)
  const style = plan.columns[0]?.style
  return {
    plan,
    maskedNames: new Set(plan.columns.map(({ column }) => column)),
    isTainted: (relation) => tainted.has(relation.oid),
    styleOf(oid, attribute) {
      if (attribute < 0) return undefined // ctid, xmin and the like
      // Attribute 0 is the whole row, which holds every column.
      if (attribute === 0) return tainted.has(oid) || !catalog.byOid.has(oid) ? style : undefined
      const own = styles.get(oid)
      if (own !== undefined) return own.get(attribute)
      // Of a view over a masked table, and of what the catalogs did not know, every column is masked.
      return tainted.has(oid) || !catalog.byOid.has(oid) ? style : undefined
    },
  }
}

/** Everything that a masked value can be read from, views upon views included. */
function taint(plan: MaskingPlan, styles: ReadonlyMap<number, unknown>, catalog: Catalog): ReadonlySet<number> {
  const tainted = new Set<number>()
  if (plan.columns.length === 0) return tainted
  for (const relation of catalog.byOid.values()) {
    if (styles.has(relation.oid) || relation.opaque || TELLING.has(relation.name)) tainted.add(relation.oid)
  }
  for (let grown = true; grown;) {
    grown = false
    for (const relation of catalog.byOid.values()) {
      if (tainted.has(relation.oid) || !relation.viewOf.some((oid) => tainted.has(oid))) continue
      tainted.add(relation.oid)
      grown = true
    }
  }
  return tainted
}

function family(relation: Relation, catalog: Catalog): Relation[] {
  const members = new Map([[relation.oid, relation]])
  for (const member of members.values()) {
    for (const oid of member.related) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) members.set(oid, other)
    }
  }
  return [...members.values()]
}

/** System relations that hold samples of the data, or the text of other people's statements. */
const TELLING = new Set(
  [
    'pg_statistic',
    'pg_statistic_ext_data',
    'pg_stat_activity',
    'pg_largeobject',
    'pg_cursors',
    'pg_prepared_statements',
  ].map((name) => `pg_catalog.${name}`),
)
