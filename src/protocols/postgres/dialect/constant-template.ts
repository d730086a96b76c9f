import type { ParseResult } from '@pgsql/types'
import { fieldOf, itemsOf } from './tree-fields.ts'

/**
 * Texts that differ only in constants have the same facts, as long as no fact depends on the value of a constant. The tree of one of them
 * tells: each constant must be in a place where its value makes no difference. Where that is not certain there is no template, and each
 * such text is analysed by itself.
 */

/** A text with its constants taken out; two texts with the same key have the same tokens but for their constants. */
export interface Skeleton {
  readonly key: string
  /** The number of constants that were removed. */
  readonly constants: number
}

/**
 * Undefined where the text has anything ambiguous: comments, quoted names, escapes, dollar quotes, characters beyond ASCII, numbers other
 * than plain integers. Spec: PostgreSQL manual, 4.1 Lexical Structure.
 */
export function skeletonOf(sql: string): Skeleton | undefined {
  if (sql.length > MAX_LENGTH || UNCERTAIN.test(sql)) return undefined
  let constants = 0
  const key = sql.replace(TOKEN, (token) => {
    if (token.startsWith("'")) {
      constants++
      return "'?'"
    }
    if (!INTEGER.test(token)) return token
    constants++
    return '?'
  })
  // A number such as 1.5, 0x1f or 1e5 is not an integer token; a quote that is left over does not belong to a plain string.
  return constants === 0 || key.replaceAll("'?'", '').includes("'") ? undefined : { key, constants }
}

/** Whether all constants of this statement stand where their value makes no difference to anything that is asked of it. */
export function hasInertConstants({ stmts = [] }: ParseResult, { constants }: Skeleton): boolean {
  const [only] = stmts
  if (only?.stmt === undefined || stmts.length !== 1) return false
  const [[type] = ['']] = Object.entries(only.stmt)
  if (!STATEMENTS.has(type)) return false
  const count = { all: 0, inert: 0 }
  visit(only.stmt, count, changesRows(only.stmt))
  return count.all === constants && count.inert === constants
}

/** Whether there is a WHERE for which the facts say whether it excludes any row. */
function changesRows(value: unknown): boolean {
  if (value === null || typeof value !== 'object') return false
  return Object.entries(value).some(([key, content]) => CHANGES.has(key) || changesRows(content))
}

function visit(value: unknown, count: { all: number; inert: number }, asked: boolean): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (const item of value) visit(item, count, asked)
    return
  }
  for (const [key, content] of Object.entries(value)) {
    if (key === 'A_Const') {
      if (isTaken(content)) count.all++
      continue
    }
    // `a = 1 OR a <> 1` excludes no row, `a = 1 OR a <> 2` does: anything but a conjunction of comparisons depends on its constants.
    if (asked && WEIGHED.has(key) && fieldOf(content, 'boolop') !== 'AND_EXPR') {
      count.all = Infinity
      return
    }
    count.inert += inertIn(key, content)
    visit(content, count, asked)
  }
}

/** Constants directly in this node whose value makes no difference. */
function inertIn(key: string, node: unknown): number {
  switch (key) {
    case 'A_Expr':
      return comparedWith(node)
    case 'SelectStmt':
      return constantsOf([fieldOf(node, 'limitCount'), fieldOf(node, 'limitOffset')])
    case 'InsertStmt': {
      const select = fieldOf(fieldOf(node, 'selectStmt'), 'SelectStmt')
      return constantsOf(itemsOf(fieldOf(select, 'valuesLists')).flatMap(listed))
    }
    case 'UpdateStmt':
      return sum(
        itemsOf(fieldOf(node, 'targetList')).map((target) => {
          const assigned = fieldOf(fieldOf(target, 'ResTarget'), 'val')
          const expression = fieldOf(assigned, 'A_Expr')
          return expression === undefined || !ARITHMETIC.has(operatorOf(expression))
            ? constantsOf([assigned])
            : constantsOf([fieldOf(expression, 'lexpr'), fieldOf(expression, 'rexpr')])
        }),
      )
    default:
      return 0
  }
}

/** A column compared with constants. */
function comparedWith(node: unknown): number {
  const [kind, left, right] = [fieldOf(node, 'kind'), fieldOf(node, 'lexpr'), fieldOf(node, 'rexpr')]
  if (left === undefined || right === undefined) return 0
  if (kind === 'AEXPR_OP' && COMPARISONS.has(operatorOf(node))) {
    if (isColumn(left)) return constantsOf([right])
    return isColumn(right) ? constantsOf([left]) : 0
  }
  const isList = kind === 'AEXPR_IN' || kind === 'AEXPR_BETWEEN'
  return isList && isColumn(left) ? constantsOf(listed(right)) : 0
}

const constantsOf = (nodes: readonly unknown[]): number =>
  nodes.filter((node) => isTaken(fieldOf(node, 'A_Const'))).length

/** NULL, TRUE and FALSE are words, and are part of the key. */
const isTaken = (constant: unknown): boolean =>
  constant !== undefined && fieldOf(constant, 'isnull') !== true && fieldOf(constant, 'boolval') === undefined

const isColumn = (node: unknown): boolean => fieldOf(node, 'ColumnRef') !== undefined

/** The items of a node of the type List. */
const listed = (node: unknown): readonly unknown[] => itemsOf(fieldOf(fieldOf(node, 'List'), 'items'))

/** The name of the operator of an A_Expr, without its schema. */
function operatorOf(expression: unknown): string {
  const name = fieldOf(fieldOf(itemsOf(fieldOf(expression, 'name')).at(-1), 'String'), 'sval')
  return typeof name === 'string' ? name : ''
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

const MAX_LENGTH = 4000
/** And functions that read settings named by constants. */
const UNCERTAIN = /--|\/\*|''|[\\"$&?[\]{}`~@#^|]|[^\n\r\t -~]|set_config|pg_settings/i
/** Strings, and words and numbers with every character attached to them. */
const TOKEN = /'[^']*'|[\w.]+'?/g
/** Nine digits always fit an int4. */
const INTEGER = /^\d{1,9}$/
const STATEMENTS = new Set(['SelectStmt', 'InsertStmt', 'UpdateStmt', 'DeleteStmt'])
const CHANGES = new Set(['UpdateStmt', 'DeleteStmt', 'MergeStmt'])
/** Nodes that combine several conditions, or choose between values. */
const WEIGHED = new Set(['BoolExpr', 'CaseExpr', 'CoalesceExpr', 'BooleanTest', 'MinMaxExpr', 'SubLink'])
const COMPARISONS = new Set(['=', '<>', '<', '>', '<=', '>='])
const ARITHMETIC = new Set(['+', '-'])
