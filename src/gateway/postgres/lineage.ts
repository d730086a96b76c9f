import type { ColumnMask } from '../../masking/plan.ts'
import type { Node } from './findings.ts'
import { madeOf, oneOf, PLAIN, spread, type Origin, type Output } from './origin.ts'
import {
  condition,
  list,
  nameOf,
  names,
  originOf,
  pathOf,
  starOf,
  type ExpressionContext,
} from './lineage-expression.ts'
import { OpenConstants, type VisibleConstants } from './open-constants.ts'
import { readFrom, rename } from './lineage-from.ts'
import type { Ctes, QueryScope } from './lineage-scope.ts'

/** What the resolver asks of the catalogs. */
export interface Sources {
  /** The columns of a relation in order, views resolved to what they read. */
  relation(named: { schema: string | undefined; name: string }): readonly Output[]
  /** Why the value of a function may come from anywhere; undefined where it depends on its arguments alone. */
  opaque(name: { schema: string | undefined; name: string }, operator: boolean): boolean
  /** A value that may come from any masked column. */
  readonly anything: Origin
  /** What a statement that SQL prepared under this name gives. */
  prepared(name: string): StatementLineage | undefined
}

/** A masked column in a place where rows, order, errors or time tell its value. */
export interface Influence {
  readonly mask: ColumnMask
  /** For people: `WHERE`, `ORDER BY`, `arguments of f()`. */
  readonly place: string
  /** Set where only equality with given values is asked: how many. */
  readonly guesses: number | undefined
}

/** A masked column that would be stored where it is not masked. */
export interface Carried {
  readonly mask: ColumnMask
  readonly to: string
}

export interface StatementLineage {
  readonly outputs: readonly Output[]
  readonly influences: readonly Influence[]
  readonly carried: readonly Carried[]
  /** Undefined: all are hidden. */
  readonly visible?: VisibleConstants
}

/** Collects what one statement tells besides its rows. */
export class LineageFindings {
  readonly sources: Sources
  influences: Influence[] = []
  carried: Carried[] = []
  readonly constants: OpenConstants

  constructor(sources: Sources, tree: Node) {
    this.sources = sources
    this.constants = new OpenConstants(tree)
  }

  tells(origin: Origin, place: string, guesses?: number): void {
    for (const mask of origin.masks) this.influences.push({ mask, place, guesses })
  }

  carries(origin: Origin, to: string): void {
    for (const mask of origin.masks) this.carried.push({ mask, to })
  }
}

/** The columns of a query: SELECT, VALUES, set operations, or a statement with RETURNING. */
export type QueryReader = (
  node: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
) => readonly Output[]

/** A reader of SELECT; `other` reads INSERT, UPDATE, DELETE and MERGE, which may stand in a WITH. */
export function readSelect(
  select: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
  query: QueryReader,
): readonly Output[] {
  const ctes = readWith(select['withClause'], found, outer, outerCtes, query)
  const outputs =
    select['op'] !== undefined && select['op'] !== 'SETOP_NONE'
      ? readSetOperation(select, found, outer, ctes, query)
      : select['valuesLists'] === undefined
        ? readPlainSelect(select, found, outer, ctes, query)
        : readValues(select, found, outer, ctes, query)
  return outputs
}

