import type { ColumnMask, MaskedColumns, MaskingPlan } from '../../masking/plan.ts'
import type { CatalogTerms, Relation, RelationCatalog } from '../catalog.ts'
import type { Dialect } from '../dialect.ts'
import { FoundIn, grownBy } from '../growth.ts'

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
      ({ schema, name }) => matches(column.schema, schema) && matches(column.table, name.slice(schema.length + 1)),
    )
    for (const member of families(relations, catalog)) {
      for (const [name, attribute] of member.columns) {
        if (!matches(column.column, name)) continue
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
  return [...maskedIn(plan, { catalog, terms }).tainted].flatMap((oid) => catalog.byOid.get(oid) ?? [])
}

/** What a plan masks in a catalog: columns by relation, and relations that their values can be read from. */
export interface Masked {
  readonly masks: ReadonlyMap<number, ReadonlyMap<number, ColumnMask>>
  readonly tainted: ReadonlySet<number>
}

/** Found once for each plan and catalog. */
export function maskedIn(plan: MaskingPlan, known: Pick<KnownCatalog, 'catalog' | 'terms'>): Masked {
  const { catalog, terms } = known
  const found = foundByPlan.get(plan) ?? new FoundIn<Masked>()
  foundByPlan.set(plan, found)
  const find = (): Masked => {
    const masks = columnMasks(plan, catalog)
    return { masks, tainted: taint(masks, known, plan) }
  }
  return found.of(catalog.byOid, find, ({ masks, tainted }, added) => {
    if (plan.columns.length === 0) return { masks, tainted }
    if (plan.columns.some((column) => added.some((relation) => has(relation, column)))) return undefined
    const revealsByStorage = mayRevealByStorage(masks, catalog)
    return {
      masks,
      tainted: grownBy(tainted, added, (relation) => isTainted(relation, masks, terms, revealsByStorage)),
    }
  })
}

const foundByPlan = new WeakMap<MaskingPlan, FoundIn<Masked>>()

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
  return plan.columns.filter((column) => !all.some((relation) => has(relation, column))).map(nameOf)
}

const has = ({ schema, name, columns }: Relation, column: MaskedColumns): boolean =>
  matches(column.schema, schema) &&
  matches(column.table, name.slice(schema.length + 1)) &&
  [...columns.keys()].some((own) => matches(column.column, own))

const matches = (pattern: string, name: string): boolean => pattern === '*' || pattern === name
export const nameOf = ({ schema, table, column }: MaskedColumns): string => `${schema}.${table}.${column}`

/** All relations that masked values can be read from, including views of views. */
function taint(
  masks: Masks,
  { catalog, terms }: Pick<KnownCatalog, 'catalog' | 'terms'>,
  plan: MaskingPlan,
): ReadonlySet<number> {
  const tainted = new Set<number>()
  if (plan.columns.length === 0) return tainted
  const revealsByStorage = mayRevealByStorage(masks, catalog)
  for (const relation of catalog.byOid.values())
    if (isTainted(relation, masks, terms, revealsByStorage)) tainted.add(relation.oid)
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

/** Whether masked values can be read from it, whatever is behind it. */
const isTainted = (relation: Relation, masks: Masks, terms: CatalogTerms, revealsByStorage: boolean): boolean =>
  masks.has(relation.oid) ||
  relation.opaque ||
  relation.counts === true ||
  relation.counting !== undefined ||
  relation.foreign ||
  terms.harmlessColumns(relation) !== undefined ||
  (revealsByStorage && terms.isOfStorage(relation))

/** Whether masked columns decide where rows are stored, or whether they are in an index. */
export const mayRevealByStorage = (masks: Masks, catalog: RelationCatalog): boolean =>
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
