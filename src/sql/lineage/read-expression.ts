import { item } from '../../shared/item.ts'
import { isConstant } from '../dialect.ts'
import { skipsOf } from '../evaluation.ts'
import { fromParts, partsOf, statementParts, windowParts } from '../parts.ts'
import type {
  Built,
  Call,
  Expression,
  FromItem,
  Operation,
  Parameter,
  Sort,
  Statement,
  Subquery,
  Window,
} from '../query.ts'
import type { ExpressionContext } from './expression-context.ts'
import type { LineageFindings } from './report.ts'
import { columnFails, expandStar, findCte, findItem, resolveColumn, type QueryScope } from './scope.ts'
import { MAY_FAIL, mayNotMeet, rowsMayNotMeet, typedOf } from './meetings.ts'
import { isMasked, madeOf, oneOf, PLAIN, repeated, typed, type Origin, type Output } from './origin.ts'

/** What an expression depends on. Reports where it would reveal a masked value by failing, waiting or returning rows. */
export function originOf(node: Expression, context: ExpressionContext): Origin {
  const before = context.isSecond ? context.origins.get(node) : undefined
  if (before !== undefined) return before
  const origin = retyped(originOfNode(node, context), node, context)
  if (node.kind === 'column' || node.kind === 'field') context.found.meets(origin)
  if (!context.isSecond) context.origins.set(node, origin)
  if (isMasked(origin)) context.found.constants.read(node, origin, (part) => originOf(part, quiet(context)))
  const skips = skipsOf(node)
  if (skips !== undefined) {
    const decides = originsOf(skips.decides, quiet(context))
    if (isMasked(decides) && (node.kind === 'case' || skips.skipped.some((part) => canFail(part, context))))
      context.found.leak(decides, skips.place)
  }
  return origin
}

/** Its type is only stated where its parts, and what they are compared with, leave no doubt. */
function retyped(origin: Origin, node: Expression, context: ExpressionContext): Origin {
  const { meetings } = context.found.dialect
  if (meetings === undefined || !isMasked(origin)) return origin
  // A named column was typed where it was read.
  if (node.kind === 'column' || node.kind === 'field' || node.kind === 'subquery') return origin
  const { type } = typedOf(node, context)
  if (mayNotMeet(node, context, (part) => isMasked(originOf(part, quiet(context)))))
    context.found.leak(origin, MAY_FAIL)
  return origin.type === type ? origin : { ...origin, type }
}

export const originsOf = (nodes: readonly Expression[], context: ExpressionContext): Origin =>
  madeOf(nodes.map((node) => originOf(node, context)))

const sorted = (order: readonly Sort[], context: ExpressionContext): Origin =>
  originsOf(
    order.map(({ by }) => by),
    context,
  )

