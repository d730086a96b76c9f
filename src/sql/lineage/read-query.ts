import { item } from '../../shared/item.ts'
import { fromParts, partsOf, statementParts } from '../parts.ts'
import { mayBeCalled } from '../called.ts'
import type {
  Expression,
  FromItem,
  Query,
  Select,
  SetOperation,
  Sort,
  Statement,
  Target,
  Values,
  With,
} from '../query.ts'
import { canFail, condition, originOf, originsOf, starOf } from './read-expression.ts'
import type { ExpressionContext } from './expression-context.ts'
import { areLeftOut } from './left-out.ts'
import { contextAt, leakRows, readFrom, rename, type CountingTable, type Place } from './read-from.ts'
import { MAY_FAIL, asTyped, joinColumn, outputTyped } from './meetings.ts'
import type { Ctes } from './scope.ts'
import { reportIndexOrder } from './index-order.ts'
import { orderOfSelect, reportOrder } from './row-order.ts'
import { isMasked, madeOf, oneOf, PLAIN, repeated, type Origin, type Output } from './origin.ts'

/** Reads a query; the reader that is given reads INSERT, UPDATE, DELETE and MERGE as well, which may stand in a WITH. */
export function readQuery(node: Query, place: Place): readonly Output[] {
  const ctes = readWith(node.with, place)
  const inner = { ...place, ctes }
  switch (node.kind) {
    case 'select':
      return readSelect(node, inner)
    case 'set-operation':
      return readSetOperation(node, inner)
    case 'values':
      return readValues(node, inner)
  }
}

function readSelect(select: Select, place: Place): readonly Output[] {
  const { found } = place
  const { isUnordered } = found
  // What stands within is seen in an order again.
  found.isUnordered = false
  const counting: CountingTable[] = []
  const { items, starColumns } = readFrom(select.from, { ...place, counting })
  const context: ExpressionContext = { ...contextAt(place, items), windows: select.windows }
  condition(select.where, 'WHERE', context)
  for (const table of counting) if (!areLeftOut(table.table, table.rows, select, context)) leakRows(table, found)
  const outputs = readTargets(select.targets, starColumns, context)
  const tail = withTargets(context, outputs)
  condition(select.having, 'HAVING', tail)
  const columnOrigin = (column: Expression): Origin => originOf(column, context)
  for (const { value } of select.targets) found.constants.selected(select, value, columnOrigin)
  for (const item of select.group) found.constants.bare(item)
  const named = (node: Expression): Origin => madeOf([byNameOrPlace(node, outputs), originOf(node, tail)])
  for (const item of select.group) comparesRows(named(item), 'GROUP BY', found)
  if (select.groupDistinct) found.leak(madeOf(outputs.map(({ origin }) => origin)), 'GROUP BY DISTINCT')
  if (select.distinct?.length === 0) for (const output of outputs) comparesRows(output.origin, 'DISTINCT', found)
  for (const item of select.distinct ?? []) comparesRows(named(item), 'DISTINCT ON', found)
  readTail(select, outputs, tail)
  reportOrder(orderOfSelect(select, outputs, context), context)
  if (!isUnordered || select.limit.length > 0) reportIndexOrder(select, outputs, context)
  return outputs
}

/** What ORDER BY, GROUP BY and HAVING see: where they may name columns of the select list, those beside the ones of FROM. */
const withTargets = (context: ExpressionContext, outputs: readonly Output[]): ExpressionContext =>
  context.found.dialect.targetsAreNamed
    ? {
        ...context,
        scope: {
          ...context.scope,
          items: [...context.scope.items, { alias: undefined, columns: outputs }],
        },
        origins: new WeakMap(),
        types: new WeakMap(),
      }
    : context

/** Values of rows are compared with those of others: also where a view does so, whoever reads it is told. */
function comparesRows(origin: Origin, place: string, found: Place['found']): void {
  if (isMasked(origin)) found.comparesRows = true
  found.leak(origin, place)
}

/** ORDER BY, LIMIT and OFFSET. */
function readTail(
  { order, limit, offset }: { order: readonly Sort[]; limit: readonly Expression[]; offset: readonly Expression[] },
  outputs: readonly Output[],
  context: ExpressionContext,
): void {
  const { found } = context
  for (const { by } of order) {
    // A name of the select list goes before one of FROM.
    const isNamed = by.kind === 'column' && by.path.length === 1 && outputs.some(({ name }) => name === by.path[0])
    const read = isNamed ? PLAIN : originOf(by, context)
    comparesRows(madeOf([byNameOrPlace(by, outputs), read]), 'ORDER BY', found)
    found.constants.bare(by)
  }
  for (const count of [...limit, ...offset]) found.constants.bare(count)
  found.leak(originsOf(limit, context), 'LIMIT')
  found.leak(originsOf(offset, context), 'OFFSET')
}