function readPlainSelect(
  select: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): readonly Output[] {
  const { items, star } = readFrom(select['fromClause'], found, outer, ctes, query)
  const scope: QueryScope = { items, outer }
  const context = { found, scope, ctes, query, windows: list(select['windowClause']) }
  condition(select['whereClause'], 'WHERE', context)
  condition(select['havingClause'], 'HAVING', context)
  const outputs = readTargets(select['targetList'], star, context)
  const columnOrigin = (column: unknown): Origin => originOf(column, context)
  for (const target of list(select['targetList']))
    found.constants.selected(select, (target as { ResTarget: Node }).ResTarget['val'], columnOrigin)
  for (const item of list(select['groupClause'])) found.constants.bare(item)
  const named = (node: unknown): Origin => madeOf([byNameOrPlace(node, outputs), originOf(node, context)])
  for (const item of list(select['groupClause'])) found.tells(named(item), 'GROUP BY')
  if (select['groupDistinct'] === true) found.tells(madeOf(outputs.map(({ origin }) => origin)), 'GROUP BY DISTINCT')
  for (const item of list(select['distinctClause'])) {
    // A plain DISTINCT is a list with one empty node.
    if (Object.keys(item as object).length === 0) {
      for (const output of outputs) found.tells(output.origin, 'DISTINCT')
    } else found.tells(named(item), 'DISTINCT ON')
  }
  readOrder(select, outputs, context)
  return outputs
}

function readOrder(select: Node, outputs: readonly Output[], context: ExpressionContext): void {
  for (const item of list(select['sortClause'])) {
    const { SortBy } = item as { SortBy: Node }
    const origin = madeOf([byNameOrPlace(SortBy['node'], outputs), originOf(SortBy['node'], context)])
    context.found.tells(origin, 'ORDER BY')
    context.found.constants.bare(SortBy['node'])
  }
  for (const field of ['limitCount', 'limitOffset']) {
    context.found.constants.bare(select[field])
    context.found.tells(originOf(select[field], context), field === 'limitCount' ? 'LIMIT' : 'OFFSET')
  }
}

/** ORDER BY 1, or ORDER BY a name of the select list. */
function byNameOrPlace(node: unknown, outputs: readonly Output[]): Origin {
  const { A_Const, ColumnRef } = (node ?? {}) as { A_Const?: { ival?: { ival?: number } }; ColumnRef?: Node }
  const place = A_Const?.ival?.ival
  if (place !== undefined) {
    // With columns of unknown number before it, a place can be any column.
    if (outputs.some((output) => output.spread === true)) return madeOf(outputs.map(({ origin }) => origin))
    return outputs[place - 1]?.origin ?? PLAIN
  }
  const path = ColumnRef === undefined ? [] : pathOf(ColumnRef)
  if (path.length !== 1) return PLAIN
  return madeOf(outputs.filter(({ name }) => name === path[0] || name === undefined).map(({ origin }) => origin))
}

function readSetOperation(
  select: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): readonly Output[] {
  const left = query({ SelectStmt: select['larg'] }, found, outer, ctes)
  const right = query({ SelectStmt: select['rarg'] }, found, outer, ctes)
  const outputs = merge(left, right)
  if (select['all'] !== true || select['op'] !== 'SETOP_UNION') {
    for (const output of [...left, ...right])
      found.tells(output.origin, 'UNION, INTERSECT or EXCEPT that compares rows')
  }
  readOrder(select, outputs, { found, scope: { items: [], outer }, ctes, query, windows: [] })
  return outputs
}

/** Rows of both, column by column; named as the first. */
function merge(left: readonly Output[], right: readonly Output[]): readonly Output[] {
  const uneven = left.length !== right.length || [...left, ...right].some((output) => output.spread === true)
  if (uneven) return [spread(madeOf([...left, ...right].map(({ origin }) => origin)))]
  return left.map(({ name, origin }, index) => ({ name, origin: oneOf([origin, (right[index] as Output).origin]) }))
}

function readValues(
  select: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
): readonly Output[] {
  const context: ExpressionContext = { found, scope: { items: [], outer }, ctes, query, windows: [] }
  const rows = list(select['valuesLists']).map((row) =>
    list((row as { List: Node }).List['items']).map((item) => originOf(item, context)),
  )
  const outputs = (rows[0] ?? []).map((_, index) => ({
    name: `column${index + 1}`,
    origin: oneOf(rows.map((row) => row[index] ?? found.sources.anything)),
  }))
  readOrder(select, outputs, context)
  return outputs
}