function originOfNode(node: Expression, context: ExpressionContext): Origin {
  const { found } = context
  const { types, totals } = found.dialect
  switch (node.kind) {
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'default':
    case 'current-of':
      return PLAIN
    case 'variable':
      if (node.of === 'user') return found.sources.variable?.(node.name) ?? found.sources.anything
      // How long its value is, the description of the column says.
      found.leak(found.sources.setting(node.name), `@@${node.name}`)
      return found.sources.setting(node.name)
    case 'assign': {
      // Any later statement may read it.
      const origin = originOf(node.value, context)
      found.copy(origin, 'a user variable')
      found.assigned.push({ variable: node.variable, origin })
      return origin
    }
    case 'opaque':
      return found.sources.anything
    case 'column':
      if (node.path.at(-1) !== '*') return resolveColumn(context.scope, node.path, found.dialect)
      return typed(
        madeOf(expandStar(context.scope, allOf(context.scope), node.path.at(-2)).map(({ origin }) => origin)),
        types.row,
      )
    case 'field': {
      const [first, ...more] = node.steps
      const row = node.of.kind === 'column' && node.of.path.length === 1 ? String(node.of.path[0]) : undefined
      // `(item).column` is that column.
      if (row !== undefined && more.length === 0 && typeof first === 'string' && first !== '*')
        if (findItem(context.scope, row) !== undefined) return resolveColumn(context.scope, [row, first], found.dialect)
      const places = node.steps.flatMap((step) => (typeof step === 'string' ? [] : step))
      // A subscript that is not a number of the right size fails.
      const place = originsOf(places, context)
      found.leak(place, 'a subscript')
      return madeOf([originOf(node.of, context), place])
    }
    case 'cast': {
      const origin = originOf(node.arg, context)
      if (!isMasked(origin)) return origin
      if (!totals.isTextType(node.to)) {
        found.leak(origin, `a cast to ${node.to.name}`)
        return madeOf([origin])
      }
      return typed(node.to.limited ? madeOf([origin]) : origin, types.text)
    }
    case 'collate':
      return originOf(node.arg, context)
    case 'call':
      return callOrigin(node, context)
    case 'built':
      return builtOrigin(node, context)
    case 'operation':
      return operationOrigin(node, context)
    case 'coalesce':
      return oneOf(node.args.map((arg) => originOf(arg, context)))
    case 'array': {
      const origins = node.args.map((arg) => originOf(arg, context))
      const origin = madeOf(origins)
      // Arrays within an array must be of one length.
      if (isMasked(origin) && !origins.some(({ type }) => totals.isScalar(type))) found.leak(origin, 'an array')
      return origin
    }
    case 'extreme': {
      const origins = node.args.map((arg) => originOf(arg, context))
      const [known] = origins.filter(isMasked)
      return typed(madeOf(origins), known?.type)
    }
    case 'case': {
      const { expressions } = partsOf(node)
      return originsOf(expressions, context)
    }
    case 'test':
      return typed(node.is === 'null' ? originsOf([node.arg], context) : truthsOf([node.arg], context), types.boolean)
    case 'logic':
      return typed(truthsOf(node.args, context), types.boolean)
    case 'row':
      return typed(originsOf(node.args, context), types.row)
    case 'grouping-set':
      return originsOf(node.args, context)
    case 'subquery':
      return subqueryOrigin(node, context)
  }
}

/** The origin of a truth value. */
function truthsOf(nodes: readonly Expression[], context: ExpressionContext): Origin {
  const { found } = context
  const origins = nodes.map((node) => originOf(node, context))
  for (const origin of origins)
    if (isMasked(origin) && !found.dialect.totals.mayDecide(origin.type)) found.leak(origin, 'AND, OR or NOT')
  return madeOf(origins)
}

function operationOrigin(node: Operation, context: ExpressionContext): Origin {
  const { found } = context
  const { types, totals } = found.dialect
  const origins = node.args.map((arg) => originOf(arg, context))
  const origin = madeOf(origins)
  if (node.operators.some((operator) => found.sources.opaque(operator, true)))
    return madeOf([origin, found.sources.anything])
  if (!isMasked(origin)) return origin
  for (const { name } of node.operators) {
    const fails = origins.some(
      (arg, index) =>
        isMasked(arg) &&
        !totals.operatorMayTake(name, index > 0, arg.type, node.args[index === 0 ? 1 : 0] ?? item(node.args, 0)),
    )
    if (fails) found.leak(origin, `the operator ${name}`)
  }
  const [first] = origins.filter(isMasked)
  if (node.form === 'nullif') return typed(origin, origins[0]?.type)
  const [operator] = node.operators
  return typed(origin, operator !== undefined && totals.appends(operator.name) ? first?.type : types.boolean)
}

function subqueryOrigin(node: Subquery, context: ExpressionContext): Origin {
  const { found, scope, ctes, query } = context
  const { types, totals } = found.dialect
  // Whether such a row exists does not depend on the order.
  found.isUnordered = node.gives === 'exists' || node.gives === 'rows'
  const outputs = query(node.query, found, scope, ctes)
  found.isUnordered = false
  const tested = node.tested === undefined ? PLAIN : originOf(node.tested, context)
  const all = madeOf(outputs.map(({ origin }) => origin))
  const [only, ...others] = outputs
  switch (node.gives) {
    case 'exists':
      return PLAIN
    case 'value':
      return only !== undefined && others.length === 0 && only.repeats !== true ? only.origin : all
    case 'array':
      if (isMasked(all) && !outputs.every(({ origin }) => !isMasked(origin) || totals.isScalar(origin.type)))
        found.leak(all, 'an array')
      return all
    case 'rows': {
      const origin = madeOf([tested, all])
      if (node.operators.some((operator) => found.sources.opaque(operator, true)))
        return madeOf([origin, found.sources.anything])
      if (!isMasked(origin)) return origin
      if (rowsMayNotMeet(node, outputs, context)) found.leak(origin, 'ANY, ALL or IN')
      // Rows are read until one decides.
      if (statementCanFail(node.query, context)) found.leak(origin, 'ANY or ALL')
      for (const { name } of node.operators)
        if (!totals.operatorMayTake(name, true, undefined, node.tested ?? { kind: 'default' }))
          found.leak(origin, `the operator ${name}`)
      return typed(origin, types.boolean)
    }
  }
}

