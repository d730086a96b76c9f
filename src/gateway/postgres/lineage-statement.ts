import type { Node } from './findings.ts'
import { LineageFindings, readSelect, readTargets, readWith, type Sources, type StatementLineage } from './lineage.ts'
import { readFrom } from './lineage-from.ts'
import { condition, list, originOf, type ExpressionContext } from './lineage-expression.ts'
import type { Ctes, QueryScope, RangeItem } from './lineage-scope.ts'
import { isMasked, madeOf, PLAIN, spread, type Origin, type Output } from './origin.ts'

/** A relation as a statement writes to it. */
export interface WriteTarget {
  readonly name: string
  /** Its columns in order, with the mask of each. */
  readonly columns: readonly Output[]
  /** Names of columns that no two rows may share a value of: writing one tells whether it is there. */
  readonly unique: ReadonlySet<string>
}

export interface StatementSources extends Sources {
  target(named: { schema: string | undefined; name: string }): WriteTarget
}

/**
 * Where the columns of a statement's result come from, where it tells masked values otherwise, and which ones it would
 * store elsewhere. `tree` is one statement of the parser's.
 */
export function lineageOf(tree: Node, sources: StatementSources): StatementLineage {
  const found = new LineageFindings(sources, tree)
  const outputs = readStatement(tree, found, undefined, undefined)
  return { outputs, influences: found.influences, carried: found.carried, visible: found.constants.found }
}

function readStatement(
  tree: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
): readonly Output[] {
  const [[type, node] = ['', {}]] = Object.entries(tree) as [string, Node][]
  const inner = (field: string): readonly Output[] => readStatement(node[field] as Node, found, outer, ctes)
  const stored = (to: string, outputs: readonly Output[]): readonly Output[] => {
    for (const { origin } of outputs) found.carries(origin, to)
    return []
  }
  switch (type) {
    case 'SelectStmt': {
      const outputs = readSelect(node, found, outer, ctes, readStatement)
      return node['intoClause'] === undefined ? outputs : stored('a new table', outputs)
    }
    case 'InsertStmt':
      return readInsert(node, found, outer, ctes)
    case 'UpdateStmt':
      return readUpdate(node, found, outer, ctes)
    case 'DeleteStmt':
      return readDelete(node, found, outer, ctes)
    case 'MergeStmt':
      return readMerge(node, found, outer, ctes)
    case 'CreateTableAsStmt':
      return stored(node['objtype'] === 'OBJECT_MATVIEW' ? 'a materialized view' : 'a new table', inner('query'))
    case 'ViewStmt':
      inner('query')
      return []
    case 'DeclareCursorStmt':
    case 'PrepareStmt':
      return inner('query')
    case 'ExplainStmt':
      inner('query')
      return [spread(PLAIN)]
    case 'CopyStmt':
      return readCopy(node, found)
    case 'ExecuteStmt': {
      const prepared = found.sources.prepared(String(node['name']))
      if (prepared === undefined) return [spread(found.sources.anything)]
      found.influences.push(...prepared.influences)
      found.carried.push(...prepared.carried)
      return prepared.outputs
    }
    case 'FetchStmt':
    case 'DoStmt':
    case 'CallStmt':
      return [spread(found.sources.anything)]
    case 'VariableShowStmt':
      return [spread(PLAIN)]
    default:
      // Definitions: what they compute with a masked column is computed by whoever uses them.
      readDefinition(type, node, found)
      return [spread(PLAIN)]
  }
}

function readInsert(
  node: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
): readonly Output[] {
  const ctes = readWith(node['withClause'], found, outer, outerCtes, readStatement)
  const { item, target } = readTarget(node['relation'] as Node, found)
  const given = columnNames(node['cols'])
  const columns = given.length > 0 ? given : target.columns.map(({ name }) => name)
  if (node['selectStmt'] !== undefined) {
    const select = node['selectStmt'] as { SelectStmt: Node }
    const source = readStatement(select, found, outer, ctes)
    const rows = list(select.SelectStmt['valuesLists']).length
    writes(source, columns, target, rows > 0 ? rows : undefined, found)
    for (const row of list(select.SelectStmt['valuesLists']))
      list((row as { List: Node }).List['items']).forEach((value, index) =>
        found.constants.stored(value, columnOf(target, columns[index], found).origin),
      )
  }
  const conflict = node['onConflictClause'] as Node | undefined
  if (conflict !== undefined) {
    const excluded: RangeItem = {
      alias: 'excluded',
      columns: target.columns.map(({ name }) => ({ name, origin: PLAIN })),
    }
    const context = contextOf([item, excluded], found, outer, ctes)
    const infer = conflict['infer'] as Node | undefined
    const inferring = contextOf([item], found, outer, ctes)
    for (const element of list(infer?.['indexElems'])) {
      const { IndexElem } = element as { IndexElem: Node }
      const name = IndexElem['name']
      const origin =
        name === undefined
          ? originOf(IndexElem['expr'], inferring)
          : madeOf(target.columns.filter((column) => column.name === name).map((column) => column.origin))
      found.tells(origin, 'ON CONFLICT', 1)
    }
    condition(infer?.['whereClause'], 'ON CONFLICT', inferring)
    condition(conflict['whereClause'], 'ON CONFLICT', context)
    assign(conflict['targetList'], target, context)
  }
  return readReturning(node['returningClause'], [item], item, found, outer, ctes)
}

