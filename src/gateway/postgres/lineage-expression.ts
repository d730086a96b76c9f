import { words } from '../../shared/words.ts'
import type { Node } from './findings.ts'
import type { LineageFindings, QueryReader } from './lineage.ts'
import { expandStar, findItem, resolveColumn, type Ctes, type QueryScope } from './lineage-scope.ts'
import { isMasked, madeOf, oneOf, PLAIN, spread, type Origin, type Output } from './origin.ts'
import { isTotalCast, isTotalOperator, mayTake } from './total-functions.ts'

export interface ExpressionContext {
  readonly found: LineageFindings
  readonly scope: QueryScope
  readonly ctes: Ctes | undefined
  readonly query: QueryReader
  /** The WINDOW clause of the query. */
  readonly windows: readonly unknown[]
}

/** What an expression depends on. Reports where it would tell a masked value by failing, waiting or giving rows. */
export function originOf(value: unknown, context: ExpressionContext): Origin {
  if (Array.isArray(value)) return madeOf(value.map((item) => originOf(item, context)))
  if (value === null || typeof value !== 'object') return PLAIN
  const origins: Origin[] = []
  for (const [key, content] of Object.entries(value)) {
    if (/^[A-Z]/.test(key) && content !== null && typeof content === 'object')
      origins.push(nodeOrigin(key, content as Node, context))
    else origins.push(originOf(content, context))
  }
  return origins.length === 1 ? (origins[0] as Origin) : madeOf(origins)
}

function nodeOrigin(type: string, node: Node, context: ExpressionContext): Origin {
  const special = SPECIAL[type]
  if (special !== undefined) return special(node, context)
  const origin = fieldsOrigin(node, context)
  if (isMasked(origin) && !CONTAINERS.has(type)) context.found.tells(origin, PLACES[type] ?? type)
  return origin
}

const fieldsOrigin = (node: Node, context: ExpressionContext): Origin =>
  madeOf(Object.values(node).map((field) => originOf(field, context)))

const SPECIAL: Readonly<Record<string, (node: Node, context: ExpressionContext) => Origin>> = {
  ColumnRef: (node, context) => {
    const path = pathOf(node)
    if (path.at(-1) !== '*') return resolveColumn(context.scope, path)
    return madeOf(expandStar(context.scope, allOf(context.scope), path.at(-2)).map(({ origin }) => origin))
  },
  A_Indirection: (node, context) => {
    const steps = list(node['indirection']) as { String?: { sval?: string } }[]
    const { ColumnRef } = node['arg'] as { ColumnRef?: Node }
    const [alias, ...more] = ColumnRef === undefined ? [] : pathOf(ColumnRef)
    const field = steps[0]?.String?.sval
    // `(item).column` is that column.
    if (alias !== undefined && more.length === 0 && steps.length === 1 && field !== undefined) {
      if (findItem(context.scope, alias) !== undefined) return resolveColumn(context.scope, [alias, field])
    }
    return madeOf([originOf(node['arg'], context), originOf(node['indirection'], context)])
  },
  TypeCast: (node, context) => {
    const origin = originOf(node['arg'], context)
    if (!isMasked(origin)) return origin
    const typeName = node['typeName'] as Node
    const total = isTextType(typeName)
    if (!total) context.found.tells(origin, `a cast to ${names(typeName['names']).at(-1) ?? ''}`)
    return total && typeName['typmods'] === undefined ? origin : madeOf([origin])
  },
  CollateClause: (node, context) => originOf(node['arg'], context),
  FuncCall: (node, context) => functionOrigin(node, context),
  A_Expr: (node, context) => {
    const origin = madeOf([originOf(node['lexpr'], context), originOf(node['rexpr'], context)])
    const name = { schema: names(node['name']).at(-2), name: names(node['name']).at(-1) ?? '' }
    if (context.found.sources.opaque(name, true)) return madeOf([origin, context.found.sources.anything])
    const asPattern =
      String(node['kind']).includes('LIKE') &&
      isMasked(originOf(node['rexpr'], { ...context, found: quiet(context.found) }))
    if (isMasked(origin) && (asPattern || !isTotalOperator(name.name)))
      context.found.tells(origin, `the operator ${name.name}`)
    return origin
  },
  BoolExpr: (node, context) => shortCircuit(node['args'], 'AND or OR', context),
  CoalesceExpr: (node, context) => {
    shortCircuit(node['args'], 'COALESCE', context)
    return oneOf(list(node['args']).map((argument) => originOf(argument, { ...context, found: quiet(context.found) })))
  },
  CaseExpr: (node, context) => {
    const origin = fieldsOrigin(node, context)
    const asked = madeOf([
      originOf(node['arg'], { ...context, found: quiet(context.found) }),
      ...list(node['args']).map((when) =>
        originOf((when as { CaseWhen: Node }).CaseWhen['expr'], { ...context, found: quiet(context.found) }),
      ),
    ])
    context.found.tells(asked, 'CASE')
    return origin
  },
  SubLink: (node, context) => {
    const { found, scope, ctes, query } = context
    const outputs = query(node['subselect'] as Node, found, scope, ctes)
    const tested = originOf(node['testexpr'], context)
    switch (node['subLinkType']) {
      case 'EXISTS_SUBLINK':
        return PLAIN
      case 'EXPR_SUBLINK':
        return outputs.length === 1 && outputs[0]?.spread !== true
          ? (outputs[0] as Output).origin
          : madeOf(outputs.map(({ origin }) => origin))
      default:
        return madeOf([tested, ...outputs.map(({ origin }) => origin)])
    }
  },
}