function callOrigin(node: Call, context: ExpressionContext): Origin {
  const { name } = node
  const { found } = context
  const { totals } = found.dialect
  const args = node.args.map((arg) => originOf(arg, context))
  args.forEach((origin, index) => {
    if (isMasked(origin) && !totals.mayTake(node, index, origin.type)) found.leak(origin, `arguments of ${name.name}()`)
  })
  // FILTER and ORDER BY within an aggregate shape its value, and nothing else.
  const order = sorted(node.order, context)
  if (node.ordered && isMasked(order) && !totals.maySort(node)) found.leak(order, `arguments of ${name.name}()`)
  const shape = [node.filter === undefined ? PLAIN : originOf(node.filter, context), order]
  const window = windowOrigin(node.window, context)
  if (found.sources.opaque(name, false)) return madeOf([...args, ...shape, window, found.sources.anything])
  // Every listener receives it, also on connections where nothing is masked.
  const delivery = found.dialect.deliveryOf(node)
  if (delivery !== undefined) found.copy(madeOf(args), delivery.what)
  const countedRows = found.sources.countedRows(name)
  if (isMasked(countedRows)) found.comparesRows = true
  found.leak(countedRows, `${name.name}()`)
  const counted = found.sources.counted(name)
  if (isMasked(counted)) return typed(madeOf([...args, ...shape, window, counted]), totals.typeGiven(node))
  const [first] = args
  const keeps = totals.keepsValue(node)
  const unchanged = keeps && args.length === 1 && !isMasked(madeOf([...shape, window]))
  if (unchanged && first !== undefined) return first
  return typed(madeOf([...args, ...shape, window]), keeps ? first?.type : totals.typeGiven(node))
}

function builtOrigin(node: Built, context: ExpressionContext): Origin {
  const args = originsOf(node.args, context)
  if (isMasked(args) && !node.total) context.found.leak(args, node.what)
  const filter = node.filter === undefined ? PLAIN : originOf(node.filter, context)
  return madeOf([args, filter, sorted(node.order, context), windowOrigin(node.window, context)])
}

/** A named window is defined in the WINDOW clause, and may refer to another there. */
function windowOrigin(window: Window | undefined, context: ExpressionContext): Origin {
  if (window === undefined) return PLAIN
  // The whole WINDOW clause is read in place of the named window.
  const all = window.refers === undefined ? [window] : [window, ...context.windows]
  const origin = originsOf(all.flatMap(windowParts), context)
  if (isMasked(origin)) context.found.comparesRows = true
  context.found.leak(origin, 'a window')
  return origin
}

// ── what can fail ──────────────────────────────────────────────────────────────────────────────────────────────────

/** Whether a part of it could fail, wait or leave a trace. */
export function canFail(node: Expression, context: ExpressionContext): boolean {
  const { totals } = context.found.dialect
  const typeOf = (arg: Expression): string | undefined => typedOf(arg, context).type
  if (mayNotMeet(node, context, () => true)) return true
  switch (node.kind) {
    case 'column':
      return columnFails(context.scope, node.path)
    case 'opaque':
    case 'subquery':
    // It leaves a trace.
    case 'assign':
      return true
    case 'cast':
      return (!totals.isTextType(node.to) && !isConstant(node.arg)) || canFail(node.arg, context)
    case 'call':
      if (!totals.neverFails(node, typeOf) || (node.ordered && !totals.maySort(node))) return true
      break
    case 'built':
      if (!node.total) return true
      break
    case 'operation':
      if (!node.operators.every(({ name }) => totals.operatorNeverFails(name, node.args, typeOf))) return true
      break
    case 'array':
      // Elements may be arrays themselves.
      if (node.args.some((arg) => arg.kind !== 'constant')) return true
      break
    case 'field':
      if (node.steps.some((step) => typeof step !== 'string')) return true
      break
    // They never fail, whatever the values of their parts.
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'logic':
    case 'test':
    case 'case':
    case 'coalesce':
    case 'extreme':
    case 'collate':
    case 'row':
    case 'grouping-set':
    case 'current-of':
    case 'default':
      break
  }
  return partsOf(node).expressions.some((part) => canFail(part, context))
}