function readUpdate(
  node: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
): readonly Output[] {
  const ctes = readWith(node['withClause'], found, outer, outerCtes, readStatement)
  const { item, target } = readTarget(node['relation'] as Node, found)
  const from = readFrom(node['fromClause'], found, outer, ctes, readStatement)
  const context = contextOf([item, ...from.items], found, outer, ctes)
  condition(node['whereClause'], 'WHERE', context)
  assign(node['targetList'], target, context)
  return readReturning(node['returningClause'], [item, ...from.items], item, found, outer, ctes, [
    ...item.columns,
    ...from.star,
  ])
}

function readDelete(
  node: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
): readonly Output[] {
  const ctes = readWith(node['withClause'], found, outer, outerCtes, readStatement)
  const { item } = readTarget(node['relation'] as Node, found)
  const from = readFrom(node['usingClause'], found, outer, ctes, readStatement)
  const context = contextOf([item, ...from.items], found, outer, ctes)
  condition(node['whereClause'], 'WHERE', context)
  return readReturning(node['returningClause'], [item, ...from.items], item, found, outer, ctes, [
    ...item.columns,
    ...from.star,
  ])
}

function readMerge(
  node: Node,
  found: LineageFindings,
  outer: QueryScope | undefined,
  outerCtes: Ctes | undefined,
): readonly Output[] {
  const ctes = readWith(node['withClause'], found, outer, outerCtes, readStatement)
  const { item, target } = readTarget(node['relation'] as Node, found)
  const from = readFrom([node['sourceRelation']], found, outer, ctes, readStatement)
  const context = contextOf([item, ...from.items], found, outer, ctes)
  condition(node['joinCondition'], 'MERGE … ON', context)
  for (const when of list(node['mergeWhenClauses'])) {
    const { MergeWhenClause: clause } = when as { MergeWhenClause: Node }
    condition(clause['condition'], 'WHEN', context)
    if (clause['commandType'] === 'CMD_INSERT') {
      const given = columnNames(clause['targetList'])
      const source = list(clause['values']).map((value) => ({ name: undefined, origin: originOf(value, context) }))
      const columns = given.length > 0 ? given : target.columns.map(({ name }) => name)
      writes(source, columns, target, undefined, found)
    } else assign(clause['targetList'], target, context)
  }
  // Unlike elsewhere, a star gives the source's columns first. Source: manual, MERGE, output_expression.
  const star = [...from.star, ...target.columns]
  return readReturning(node['returningClause'], [item, ...from.items], item, found, outer, ctes, star)
}

/** COPY TO gives rows as a query does; COPY FROM writes values that nobody has seen yet. */
function readCopy(node: Node, found: LineageFindings): readonly Output[] {
  if (node['query'] !== undefined) {
    const outputs = readStatement(node['query'] as Node, found, undefined, undefined)
    if (node['filename'] !== undefined || node['is_program'] === true)
      for (const { origin } of outputs) found.carries(origin, 'a file or program of the server')
    return outputs
  }
  const { target } = readTarget(node['relation'] as Node, found)
  const given = columnNames(node['attlist'])
  const columns = given.length > 0 ? given : target.columns.map(({ name }) => name)
  if (node['is_from'] === true) {
    writes(
      columns.map((name) => ({ name, origin: PLAIN })),
      columns,
      target,
      undefined,
      found,
    )
    return []
  }
  const outputs = given.length > 0 ? given.map((name) => columnOf(target, name, found)) : target.columns
  if (node['filename'] !== undefined || node['is_program'] === true)
    for (const { origin } of outputs) found.carries(origin, 'a file or program of the server')
  return outputs
}

/** Definitions over masked relations that would compute with their values when nobody looks. */
function readDefinition(type: string, node: Node, found: LineageFindings): void {
  const relation = (node['relation'] ?? node['table']) as Node | undefined
  if (relation?.['relname'] === undefined || !COMPUTES.has(type)) return
  const { item } = readTarget(relation, found)
  const context = contextOf([item], found, undefined, undefined)
  const all = madeOf(item.columns.map(({ origin }) => origin))
  if (type !== 'IndexStmt') return found.tells(all, PLACES[type] ?? 'a definition')
  condition(node['whereClause'], 'the predicate of an index', context)
  for (const element of list(node['indexParams'])) {
    const { IndexElem } = element as { IndexElem: Node }
    if (IndexElem['expr'] !== undefined) found.tells(originOf(IndexElem['expr'], context), 'the expression of an index')
    // An index gives rows in its order, and one that is unique tells by failing.
    const named = item.columns.filter(({ name }) => name === undefined || name === IndexElem['name'])
    if (IndexElem['name'] !== undefined) found.tells(madeOf(named.map(({ origin }) => origin)), 'an index')
  }
}

