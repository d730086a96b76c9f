import type { ColumnMask, MaskedColumns, MaskingPlan } from '../../masking/plan.ts'
import type { CatalogTerms, Relation, RelationCatalog } from '../catalog.ts'
import type { Dialect } from '../dialect.ts'

/** Catalogs, and how their dialect reads them. */
export interface KnownCatalog {
  readonly catalog: RelationCatalog
  readonly terms: CatalogTerms
  readonly dialect: Dialect
}

/** The masks of base columns. A parent shows its children's rows and a child's rows are its parent's: columns of the same name share a mask. */
export function columnMasks(
  plan: MaskingPlan,
  catalog: RelationCatalog,
): ReadonlyMap<number, ReadonlyMap<number, ColumnMask>> {
  const masks = new Map<number, Map<number, ColumnMask>>()
  const all = [...catalog.byOid.values()]
  for (const column of plan.columns) {
    const relations = all.filter(
      ({ schema, name }) => fits(column.schema, schema) && fits(column.table, name.slice(schema.length + 1)),
    )
    for (const member of families(relations, catalog)) {
      for (const [name, attribute] of member.columns) {
        if (!fits(column.column, name)) continue
        const known = masks.get(member.oid) ?? new Map<number, ColumnMask>()
        if (!known.has(attribute)) known.set(attribute, { ...column, name: `${member.name}.${name}` })
        masks.set(member.oid, known)
      }
    }
  }
  return masks
}

/** Relations that masked values can be read from. */
export function taintedRelations<R extends Relation>(
  plan: MaskingPlan,
  catalog: RelationCatalog<R>,
  terms: CatalogTerms,
): R[] {
  const tainted = taint(columnMasks(plan, catalog), { catalog, terms }, plan)
  return [...catalog.byOid.values()].filter(({ oid }) => tainted.has(oid))
}

/** Columns of a plan that no relation has: a misspelt rule would mask nothing. */
export function missingColumns(plan: MaskingPlan, catalog: RelationCatalog): readonly string[] {
  const ofCatalog = missing.get(catalog) ?? new WeakMap<MaskingPlan, readonly string[]>()
  missing.set(catalog, ofCatalog)
  const known = ofCatalog.get(plan) ?? findMissing(plan, catalog)
  ofCatalog.set(plan, known)
  return known
}

/** Cached: every session asks, and a catalog may have thousands of relations. */
const missing = new WeakMap<RelationCatalog, WeakMap<MaskingPlan, readonly string[]>>()

function findMissing(plan: MaskingPlan, catalog: RelationCatalog): string[] {
  const all = [...catalog.byOid.values()]
  return plan.columns
    .filter(
      (column) =>
        !all.some(
          ({ schema, name, columns }) =>
            fits(column.schema, schema) &&
            fits(column.table, name.slice(schema.length + 1)) &&
            [...columns.keys()].some((own) => fits(column.column, own)),
        ),
    )
    .map(nameOf)
}

const fits = (pattern: string, name: string): boolean => pattern === '*' || pattern === name
export const nameOf = ({ schema, table, column }: MaskedColumns): string => `${schema}.${table}.${column}`

/** All relations that masked values can be read from, including views of views. */
export function taint(
  masks: Masks,
  { catalog, terms }: Pick<KnownCatalog, 'catalog' | 'terms'>,
  plan: MaskingPlan,
): ReadonlySet<number> {
  const tainted = new Set<number>()
  if (plan.columns.length === 0) return tainted
  const tellsByStorage = mayTellByStorage(masks, catalog)
  for (const relation of catalog.byOid.values()) {
    const tells = terms.harmlessColumns(relation) !== undefined
    if (masks.has(relation.oid) || relation.opaque || relation.foreign || tells) tainted.add(relation.oid)
    if (tellsByStorage && terms.isOfStorage(relation)) tainted.add(relation.oid)
  }
  const shownBy = new Map<number, number[]>()
  for (const { oid, viewOf } of catalog.byOid.values())
    for (const read of viewOf) {
      const views = shownBy.get(read)
      if (views === undefined) shownBy.set(read, [oid])
      else views.push(oid)
    }
  for (const oid of tainted) for (const view of shownBy.get(oid) ?? []) tainted.add(view)
  return tainted
}

/** Whether masked columns decide where rows are stored, or whether they are in an index. */
export const mayTellByStorage = (masks: Masks, catalog: RelationCatalog): boolean =>
  [...masks.keys()].some((oid) => {
    const relation = catalog.byOid.get(oid)
    return relation?.ties.some(
      ({ kind, own, others }) =>
        (kind === 'partition' || kind === 'parts' || kind === 'partial') &&
        [...[...own].map((name) => [oid, name] as const), ...others].some(([of, name]) =>
          isMaskedOrMade(of, name, masks, catalog),
        ),
    )
  })

function isMaskedOrMade(oid: number, name: string, masks: Masks, catalog: RelationCatalog): boolean {
  const relation = catalog.byOid.get(oid)
  const number = relation?.columns.get(name)
  return number !== undefined && (masks.get(oid)?.has(number) === true || relation?.generated.has(name) === true)
}

type Masks = ReadonlyMap<number, ReadonlyMap<number, unknown>>

/** These relations and all their relatives, of any degree. */
export function families(relations: readonly Relation[], catalog: RelationCatalog): Relation[] {
  const members = new Map(relations.map((relation) => [relation.oid, relation]))
  for (const member of members.values()) {
    for (const oid of member.related) {
      const other = catalog.byOid.get(oid)
      if (other !== undefined) members.set(oid, other)
    }
  }
  return [...members.values()]
}
