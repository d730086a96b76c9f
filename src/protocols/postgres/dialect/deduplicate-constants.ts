import type { Constant } from '../../../sql/query.ts'
import { fieldOf, itemsOf } from './tree-fields.ts'

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
  const kind = fieldOf(value, 'kind')
  if (kind === 'operation' && fieldOf(value, 'form') === 'in') shareListed(fieldOf(value, 'args'))
  if (kind === 'values') shareRows(fieldOf(value, 'rows'))
  for (const content of Object.values(value)) shareConstants(content)
}

/** Of `x IN (…)`: x, then the list. */
function shareListed(args: unknown): void {
  if (!Array.isArray(args) || args.length <= FEW) return
  const listed: readonly unknown[] = args.slice(1)
  if (listed.every(isConstant)) args.fill(oneOf(listed), 1)
}

function shareRows(rows: unknown): void {
  if (!Array.isArray(rows) || rows.length <= FEW) return
  const constants: (readonly Constant[])[] = []
  for (const row of rows) {
    const columns = itemsOf(row)
    if (!columns.every(isConstant) || columns.length !== (constants[0] ?? columns).length) return
    constants.push(columns)
  }
  rows.fill((constants[0] ?? []).map((_, index) => oneOf(constants.flatMap((row) => row[index] ?? []))))
}

/** The first of them, which says where the others were. */
function oneOf([first, ...others]: readonly Constant[]): Constant {
  if (first === undefined) throw new RangeError('no constant to share')
  return { ...first, others: others.map(({ at }) => at) }
}

const isConstant = (node: unknown): node is Constant => fieldOf(node, 'kind') === 'constant'

const FEW = 50