/** Evaluated until one decides: whether the next runs tells the one before. */
function shortCircuit(args: unknown, place: string, context: ExpressionContext): Origin {
  const origin = madeOf(list(args).map((argument) => originOf(argument, context)))
  if (isMasked(origin) && canFail(args)) context.found.tells(origin, place)
  return origin
}

/** Something in it could fail or wait. */
const canFail = (node: unknown): boolean => {
  if (Array.isArray(node)) return node.some(canFail)
  if (node === null || typeof node !== 'object') return false
  return Object.entries(node).some(([key, content]) => {
    if (key === 'SubLink') return true
    if (key === 'FuncCall' && !mayTake(names((content as Node)['funcname']).at(-1) ?? '', 0)) return true
    if (key === 'A_Expr' && !isTotalOperator(names((content as Node)['name']).at(-1) ?? '')) return true
    if (
      key === 'TypeCast' &&
      !isTextType((content as Node)['typeName'] as Node) &&
      !isConstant((content as Node)['arg'])
    )
      return true
    return canFail(content)
  })
}

function isTextType(typeName: Node): boolean {
  const path = names(typeName['names'])
  if (path.length > 1 && path[0] !== 'pg_catalog') return false
  return isTotalCast(path.at(-1) ?? '') && typeName['arrayBounds'] === undefined
}

function functionOrigin(node: Node, context: ExpressionContext): Origin {
  const path = names(node['funcname'])
  const name = { schema: path.at(-2), name: path.at(-1) ?? '' }
  const { found } = context
  const args = list(node['args']).map((argument) => originOf(argument, context))
  args.forEach((origin, index) => {
    if (isMasked(origin) && !mayTake(name.name, index)) found.tells(origin, `arguments of ${name.name}()`)
  })
  // FILTER and ORDER BY within an aggregate shape its value, and nothing else.
  const filter = originOf(node['agg_filter'], context)
  if (isMasked(filter) && canFail(node['agg_filter'])) found.tells(filter, 'FILTER')
  const shape = [filter, originOf(node['agg_order'], context)]
  const window = originOf(windowOf(node['over'], context), context)
  found.tells(window, 'a window')
  if (found.sources.opaque(name, false)) return madeOf([...args, ...shape, window, found.sources.anything])
  const [first] = args
  const unchanged = KEEPS_VALUE.has(name.name) && args.length === 1 && !isMasked(madeOf([...shape, window]))
  return unchanged && first !== undefined ? first : madeOf([...args, ...shape, window])
}

/** A window by name stands in the WINDOW clause, and may refer to another there. */
function windowOf(over: unknown, context: ExpressionContext): unknown {
  if (over === undefined) return undefined
  const { name, refname } = over as { name?: string; refname?: string }
  const used = name ?? refname
  if (used === undefined) return [fieldsOfWindow(over as Node)]
  // All of the WINDOW clause stands for the one that is meant.
  return [fieldsOfWindow(over as Node), ...context.windows]
}

const fieldsOfWindow = (over: Node): unknown => [
  over['partitionClause'],
  over['orderClause'],
  over['startOffset'],
  over['endOffset'],
]