/** The same for a nested query. Its own names are not resolved; its relations are checked as a whole. */
function statementCanFail(statement: Statement, context: ExpressionContext): boolean {
  const { expressions, statements, from } = statementParts(statement)
  return (
    statement.kind === 'utility' ||
    expressions.some((part) => canFail(part, context)) ||
    statements.some((inner) => statementCanFail(inner, context)) ||
    from.some((item) => itemCanFail(item, context))
  )
}

function itemCanFail(item: FromItem, context: ExpressionContext): boolean {
  if (item.kind === 'table') {
    const cte = item.name.schema === undefined ? findCte(context.ctes, item.name.name) : undefined
    const columns = cte ?? context.found.sources.relation(item.name)
    return item.sample.length > 0 || columns.some(({ fails }) => fails === true)
  }
  if (item.kind === 'function-table' || item.kind === 'value-table' || item.kind === 'opaque') return true
  const { expressions, statements, from } = fromParts(item)
  return (
    expressions.some((part) => canFail(part, context)) ||
    statements.some((inner) => statementCanFail(inner, context)) ||
    from.some((inner) => itemCanFail(inner, context))
  )
}

// ── conditions ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** A condition that decides which rows are returned. Comparing a column with given values for equality is counted; anything else reveals more. */
export function condition(node: Expression | undefined, place: string, context: ExpressionContext): void {
  if (node === undefined || node.kind === 'current-of') return
  // Allowed comparisons are counted: that one is evaluated before another reveals no more.
  if (node.kind === 'logic' && !node.args.some((arg) => canFail(arg, { ...context, trustsParameters: true }))) {
    for (const part of node.args) condition(part, place, context)
    return
  }
  const { found } = context
  const originOfPart = (part: Expression): Origin => originOf(part, quiet(context))
  const [operator, ...more] = node.kind === 'operation' ? node.operators : []
  if (node.kind === 'operation' && operator?.name === '=' && operator.schema === undefined && more.length === 0) {
    const [left = PLAIN, ...others] = node.args.map((arg) => originOf(arg, context))
    const right = madeOf(others)
    found.constants.read(node, madeOf([left, right]), originOfPart)
    found.constants.compared(node, madeOf([left, right]), originOfPart)
    if (!isMasked(left) && !isMasked(right)) return
    const [first, ...rest] = node.args
    const isEquality = node.form === 'plain' || node.form === 'in'
    if (isEquality && left.direct && asksForValues(left, rest, found)) return found.leak(left, place, rest.length)
    if (node.form === 'plain' && others[0]?.direct === true && asksForValues(others[0], [first], found))
      return found.leak(others[0], place, 1)
    return found.leak(madeOf([left, right]), place)
  }
  const origin = originOf(node, context)
  found.constants.compared(node, origin, originOfPart)
  found.leak(origin, place)
}

/** Whether each of these is a given value, and equals at most one value of a masked column. */
function asksForValues(masked: Origin, given: readonly (Expression | undefined)[], found: LineageFindings): boolean {
  const { equalsOne } = found.dialect.totals
  const isOne = (other: Expression | undefined): boolean => {
    if (!isConstant(other)) return false
    const answer = equalsOne(masked.type, other)
    if (answer === 'as-text') for (const { number } of parametersIn(other)) found.textParameters.add(number)
    return answer !== false
  }
  return given.length > 0 && given.every(isOne)
}

const parametersIn = (node: Expression): Parameter[] =>
  node.kind === 'parameter' ? [node] : partsOf(node).expressions.flatMap(parametersIn)

/** The columns of `*` or `x.*` in a target list; undefined where it is not one. */
export function starOf(
  value: Expression,
  star: readonly Output[],
  context: ExpressionContext,
): readonly Output[] | undefined {
  if (value.kind === 'column')
    return value.path.at(-1) === '*' ? expandStar(context.scope, star, value.path.at(-2)) : undefined
  if (value.kind !== 'field' || value.steps.at(-1) !== '*') return undefined
  return [repeated(originOf(value.of, context), true)]
}

/** A context that discards findings, for parts that are read twice. */
const quiet = (context: ExpressionContext): ExpressionContext => ({
  ...context,
  found: context.found.quiet(),
  isSecond: true,
})

const allOf = (scope: QueryScope): readonly Output[] => scope.items.flatMap(({ columns }) => columns)
