import { FIRST_USER_OID, findRelation, type Catalog } from '../../catalog/catalog.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import type { Expression, Insert, Query, Statement } from '../../../../sql/query.ts'

/**
 * Whether the target cannot understand a statement differently from the gateway: an INSERT of constants, parameters and defaults into a
 * plain table that shows nothing masked and whose columns all have built-in types. It names one relation, calls nothing, returns nothing,
 * and only built-in code converts its values. `types`: the types of its parameters, as the client declares them.
 */
export function isPlainInsert(
  tree: Statement,
  types: readonly number[],
  catalog: Catalog,
  masking: Pick<MaskingScope, 'isTainted'>,
): boolean {
  if (tree.kind !== 'insert' || !isBare(tree) || !types.every(isSystems)) return false
  if (tree.source !== undefined && !isOfConstants(tree.source)) return false
  if (catalog.conversions.size > 0 || catalog.typesByOid.size > 0) return false
  const relation = findRelation(catalog, tree.target.name)
  if (relation === undefined || relation.columns.size === 0 || masking.isTainted(relation)) return false
  const { viewOf, foreign, opaque, indexOf, runs, typeOids } = relation
  const isTable = viewOf.length === 0 && !foreign && !opaque && indexOf.length === 0 && runs.length === 0
  return isTable && [...typeOids.values()].every(isSystems)
}

/** Whether an INSERT has no clause that reads, compares or returns rows. */
const isBare = ({ with: ctes, target, subscripts, conflict, returning, replaces }: Insert): boolean =>
  ctes === undefined &&
  target.sample.length === 0 &&
  subscripts.length === 0 &&
  conflict === undefined &&
  returning === undefined &&
  !replaces

const isOfConstants = (source: Query): boolean =>
  source.kind === 'values' &&
  source.with === undefined &&
  source.order.length === 0 &&
  source.limit.length === 0 &&
  source.offset.length === 0 &&
  !source.locks &&
  source.rows.every((row) => row.every(isConstant))

const isConstant = ({ kind }: Expression): boolean => kind === 'constant' || kind === 'parameter' || kind === 'default'

/** 0: the target infers the type. */
const isSystems = (oid: number): boolean => oid < FIRST_USER_OID