/** SET column = value, single and multiple. */
function assign(targets: unknown, target: WriteTarget, context: ExpressionContext): void {
  for (const entry of list(targets)) {
    const { ResTarget } = entry as { ResTarget: Node }
    const value = ResTarget['val'] as { MultiAssignRef?: { source: Node; colno: number } }
    const name = String(ResTarget['name'])
    const origin =
      value.MultiAssignRef === undefined
        ? originOf(value, context)
        : assigned(value.MultiAssignRef.source, value.MultiAssignRef.colno, context)
    writes([{ name, origin }], [name], target, constant(value) ? 1 : undefined, context.found)
    context.found.constants.stored(value, columnOf(target, name, context.found).origin)
  }
}

/** `(a, b) = (select …)` or `= row(…)`: the value of one place. */
function assigned(source: Node, place: number, context: ExpressionContext): Origin {
  const { SubLink, RowExpr } = source as { SubLink?: Node; RowExpr?: Node }
  if (RowExpr !== undefined) return originOf(list(RowExpr['args'])[place - 1], context)
  if (SubLink === undefined) return originOf(source, context)
  const outputs = readStatement(SubLink['subselect'] as Node, context.found, context.scope, context.ctes)
  return outputs.some((output) => output.spread === true)
    ? madeOf(outputs.map(({ origin }) => origin))
    : (outputs[place - 1]?.origin ?? context.found.sources.anything)
}

/** Values that go into columns. Each may go only where it is masked as it was; what must be unique tells whether it was there. */
function writes(
  source: readonly Output[],
  columns: readonly (string | undefined)[],
  target: WriteTarget,
  rows: number | undefined,
  found: LineageFindings,
): void {
  const wide = source.some((output) => output.spread === true)
  source.forEach(({ origin }, index) => {
    const into = wide ? undefined : columnOf(target, columns[index], found)
    const same = (into?.origin.masks ?? []).map(({ style, name }) => `${style} ${name}`)
    const lost = origin.masks.filter((mask) => !same.some((known) => known.startsWith(`${mask.style} `)))
    if (into === undefined || lost.length > 0) found.carries(origin, target.name)
    if (into !== undefined && isMasked(into.origin) && (into.name === undefined || target.unique.has(into.name)))
      found.tells(into.origin, 'a column whose values are unique', rows)
  })
}

function columnOf(target: WriteTarget, name: string | undefined, found: LineageFindings): Output {
  const known = target.columns.find((column) => column.name === name)
  if (known !== undefined) return known
  // A relation that the catalogs do not have: nothing written to it can be told to stay masked.
  const masked = target.columns.some(({ origin }) => isMasked(origin))
  return { name, origin: masked ? found.sources.anything : PLAIN }
}

function readTarget(relation: Node, found: LineageFindings): { item: RangeItem; target: WriteTarget } {
  const name = String(relation['relname'])
  const schema = relation['schemaname'] === undefined ? undefined : String(relation['schemaname'])
  const target = (found.sources as StatementSources).target({ schema, name })
  const alias = (relation['alias'] as { aliasname?: string } | undefined)?.aliasname ?? name
  return { item: { alias, columns: target.columns }, target }
}

/** RETURNING; `old` and `new`, or what they are called, stand for the row before and after. Source: manual 18, RETURNING. */
function readReturning(
  clause: unknown,
  items: readonly RangeItem[],
  target: RangeItem,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
  star: readonly Output[] = target.columns,
): readonly Output[] {
  if (clause === undefined) return []
  const node = clause as Node
  const options = list(node['options']).map((option) =>
    String((option as { ReturningOption: Node }).ReturningOption['value']),
  )
  const rows = ['old', 'new', ...options].map((alias) => ({ alias, columns: target.columns }))
  const context = contextOf([...items, ...rows], found, outer, ctes)
  return readTargets(node['exprs'] ?? clause, star, context)
}

const contextOf = (
  items: readonly RangeItem[],
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
): ExpressionContext => ({ found, scope: { items, outer }, ctes, query: readStatement, windows: [] })

const columnNames = (value: unknown): string[] =>
  list(value).map((item) => {
    const { ResTarget, String: text } = item as { ResTarget?: Node; String?: { sval?: string } }
    return String(ResTarget?.['name'] ?? text?.sval ?? '')
  })

const constant = (value: object): boolean => 'A_Const' in value || 'ParamRef' in value

const COMPUTES = new Set(['IndexStmt', 'RuleStmt', 'CreateTrigStmt', 'CreatePolicyStmt', 'ClusterStmt'])
const PLACES: Readonly<Record<string, string>> = {
  RuleStmt: 'a rule',
  CreateTrigStmt: 'a trigger',
  CreatePolicyStmt: 'a row policy',
  ClusterStmt: 'an order of rows',
}
