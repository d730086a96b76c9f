import type { Node } from './findings.ts'

/**
 * No WHERE, or one that does not depend on the row: a constant, a column compared with itself, a subquery that does not
 * look at the row, or an OR with such an arm. `relation` is the one written to.
 */
export function isAlways(where: unknown, relation: unknown): boolean {
  if (where === undefined) return true
  const { BoolExpr, A_Expr, NullTest, BooleanTest } = where as Record<string, Node | undefined>
  const args = (BoolExpr?.['args'] ?? []) as unknown[]
  if (BoolExpr?.['boolop'] === 'OR_EXPR') return args.some((arm) => isAlways(arm, relation))
  if (BoolExpr?.['boolop'] === 'AND_EXPR') return args.every((arm) => isAlways(arm, relation))
  if (BoolExpr !== undefined) return isNever(args[0]) || !dependsOnRow(args[0], relation)
  if (BooleanTest?.['booltesttype'] === 'IS_TRUE') return isAlways(BooleanTest['arg'], relation)
  // Of the rows that a comparison of this kind leaves out, those with NULL are the only ones.
  if (A_Expr !== undefined && SELF.has(operatorOf(A_Expr)) && sameSides(A_Expr)) return true
  if (A_Expr?.['kind'] === 'AEXPR_NOT_DISTINCT' && sameSides(A_Expr)) return true
  if (
    A_Expr?.['kind'] === 'AEXPR_IN' &&
    JSON.stringify(bare(A_Expr['rexpr'])).includes(JSON.stringify(bare(A_Expr['lexpr'])))
  )
    return true
  if (NullTest?.['nulltesttype'] === 'IS_NOT_NULL' && !('ColumnRef' in (NullTest['arg'] as object))) return true
  return !dependsOnRow(where, relation)
}

/** `x <> x`, false: for NOT. */
function isNever(node: unknown): boolean {
  const { A_Expr } = (node ?? {}) as { A_Expr?: Node }
  return A_Expr !== undefined && NEVER.has(operatorOf(A_Expr)) && sameSides(A_Expr)
}

/** A column outside any subquery, or one within that names the relation. What stands unqualified in a subquery with FROM is its own. */
function dependsOnRow(node: unknown, relation: unknown, inside = false): boolean {
  if (Array.isArray(node)) return node.some((item) => dependsOnRow(item, relation, inside))
  if (node === null || typeof node !== 'object') return false
  return Object.entries(node).some(([key, content]) => {
    if (key === 'CurrentOfExpr' || key === 'ParamRef') return true
    if (key === 'ColumnRef') {
      const path = ((content as Node)['fields'] as { String?: { sval?: string } }[]).map((field) => field.String?.sval)
      return !inside || (path.length > 1 && namesOf(relation).has(path.at(-2)))
    }
    if (key === 'SubLink') {
      const { testexpr, subselect } = content as { testexpr?: unknown; subselect?: { SelectStmt?: Node } }
      const from = subselect?.SelectStmt?.['fromClause'] !== undefined
      return dependsOnRow(testexpr, relation, inside) || dependsOnRow(subselect, relation, inside || from)
    }
    return dependsOnRow(content, relation, inside)
  })
}

function namesOf(relation: unknown): ReadonlySet<unknown> {
  const { relname, alias } = (relation ?? {}) as { relname?: string; alias?: { aliasname?: string } }
  return new Set([alias?.aliasname ?? relname])
}

/** The name of the operator of an A_Expr, without its schema. */
export const operatorOf = (expression: Node): string =>
  ((expression['name'] ?? []) as { String?: { sval?: string } }[]).at(-1)?.String?.sval ?? ''

const sameSides = (expression: Node): boolean =>
  expression['lexpr'] !== undefined &&
  JSON.stringify(bare(expression['lexpr'])) === JSON.stringify(bare(expression['rexpr']))

/** Without places in the text, and without the name of the table before a column. */
function bare(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(bare)
  if (node === null || typeof node !== 'object') return node
  const { ColumnRef } = node as { ColumnRef?: { fields: unknown[] } }
  if (ColumnRef !== undefined) return { column: bare(ColumnRef.fields.at(-1)) }
  return Object.fromEntries(
    Object.entries(node).flatMap(([key, content]) => (key === 'location' ? [] : [[key, bare(content)]])),
  )
}

const SELF = new Set(['=', '<=', '>=', '~~', '~~*', '~'])
const NEVER = new Set(['<>', '!=', '<', '>'])
