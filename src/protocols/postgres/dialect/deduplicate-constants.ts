import type { Constant } from '../../../sql/query.ts'

/**
 * Long lists of constants with one constant in all places: `x IN (…)`, and the rows of VALUES. How many there are matters, what
 * they are does not, but where they stand; and a tree with a hundred thousand nodes takes the better part of a second to go from one thread to another.
 */
export function shareConstants(value: unknown): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const item of value) shareConstants(item)
    return
  }
  const node = value as { kind?: unknown; form?: unknown; args?: unknown[]; rows?: unknown[][] }
  const items = node.kind === 'operation' && node.form === 'in' ? node.args : undefined
  if (items !== undefined && items.length > FEW && items.slice(1).every(isConstant))
    items.fill(oneOf(items.slice(1)), 1)
  const rows = node.kind === 'values' ? node.rows : undefined
  if (rows !== undefined && rows.length > FEW) {
    const columns = rows[0]?.length
    if (rows.every((row) => row.length === columns && row.every(isConstant)))
      rows.fill((rows[0] as unknown[]).map((_, index) => oneOf(rows.map((row) => row[index]))))
  }
  for (const content of Object.values(node)) shareConstants(content)
}

/** The first of them, which says where the others were. */
function oneOf(constants: readonly unknown[]): Constant {
  const [first, ...others] = constants as readonly [Constant, ...Constant[]]
  return { ...first, others: others.map(({ at }) => at) }
}

const isConstant = (node: unknown): boolean => (node as { kind?: unknown } | null)?.kind === 'constant'

const FEW = 50
