import { isList, isNode, type TreeNode, type TreeValue } from './node-tree.ts'
import { listOf, numberOf } from './query-nodes.ts'

/** The expressions of a QUERY that determine which rows there are, and their order: conditions, limits, and what rows are sorted or grouped by. */
export function decidingParts(query: TreeNode): TreeValue[] {
  const parts: TreeValue[] = []
  const take = (value: TreeValue | undefined): void => void parts.push(value ?? null)
  const quals = (value: TreeValue | undefined): void => {
    if (!isNode(value)) return
    if (value.tag !== 'FROMEXPR' && value.tag !== 'JOINEXPR') return
    take(value.fields.get('quals'))
    for (const part of listOf(value, 'fromlist')) quals(part)
    quals(value.fields.get('larg'))
    quals(value.fields.get('rarg'))
  }
  quals(query.fields.get('jointree'))
  for (const name of ['havingQual', 'limitOffset', 'limitCount', 'mergeJoinCondition']) take(query.fields.get(name))
  const conflict = query.fields.get('onConflict')
  if (isNode(conflict))
    for (const name of ['arbiterElems', 'arbiterWhere', 'onConflictWhere']) take(conflict.fields.get(name))
  for (const action of listOf(query, 'mergeActionList')) take(action.fields.get('qual'))
  const sorted = sortReferences(query)
  for (const target of listOf(query, 'targetList'))
    if (sorted.has(numberOf(target, 'ressortgroupref'))) take(target.fields.get('expr'))
  return parts
}

/** The numbers by which ORDER BY, GROUP BY, DISTINCT and windows refer to the select list. */
function sortReferences(query: TreeNode): ReadonlySet<number> {
  const sorted = new Set<number>()
  const sorts = (value: TreeValue | undefined): void => {
    if (isNode(value)) {
      if (value.tag === 'SORTGROUPCLAUSE') sorted.add(numberOf(value, 'tleSortGroupRef'))
      else if (value.tag === 'WINDOWCLAUSE') for (const part of value.fields.values()) sorts(part)
    } else if (isList(value)) for (const part of value) sorts(part)
  }
  for (const name of ['sortClause', 'groupClause', 'distinctClause', 'windowClause']) sorts(query.fields.get(name))
  return sorted
}