/** Common table expressions; one with RECURSIVE is read until what it depends on does not grow any more. */
export function readWith(
  clause: unknown,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
  query: QueryReader,
): Ctes | undefined {
  const { ctes: nodes, recursive } = (clause ?? {}) as { ctes?: { CommonTableExpr: Node }[]; recursive?: boolean }
  let ctes = outerCtes
  // With RECURSIVE an expression may name those after it: until they are read, they are taken for the worst.
  const later = recursive === true ? (nodes ?? []).map(({ CommonTableExpr }) => String(CommonTableExpr['ctename'])) : []
  for (const name of later) ctes = { name, columns: [spread(found.sources.anything)], next: ctes }
  for (const { CommonTableExpr: cte } of nodes ?? []) {
    const name = String(cte['ctename'])
    const aliases = names(cte['aliascolnames'])
    const read = (): readonly Output[] => {
      const outputs = rename(query(cte['ctequery'] as Node, found, outer, ctes), aliases)
      // SEARCH and CYCLE add columns made of the others.
      const more = cte['search_clause'] !== undefined || cte['cycle_clause'] !== undefined
      return more ? [...outputs, spread(madeOf(outputs.map(({ origin }) => origin)))] : outputs
    }
    if (recursive === true && refersTo(cte['ctequery'], name)) {
      const { influences, carried } = found
      let columns: readonly Output[] = firstTerm(cte, found, outer, ctes, query, aliases)
      for (let round = 0; ; round++) {
        found.influences = [...influences]
        found.carried = [...carried]
        const before = columns
        ctes = { name, columns, next: ctes }
        columns = read()
        ctes = ctes.next
        if (sameMasks(before, columns)) break
        if (round === MOST_ROUNDS) {
          columns = [spread(madeOf(columns.map(({ origin }) => origin)))]
          break
        }
      }
      ctes = { name, columns, next: ctes }
    } else ctes = { name, columns: read(), next: ctes }
  }
  return ctes
}

/** What the non-recursive term gives: where reading a recursive expression starts. */
function firstTerm(
  cte: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  query: QueryReader,
  aliases: readonly string[],
): readonly Output[] {
  const { SelectStmt } = cte['ctequery'] as { SelectStmt?: Node }
  if (SelectStmt === undefined || SelectStmt['larg'] === undefined) return [spread(found.sources.anything)]
  const inner = readWith(SelectStmt['withClause'], found, outer, ctes, query)
  return rename(query({ SelectStmt: SelectStmt['larg'] }, found, outer, inner), aliases)
}

const refersTo = (query: unknown, name: string): boolean =>
  JSON.stringify(query).includes(`"relname":${JSON.stringify(name)}`)

function sameMasks(left: readonly Output[], right: readonly Output[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ origin, spread: wide }, index) => {
      const other = right[index] as Output
      return (
        wide === other.spread &&
        origin.direct === other.origin.direct &&
        origin.masks.length === other.origin.masks.length
      )
    })
  )
}

/** The columns of a target list or RETURNING. */
export function readTargets(targets: unknown, star: readonly Output[], context: ExpressionContext): readonly Output[] {
  const outputs: Output[] = []
  for (const target of list(targets)) {
    const { ResTarget } = target as { ResTarget: Node }
    const value = ResTarget['val'] as Node
    const starred = starOf(value, star, context)
    if (starred !== undefined) for (const output of starred) outputs.push(output)
    else {
      const name = ResTarget['name'] === undefined ? nameOf(value) : String(ResTarget['name'])
      outputs.push({ name, origin: originOf(value, context) })
    }
    // The server takes no more: what is said of the rest is true of no result.
    if (outputs.length > MOST_TARGETS) return [spread(context.found.sources.anything)]
  }
  return outputs
}

/** MaxTupleAttributeNumber in the server's htup_details.h. */
const MOST_TARGETS = 1664

const MOST_ROUNDS = 20