/** `ORDER BY 1`, or ORDER BY a name of the select list; in GROUP BY also within rows, ROLLUP and the like. */
function byNameOrPlace(node: Expression, outputs: readonly Output[]): Origin {
  switch (node.kind) {
    case 'row':
    case 'grouping-set':
      return madeOf(node.args.map((part) => byNameOrPlace(part, outputs)))
    case 'constant':
      if (node.type !== 'integer') return PLAIN
      // With columns of unknown number before it, a place can be any column.
      if (outputs.some((output) => output.repeats === true)) return madeOf(outputs.map(({ origin }) => origin))
      return outputs[Number(node.value) - 1]?.origin ?? PLAIN
    case 'column':
      if (node.path.length !== 1) return PLAIN
      return madeOf(outputs.filter((output) => mayBeCalled(output, item(node.path, 0))).map(({ origin }) => origin))
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'call':
    case 'operation':
    case 'logic':
    case 'test':
    case 'case':
    case 'coalesce':
    case 'extreme':
    case 'subquery':
    case 'cast':
    case 'collate':
    case 'array':
    case 'field':
    case 'built':
    case 'current-of':
    case 'default':
    case 'opaque':
      return PLAIN
  }
}

function readSetOperation(node: SetOperation, place: Place): readonly Output[] {
  const { found, outer, ctes, query } = place
  const left = query(node.left, found, outer, ctes)
  const right = query(node.right, found, outer, ctes)
  const outputs = merge(left, right, found)
  if (mixes(node, left, right)) found.constants.mixed()
  if (node.compares)
    for (const output of [...left, ...right]) found.leak(output.origin, 'UNION, INTERSECT or EXCEPT that compares rows')
  readTail(node, outputs, contextAt(place, []))
  return outputs
}

/** Whether values of masked columns meet others: rows are compared, or one column holds both, for whatever reads it. */
function mixes({ compares }: SetOperation, left: readonly Output[], right: readonly Output[]): boolean {
  const both = [...left, ...right]
  if (!both.some(({ origin }) => isMasked(origin))) return false
  if (compares || left.length !== right.length || both.some((output) => output.repeats === true)) return true
  return left.some(({ origin }, index) => isMasked(origin) !== isMasked(item(right, index).origin))
}

/** Rows of both, column by column; named as the first. */
function merge(left: readonly Output[], right: readonly Output[], found: Place['found']): readonly Output[] {
  const both = [...left, ...right]
  const fails = both.some((output) => output.fails === true)
  const uneven = left.length !== right.length || both.some((output) => output.repeats === true)
  if (uneven) {
    const all = madeOf(both.map(({ origin }) => origin))
    if (found.dialect.meetings !== undefined) found.leak(all, MAY_FAIL)
    return [repeated(all, fails)]
  }
  return left.map((one, index) => {
    const column = below([one, item(right, index)], found)
    return {
      ...column,
      name: one.name,
      ...(one.word === undefined ? {} : { word: one.word }),
      fails: fails || column.fails,
    }
  })
}

/** A column of values that stand below one another. */
function below(
  outputs: readonly Output[],
  found: Place['found'],
): { origin: Origin; type: string | undefined; fails: boolean } {
  const { meetings } = found.dialect
  const origin = oneOf(outputs.map((output) => output.origin))
  if (meetings === undefined) return { origin, type: undefined, fails: false }
  if (!joinColumn(outputs, meetings, (output) => isMasked(output.origin))) found.leak(origin, MAY_FAIL)
  const type = meetings.commonType(outputs.map(asTyped))
  return {
    origin: isMasked(origin) ? { ...origin, type } : origin,
    type,
    fails: !joinColumn(outputs, meetings, () => true),
  }
}