/** A place that decides which rows there are. Comparing a column with given values for equality is counted; all else tells more. */
export function condition(node: unknown, place: string, context: ExpressionContext): void {
  if (node === undefined) return
  const { BoolExpr, A_Expr, CurrentOfExpr } = node as { BoolExpr?: Node; A_Expr?: Node; CurrentOfExpr?: Node }
  if (CurrentOfExpr !== undefined) return
  if (BoolExpr !== undefined && !canFail(BoolExpr['args'])) {
    for (const part of list(BoolExpr['args'])) condition(part, place, context)
    return
  }
  const { found } = context
  const columnOrigin = (column: unknown): Origin => originOf(column, context)
  if (A_Expr !== undefined && names(A_Expr['name']).join('.') === '=') {
    const left = originOf(A_Expr['lexpr'], context)
    const right = originOf(A_Expr['rexpr'], context)
    found.constants.compared(node, madeOf([left, right]), columnOrigin)
    if (!isMasked(left) && !isMasked(right)) return
    const guesses = A_Expr['kind'] === 'AEXPR_IN' ? listItems(A_Expr['rexpr']).length : 1
    const isEquality = A_Expr['kind'] === 'AEXPR_OP' || A_Expr['kind'] === 'AEXPR_IN'
    const given = (side: unknown): boolean =>
      listItems(side).length > 0 ? listItems(side).every(isConstant) : isConstant(side)
    if (isEquality && left.direct && given(A_Expr['rexpr'])) return found.tells(left, place, guesses)
    if (A_Expr['kind'] === 'AEXPR_OP' && right.direct && given(A_Expr['lexpr'])) return found.tells(right, place, 1)
    return found.tells(madeOf([left, right]), place)
  }
  const origin = originOf(node, context)
  found.constants.compared(node, origin, columnOrigin)
  found.tells(origin, place)
}

const listItems = (node: unknown): readonly unknown[] =>
  Array.isArray(node) ? (node as unknown[]) : list((node as { List?: Node } | undefined)?.List?.['items'])

/** A literal or a parameter, cast or not. */
function isConstant(node: unknown): boolean {
  const { A_Const, ParamRef, TypeCast } = (node ?? {}) as { A_Const?: Node; ParamRef?: Node; TypeCast?: Node }
  return A_Const !== undefined || ParamRef !== undefined || (TypeCast !== undefined && isConstant(TypeCast['arg']))
}

/** The columns of `*` or `x.*` in a target list; undefined where it is not one. */
export function starOf(
  value: Node,
  star: readonly Output[],
  context: ExpressionContext,
): readonly Output[] | undefined {
  const { ColumnRef, A_Indirection } = value as { ColumnRef?: Node; A_Indirection?: Node }
  if (ColumnRef !== undefined) {
    const path = pathOf(ColumnRef)
    return path.at(-1) === '*' ? expandStar(context.scope, star, path.at(-2)) : undefined
  }
  if (A_Indirection === undefined || !JSON.stringify(list(A_Indirection['indirection']).at(-1)).includes('A_Star'))
    return undefined
  return [spread(originOf(A_Indirection['arg'], context))]
}

/** What the server calls a column that has no AS; undefined where that is not plain. Source: FigureColname in parse_target.c. */
export function nameOf(value: Node): string | undefined {
  const [[type, node] = ['', {}]] = Object.entries(value) as [string, Node][]
  switch (type) {
    case 'ColumnRef':
      return pathOf(node).at(-1)
    case 'FuncCall':
      return names(node['funcname']).at(-1)
    case 'A_Const':
    case 'ParamRef':
    case 'BoolExpr':
    case 'NullTest':
      return '?column?'
    case 'A_Expr':
      return node['kind'] === 'AEXPR_NULLIF' ? 'nullif' : '?column?'
    case 'CollateClause':
      return nameOf(node['arg'] as Node)
    case 'CoalesceExpr':
      return 'coalesce'
    case 'RowExpr':
      return 'row'
    default:
      return undefined
  }
}

/** The parts of a column reference, `*` for a star. */
export const pathOf = (columnRef: Node): string[] =>
  list(columnRef['fields']).map((field) => (field as { String?: { sval?: string } }).String?.sval ?? '*')

/** The same sources, with what is found thrown away: for a part that is read a second time. */
const quiet = (found: LineageFindings): LineageFindings =>
  Object.assign(Object.create(Object.getPrototypeOf(found) as object) as LineageFindings, {
    sources: found.sources,
    constants: found.constants,
    influences: [],
    carried: [],
  })

const allOf = (scope: QueryScope): readonly Output[] => scope.items.flatMap(({ columns }) => columns)

export const names = (value: unknown): string[] =>
  list(value).map((item) => (item as { String?: { sval?: string } }).String?.sval ?? '')

export const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? (value as unknown[]) : [])

/** Aggregates whose value is one of their argument's. */
const KEEPS_VALUE = new Set(['min', 'max', 'any_value', 'first_value', 'last_value'])

/** Nodes that only hold others together. */
const CONTAINERS = new Set(
  words(`
  List A_ArrayExpr RowExpr A_Indices NamedArgExpr NullTest BooleanTest MinMaxExpr JsonObjectConstructor JsonArrayConstructor
  JsonValueExpr JsonKeyValue JsonOutput ResTarget JsonArrayAgg JsonAggConstructor JsonFormat JsonReturning SortBy WindowDef
  TypeName CaseWhen A_Star String MultiAssignRef XmlSerialize GroupingSet GroupingFunc
`),
)
const PLACES: Readonly<Record<string, string>> = { XmlExpr: 'XML functions', JsonFuncExpr: 'JSON functions' }
