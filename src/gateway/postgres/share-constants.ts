import type { Node } from './findings.ts'

/**
 * Long lists of constants with one constant in all places: `x IN (…)`, and the rows of VALUES. How many there are matters, what
 * they are does not, and a tree with a hundred thousand nodes takes the better part of a second to go from one thread to another.
 */
export function shareConstants(value: unknown): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const item of value) shareConstants(item)
    return
  }
  const node = value as Node
  const { A_Expr } = node as { A_Expr?: { kind?: string; rexpr?: { List?: { items?: unknown[] } } } }
  const items = A_Expr?.kind === 'AEXPR_IN' ? A_Expr.rexpr?.List?.items : undefined
  if (items !== undefined && items.length > FEW && items.every(isConstant)) items.fill(items[0])
  const rows = node['valuesLists'] as { List?: { items?: unknown[] } }[] | undefined
  if (rows !== undefined && rows.length > FEW) {
    const columns = rows[0]?.List?.items?.length
    const plain = rows.every(({ List }) => List?.items?.length === columns && List?.items?.every(isConstant) === true)
    if (plain) rows.fill(rows[0] as object)
  }
  for (const content of Object.values(node)) shareConstants(content)
}

const isConstant = (node: unknown): boolean => node !== null && typeof node === 'object' && 'A_Const' in node

const FEW = 50
