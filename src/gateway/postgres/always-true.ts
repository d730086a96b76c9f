import type { Node } from './findings.ts'

/** No WHERE, or one that cannot depend on the row: a constant, `x = x`, or an OR with such an arm. */
export function isAlways(where: unknown): boolean {
  if (where === undefined) return true
  const { BoolExpr, A_Expr } = where as { BoolExpr?: { boolop: string; args: unknown[] }; A_Expr?: Node }
  if (BoolExpr?.boolop === 'OR_EXPR') return BoolExpr.args.some(isAlways)
  if (BoolExpr?.boolop === 'AND_EXPR') return BoolExpr.args.every(isAlways)
  if (
    A_Expr !== undefined &&
    A_Expr['lexpr'] !== undefined &&
    withoutPlaces(A_Expr['lexpr']) === withoutPlaces(A_Expr['rexpr'])
  )
    return true
  return !/"(ColumnRef|CurrentOfExpr|ParamRef)"/.test(JSON.stringify(where))
}

const withoutPlaces = (node: unknown): string => JSON.stringify(node).replace(/,?"location":\d+/g, '')
