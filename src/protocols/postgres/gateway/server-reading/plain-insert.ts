import { FIRST_USER_OID, findRelation, type Catalog } from '../../catalog/catalog.ts'
import type { MaskingScope } from '../../masking/scope.ts'
import type { Expression, Insert, Query, Statement } from '../../../../sql/query.ts'

/**
 * Whether a statement has nothing in it that the target could understand otherwise than the gateway: an INSERT of constants, parameters and
 * defaults into a plain table that shows nothing masked, whose columns are all of the system's own types. It names one relation, calls nothing,
 * returns nothing, and what converts its values is the system's own. `types`: of parameters, as the client declares them.
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

/** Without anything that reads, compares or gives rows. */
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