function readValues(node: Values, place: Place): readonly Output[] {
  const context = contextAt(place, [])
  const { found } = place
  const rows = node.rows.map((row) =>
    row.map((item): Output => ({ name: undefined, origin: originOf(item, context), ...outputTyped(item, context) })),
  )
  const outputs = (rows[0] ?? []).map((_, index) => {
    const column = below(
      rows.map((row) => row[index] ?? { name: undefined, origin: found.sources.anything }),
      found,
    )
    return {
      ...column,
      // Where targets are named they are called as the first row's constants read, or are numbered: by any word.
      name: found.dialect.targetsAreNamed ? undefined : `column${index + 1}`,
      fails: column.fails || node.rows.some((row) => row[index] === undefined || canFail(row[index], context)),
    }
  })
  readTail(node, outputs, context)
  return outputs
}

/** Common table expressions; one with RECURSIVE is read until what it depends on does not grow any more. */
export function readWith(clause: With | undefined, place: Place): Ctes | undefined {
  const { found, outer, query } = place
  let { ctes } = place
  // With RECURSIVE an expression may name those after it: until they are read, they are taken for the worst.
  for (const { name } of clause?.recursive === true ? clause.ctes : [])
    ctes = { name, columns: [repeated(found.sources.anything, true)], next: ctes }
  for (const cte of clause?.ctes ?? []) {
    const { name } = cte
    const read = (): readonly Output[] => {
      const outputs = rename(query(cte.query, found, outer, ctes), cte.columns)
      // SEARCH and CYCLE add columns made of the others.
      return cte.adds === undefined
        ? outputs
        : [...outputs, repeated(madeOf(outputs.map(({ origin }) => origin)), true)]
    }
    if (clause?.recursive === true && refersTo(cte.query, name)) {
      const { leaks, copies } = found
      let columns: readonly Output[] = firstTerm(cte, { ...place, ctes })
      for (let round = 0; ; round++) {
        found.leaks = [...leaks]
        found.copies = [...copies]
        const before = columns
        ctes = { name, columns, next: ctes }
        columns = read()
        ctes = ctes.next
        if (sameMasks(before, columns)) break
        if (round === MAX_ROUNDS) {
          columns = [repeated(madeOf(columns.map(({ origin }) => origin)), true)]
          break
        }
      }
      ctes = { name, columns, next: ctes }
    } else ctes = { name, columns: read(), next: ctes }
  }
  return ctes
}

/** What the non-recursive term gives: where reading a recursive expression starts. */
function firstTerm({ query: node, columns }: With['ctes'][number], place: Place): readonly Output[] {
  const { found, outer, query } = place
  if (node.kind !== 'set-operation') return [repeated(found.sources.anything, true)]
  const inner = readWith(node.with, place)
  return rename(query(node.left, found, outer, inner), columns)
}

/** Whether a relation of this name is mentioned anywhere within. */
function refersTo(node: Statement, name: string): boolean {
  const inStatement = (statement: Statement): boolean => {
    const { expressions, statements, from } = statementParts(statement)
    return expressions.some(inExpression) || statements.some(inStatement) || from.some(inItem)
  }
  const inExpression = (expression: Expression): boolean => {
    const { expressions, statements } = partsOf(expression)
    return expression.kind === 'opaque' || expressions.some(inExpression) || statements.some(inStatement)
  }
  const inItem = (item: FromItem): boolean => {
    const { expressions, statements, from } = fromParts(item)
    return (
      (item.kind === 'table' && item.name.name === name) ||
      expressions.some(inExpression) ||
      statements.some(inStatement) ||
      from.some(inItem)
    )
  }
  return inStatement(node)
}

function sameMasks(left: readonly Output[], right: readonly Output[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ origin, repeats: unknownCount, fails }, index) => {
      const other = item(right, index)
      return (
        unknownCount === other.repeats &&
        fails === other.fails &&
        origin.direct === other.origin.direct &&
        origin.type === other.origin.type &&
        origin.masks.length === other.origin.masks.length
      )
    })
  )
}

/** The columns of a target list or RETURNING. */
export function readTargets(
  targets: readonly Target[],
  star: readonly Output[],
  context: ExpressionContext,
): readonly Output[] {
  const outputs: Output[] = []
  for (const { name, word, value } of targets) {
    const starred = starOf(value, star, context)
    if (starred !== undefined)
      for (const output of starred) {
        context.found.meets(output.origin)
        outputs.push(output)
      }
    else
      outputs.push({
        name,
        ...(word === undefined ? {} : { word }),
        origin: originOf(value, context),
        ...outputTyped(value, context),
        fails: canFail(value, context),
      })
    // The server takes no more: what is said of the rest is true of no result.
    if (outputs.length > context.found.dialect.maxColumns) return [repeated(context.found.sources.anything, true)]
  }
  return outputs
}

const MAX_ROUNDS = 20
