import { isList, isNode, TreeError, type TreeNode, type TreeValue } from './node-tree.ts'

/** `select`, `insert`, …: what a QUERY does. */
export function kindOf(query: TreeNode): string {
  const type = numberOf(query, 'commandType')
  // A utility statement before version 15; MERGE since.
  const kind = type === 5 ? (listOf(query, 'mergeActionList').length > 0 ? 'merge' : undefined) : KINDS[type]
  if (kind === undefined) throw new TreeError('it is neither a query nor a write of rows')
  return kind
}

/** An item of the range table, counted from 1. */
export function entryAt(query: TreeNode, index: number): TreeNode {
  const entry = listOf(query, 'rtable')[index - 1]
  if (entry === undefined || !ENTRY_TAGS.has(entry.tag)) throw new TreeError('an item of FROM is missing')
  return entry
}

/** The range table indexes of the queries that a UNION or the like combines. */
export function leavesOf(value: TreeValue | undefined): number[] {
  if (!isNode(value)) return []
  if (value.tag === 'RANGETBLREF') return [numberOf(value, 'rtindex')]
  if (value.tag !== 'SETOPERATIONSTMT') throw new TreeError('a set operation is not known')
  return [...leavesOf(value.fields.get('larg')), ...leavesOf(value.fields.get('rarg'))]
}

/** All but UNION ALL compare rows. */
export const compares = (value: TreeValue | undefined): boolean =>
  isNode(value) &&
  value.tag === 'SETOPERATIONSTMT' &&
  (value.fields.get('all') !== 'true' ||
    value.fields.get('op') !== '1' ||
    compares(value.fields.get('larg')) ||
    compares(value.fields.get('rarg')))

/** The nodes in a field; none if there is no such field. */
export const listOf = (node: TreeNode, name: string): readonly TreeNode[] => {
  const value = node.fields.get(name)
  return isList(value) ? value.filter(isNode) : []
}

/** 0 if there is no such field. */
export function numberOf(node: TreeNode, name: string): number {
  const value = node.fields.get(name)
  if (value === undefined || value === null) return 0
  const number = typeof value === 'string' && /^-?\d{1,10}$/.test(value) ? Number(value) : NaN
  if (Number.isNaN(number)) throw new TreeError(`${node.tag} has no ${name}`)
  return number
}

const KINDS: readonly (string | undefined)[] = [undefined, 'select', 'update', 'insert', 'delete']
/** Its tag differs before version 15. */
export const ENTRY_TAGS: ReadonlySet<string> = new Set(['RANGETBLENTRY', 'RTE'])
