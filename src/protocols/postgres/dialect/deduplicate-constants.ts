import type { Constant } from '../../../sql/query.ts'
import { fieldOf, itemsOf } from './tree-fields.ts'

/**
 * Replaces the constants of a long list, of `x IN (…)` or of the rows of VALUES, by one constant. Only their number and their offsets
 * matter, not their values; and a tree with a hundred thousand nodes takes most of a second to be passed from one thread to another.
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

/** The arguments of `x IN (…)`: x, then the list. */
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

/** The first constant, with the offsets of the others. */
function oneOf([first, ...others]: readonly Constant[]): Constant {
  if (first === undefined) throw new RangeError('no constant to share')
  return { ...first, others: others.map(({ at }) => at) }
}

const isConstant = (node: unknown): node is Constant => fieldOf(node, 'kind') === 'constant'

const FEW = 50
