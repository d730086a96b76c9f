import type {
  Assignment,
  Change,
  Copy,
  Delete,
  Expression,
  Insert,
  Merge,
  Name,
  Returning,
  Statement,
  Table,
  Update,
  Utility,
} from '../query.ts'
import type { TieKind } from '../catalog.ts'
import { isConstant } from '../dialect.ts'
import { readQuery, readTargets, readWith } from './read-query.ts'
import { LineageFindings, type Sources, type StatementLineage } from './report.ts'
import { condition, originOf, originsOf } from './read-expression.ts'
import type { ExpressionContext } from './expression-context.ts'
import { contextAt, readFrom, type Place } from './read-from.ts'
import { orderOfChange, placesOf, tellOrder } from './row-order.ts'
import { isVisible, type Ctes, type QueryScope, type RangeItem } from './scope.ts'
import { OpenConstants } from './open-constants.ts'
import { isMasked, madeOf, PLAIN, repeated, type Origin, type Output } from './origin.ts'

/** A relation as a statement writes to it. */
export interface WriteTarget {
  readonly name: string
  /** Its columns in order, with the mask of each. */
  readonly columns: readonly Output[]
  /** Names of columns that no two rows may share a value of: writing one tells whether it is there. */
  readonly unique: ReadonlySet<string>
  /** What the server computes of several columns when one of them is written. */
  readonly ties: readonly WrittenTie[]
  /** Names of generated columns, which COPY leaves out unless it names them. */
  readonly generated: ReadonlySet<string>
}

/** What a write makes the server compute of columns together, and answer by failing or by changing nothing. */
export interface WrittenTie {
  readonly kind: Exclude<TieKind, 'policy' | 'partition' | 'parts' | 'clustered' | 'partial'>
  /** Columns of the target; undefined where it is not certain what they are called, as in a view. */
  readonly own: ReadonlySet<string> | undefined
  /** Masked values in it that are no column of the target by name. */
  readonly others: Origin
}

export interface StatementSources extends Sources {
  target(named: { schema: string | undefined; name: string }): WriteTarget
}

/**
 * Where the columns of a statement's result come from, where it tells masked values otherwise, and which ones it would
 * store elsewhere.
 */
export function lineageOf(tree: Statement, sources: StatementSources, isDefinition = false): StatementLineage {
  const found = new LineageFindings(sources, new OpenConstants(tree, sources.dialect.totals))
  const outputs = readStatement(tree, found, undefined, undefined)
  for (const { origin } of outputs) found.meets(origin)
  const { copies, constants, columns, textParameters, order, assigned } = found
  const leaks = isDefinition ? found.leaks : [...found.leaks, ...order]
  return {
    outputs,
    leaks,
    copies,
    order,
    mixes: constants.isMixed || found.comparesRows,
    visible: constants.found,
    columns: [...columns],
    textParameters: [...textParameters],
    assigned,
  }
}

function readStatement(
  node: Statement,
  found: LineageFindings,
  outer: QueryScope | undefined,
  ctes: Ctes | undefined,
): readonly Output[] {
  const place: Place = { found, outer, ctes, query: readStatement }
  switch (node.kind) {
    case 'select':
    case 'set-operation':
    case 'values': {
      const outputs = readQuery(node, place)
      return 'into' in node && node.into !== undefined ? stored('a new table', outputs, found) : outputs
    }
    case 'insert':
      return readInsert(node, place)
    case 'update':
      return readUpdate(node, place)
    case 'delete':
      return readDelete(node, place)
    case 'change':
      return readChange(node, place)
    case 'merge':
      return readMerge(node, place)
    case 'utility':
      return readUtility(node, place)
  }
}

function stored(to: string, outputs: readonly Output[], found: LineageFindings): readonly Output[] {
  for (const { origin } of outputs) found.copy(origin, to)
  return []
}

function readInsert(node: Insert, outside: Place): readonly Output[] {
  const { found } = outside
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item, target } = readTarget(node.target, found)
  const columns = node.columns.length > 0 ? node.columns : target.columns.filter(isVisible).map(({ name }) => name)
  const source = node.source === undefined ? [] : readStatement(node.source, found, place.outer, place.ctes)
  const rows = node.source?.kind === 'values' ? node.source.rows : []
  writes(source, columns, target, rows.length > 0 ? rows.length : undefined, found)
  ties(new Set(columns), target, { inserts: true, rows: rows.length > 0 ? rows.length : undefined }, found)
  for (const row of rows)
    row.forEach((value, index) => found.constants.stored(node, value, columnOf(target, columns[index], found).origin))
  if (node.source !== undefined && node.source.kind !== 'values') meets(source, columns, target, found)
  const { conflict } = node
  if (conflict !== undefined) {
    // What was to be inserted: it need not be what may be shown of the target's columns.
    const unknownCount = source.some((output) => output.repeats === true)
    const all = madeOf(source.map(({ origin }) => origin))
    const excluded: RangeItem = {
      alias: conflict.given,
      columns: target.columns.map(({ name }) => ({
        name,
        origin: unknownCount || name === undefined ? all : (source[columns.indexOf(name)]?.origin ?? PLAIN),
      })),
    }
    const beside = conflict.seesSource && node.source?.kind === 'select' ? readFrom(node.source.from, place).items : []
    const context = contextAt(place, [item, excluded, ...beside])
    const inferring = contextAt(place, [item])
    for (const name of conflict.columns)
      found.leak(
        madeOf(target.columns.filter((column) => column.name === name).map((column) => column.origin)),
        'ON CONFLICT',
        1,
      )
    for (const expression of conflict.expressions) found.leak(originOf(expression, inferring), 'ON CONFLICT', 1)
    condition(conflict.predicate, 'ON CONFLICT', inferring)
    condition(conflict.where, 'ON CONFLICT', context)
    assign(node, conflict.set, item, target, context)
  }
  return readReturning(node.returning, [item], item, place)
}

function readUpdate(node: Update, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item, target } = readTarget(node.target, place.found)
  const from = readFrom(node.from, place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  tellOrder(orderOfChange(node, items, context), context)
  assign(node, node.set, item, target, context)
  return readReturning(node.returning, items, item, place, [...item.columns.filter(isVisible), ...from.starColumns])
}

function readDelete(node: Delete, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { item } = readTarget(node.target, place.found)
  const from = readFrom(node.from, place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  tellOrder(orderOfChange(node, items, context), context)
  return readReturning(node.returning, items, item, place, [...item.columns.filter(isVisible), ...from.starColumns])
}

function readChange(node: Change, outside: Place): readonly Output[] {
  const { found } = outside
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { items, starColumns } = readFrom(node.from, place)
  const context = contextAt(place, items)
  condition(node.where, 'WHERE', context)
  const order = originsOf(
    node.order.map(({ by }) => by),
    context,
  )
  if (isMasked(order)) found.comparesRows = true
  found.leak(order, 'ORDER BY')
  for (const count of node.limit) found.constants.bare(count)
  found.leak(originsOf(node.limit, context), 'LIMIT')
  tellOrder(placesOf(items), context)
  for (const { table } of node.targets) {
    const { item, target } = readTarget(table, found)
    const set = node.set.filter(({ of }) => of === undefined || of === item.alias)
    assign(node, set, item, target, context)
  }
  return readReturning(node.returning, items, { alias: undefined, columns: starColumns }, place)
}

function readMerge(node: Merge, outside: Place): readonly Output[] {
  const place = { ...outside, ctes: readWith(node.with, outside) }
  const { found } = place
  const { item, target } = readTarget(node.target, found)
  const from = readFrom([node.source], place)
  const items = [item, ...from.items]
  const context = contextAt(place, items)
  condition(node.on, 'MERGE … ON', context)
  tellOrder(placesOf(items), context)
  for (const clause of node.clauses) {
    condition(clause.condition, 'WHEN', context)
    if (clause.does === 'insert') {
      const source = clause.values.map((value) => ({ name: undefined, origin: originOf(value, context) }))
      const columns = clause.columns.length > 0 ? clause.columns : target.columns.map(({ name }) => name)
      writes(source, columns, target, undefined, found)
      ties(new Set(columns), target, { inserts: true, rows: undefined }, found)
      clause.values.forEach((value, index) =>
        found.constants.stored(node, value, columnOf(target, columns[index], found).origin),
      )
    } else assign(node, clause.set, item, target, context)
  }
  // Unlike elsewhere, a star gives the source's columns first. Source: manual, MERGE, output_expression.
  return readReturning(node.returning, items, item, place, [...from.starColumns, ...target.columns])
}

function readUtility(node: Utility, place: Place): readonly Output[] {
  const { found, outer, ctes } = place
  const { detail } = node
  const kind = node.does[0] ?? 'unknown'
  readValues(kind, node, place)
  if (detail.executes !== undefined) {
    const prepared = found.sources.prepared(detail.executes)
    if (prepared === undefined) return [repeated(found.sources.anything)]
    // What a text is compared with comes from variables here, which may hold anything.
    const isOpen = (prepared.textParameters ?? []).length > 0
    found.leaks.push(...prepared.leaks.map((leak) => (isOpen ? { ...leak, comparisons: undefined } : leak)))
    found.copies.push(...prepared.copies)
    return prepared.outputs
  }
  const outputs = node.statements.flatMap((statement) => readStatement(statement, found, outer, ctes))
  if (detail.copy !== undefined) return readCopy(detail.copy, node, outputs, found)
  if (detail.stores !== undefined) return stored(detail.stores, outputs, found)
  if (detail.explain !== undefined) return [repeated(PLAIN)]
  switch (found.dialect.utilities.rowsOf(kind)) {
    case 'own-query':
      return outputs
    case 'none':
      return []
    case 'unmasked':
      return [repeated(PLAIN)]
    case 'anything':
      return [repeated(found.sources.anything)]
    case 'definition':
      // Definitions: what they compute with a masked column is computed by whoever uses them.
      readDefinition(node, place)
      return [repeated(PLAIN)]
  }
}

/** What a statement that is no query computes when it runs. */
function readValues(kind: string, node: Utility, place: Place): void {
  const { found } = place
  const becomes = found.dialect.utilities.valuesOf(kind)
  if (becomes === 'unread' || node.detail.copy !== undefined) return
  const context = contextAt(place, node.on === undefined ? [] : [readTargetNamed(node.on, found).item])
  for (const expression of node.expressions) {
    if (becomes === 'decide') {
      condition(expression, 'WHERE', context)
      continue
    }
    const origin = originOf(expression, context)
    if (becomes === 'stored') found.copy(origin, 'a setting')
    if (becomes === 'given') found.leak(origin, `an argument of ${kind.toUpperCase().replaceAll('-', ' ')}`)
  }
}

/** COPY TO gives rows as a query does; COPY FROM writes values that nobody has seen yet. */
function readCopy(copy: Copy, node: Utility, rows: readonly Output[], found: LineageFindings): readonly Output[] {
  let outputs = rows
  if (copy.relation !== undefined) {
    const { item, target } = readTargetNamed(copy.relation, found)
    const columns = copy.columns.length > 0 ? copy.columns : target.columns.filter(isVisible).map(({ name }) => name)
    if (copy.direction === 'from') {
      const context = contextAt({ found, outer: undefined, ctes: undefined, query: readStatement }, [item])
      for (const where of node.expressions) condition(where, 'WHERE', context)
      const given = columns.map((name) => ({ name, origin: PLAIN }))
      writes(given, columns, target, undefined, found)
      ties(new Set(columns), target, { inserts: true, rows: undefined }, found)
      return []
    }
    // A table that others inherit from is copied without them.
    found.leak(item.place ?? PLAIN, 'COPY of a table whose rows are placed by it')
    outputs =
      copy.columns.length > 0
        ? copy.columns.map((name) => columnOf(target, name, found))
        : target.columns.filter(({ name }) => name === undefined || !target.generated.has(name))
  }
  if (copy.where !== 'client') stored('a file or program of the server', outputs, found)
  return outputs
}

/** Definitions over masked relations that would compute with their values, or answer with an error, when nobody looks. */
function readDefinition(node: Utility, place: Place): void {
  const { found } = place
  const { detail } = node
  for (const named of [...node.reads, ...node.writes]) {
    found.leak(found.sources.part(named), `what is done to ${named.name} alone`)
  }
  if (detail.verbose) found.leak(found.sources.storage(), 'VERBOSE')
  for (const { to, columns } of detail.references) {
    // No columns: the primary key, which is among the unique ones.
    const { target } = readTargetNamed(to, found)
    const meant = target.columns.filter(
      ({ name }) => name === undefined || (columns.length > 0 ? columns.includes(name) : target.unique.has(name)),
    )
    found.leak(madeOf(meant.map(({ origin }) => origin)), 'a foreign key')
  }
  for (const parent of detail.checks ? detail.inherits : []) found.leak(wholeOf(parent, found), 'a constraint')
  const { computes, changesConversion: conversions } = found.dialect.utilities
  const changesConversion = node.does.find((does) => conversions.has(does))
  if (changesConversion !== undefined) found.leak(found.sources.anything, 'a definition of how values are converted')
  const computed = node.does.map((does) => computes.get(does)).find((place) => place !== undefined)
  if (computed === undefined || node.on === undefined) return
  if (detail.index === undefined) return found.leak(wholeOf(node.on, found), computed)
  const { item } = readTargetNamed(node.on, found)
  const context = contextAt(place, [item])
  condition(detail.index.predicate, 'the predicate of an index', context)
  for (const expression of node.expressions) found.leak(originOf(expression, context), 'the expression of an index')
  for (const column of detail.index.columns) {
    // An index gives rows in its order, and one that is unique tells by failing.
    const named = item.columns.filter(({ name }) => name === undefined || name === column)
    found.leak(madeOf(named.map(({ origin }) => origin)), computed)
  }
}

const wholeOf = (named: Name, found: LineageFindings): Origin =>
  madeOf(readTargetNamed(named, found).item.columns.map(({ origin }) => origin))

/** SET column = value, single and multiple. */
function assign(
  statement: Statement,
  set: readonly Assignment[],
  item: RangeItem,
  target: WriteTarget,
  context: ExpressionContext,
): void {
  const moved = set.filter(
    ({ column, subscripts, value, place }) =>
      place !== undefined || subscripts.length > 0 || !isItself(value, column, item),
  )
  // A trigger compares also where every column stays what it is.
  if (set.length > 0)
    ties(
      new Set(moved.map(({ column }) => column)),
      target,
      {
        inserts: false,
        given: new Set(
          moved
            .filter(({ value, subscripts }) => subscripts.length === 0 && isConstant(value))
            .map(({ column }) => column),
        ),
      },
      context.found,
    )
  const given = statement.kind === 'insert' ? statement.conflict?.given : undefined
  for (const { column, subscripts, value, place } of set) {
    const origin = madeOfPlaces(
      place === undefined ? originOf(value, context) : assigned(value, place, context),
      originsOf(subscripts, context),
    )
    // A column that stays what it is meets what is asked of it as before.
    if (place === undefined && subscripts.length === 0 && isItself(value, column, item)) continue
    writes([{ name: column, origin }], [column], target, isConstant(value) ? 1 : undefined, context.found)
    if (isMasked(origin)) context.found.constants.mixed()
    // What was to be inserted into the same column is seen there.
    if (value.kind !== 'column' || value.path[0] !== given || value.path[1] !== column)
      context.found.constants.stored(statement, value, columnOf(target, column, context.found).origin)
  }
}

/** Rows of a query that go into columns: a masked value among them, or where they go, meets what the query has. */
function meets(
  source: readonly Output[],
  columns: readonly (string | undefined)[],
  target: WriteTarget,
  found: LineageFindings,
): void {
  const into = columns.map((name) => columnOf(target, name, found))
  if ([...source, ...into].some(({ origin }) => isMasked(origin))) found.constants.mixed()
}

const madeOfPlaces = (origin: Origin, places: Origin): Origin => (isMasked(places) ? madeOf([origin, places]) : origin)

const isItself = (value: Expression, column: string, item: RangeItem): boolean =>
  value.kind === 'column' &&
  value.path.at(-1) === column &&
  (value.path.length === 1 || (value.path.length === 2 && value.path[0] === item.alias))

/** `(a, b) = (select …)` or `= row(…)`: the value of one place. */
function assigned(source: Expression, place: number, context: ExpressionContext): Origin {
  if (source.kind === 'row') {
    const part = source.args[place - 1]
    return part === undefined ? context.found.sources.anything : originOf(part, context)
  }
  if (source.kind !== 'subquery') return originOf(source, context)
  const outputs = readStatement(source.query, context.found, context.scope, context.ctes)
  return outputs.some((output) => output.repeats === true)
    ? madeOf(outputs.map(({ origin }) => origin))
    : (outputs[place - 1]?.origin ?? context.found.sources.anything)
}

/**
 * Values that go into columns. Those of a masked column may go only to where no more of them is shown than where they come from,
 * and what the target asks of its values (NOT NULL, length, CHECK, foreign keys) tells them by failing.
 */
function writes(
  source: readonly Output[],
  columns: readonly (string | undefined)[],
  target: WriteTarget,
  rows: number | undefined,
  found: LineageFindings,
): void {
  const unknownCount = source.some((output) => output.repeats === true)
  source.forEach(({ origin }, index) => {
    const into = unknownCount ? undefined : columnOf(target, columns[index], found)
    if (isMasked(origin)) {
      if (into === undefined || !hides(into.origin, origin)) found.copy(origin, target.name)
      found.leak(origin, `what ${target.name} asks of its values`)
    }
    if (into !== undefined && isMasked(into.origin) && (into.name === undefined || target.unique.has(into.name)))
      found.leak(into.origin, 'a column whose values are unique', rows)
  })
}

/** How columns are written: into new rows, or over what rows have; `given`: from constants, so that what was there does not matter. */
type Writing =
  | { readonly inserts: true; readonly rows: number | undefined }
  | { readonly inserts: false; readonly given: ReadonlySet<string> }

/** Masked columns that a write makes the server compare with what is written, though they are not written themselves. */
function ties(
  written: ReadonlySet<string | undefined>,
  target: WriteTarget,
  writing: Writing,
  found: LineageFindings,
): void {
  for (const { kind, own, others } of target.ties) {
    const isMet = own === undefined || written.has(undefined) || [...own].some((name) => written.has(name))
    if (!isMet && (kind !== 'trigger' || writing.inserts)) continue
    // A new row is compared with itself, of which nothing is masked but what was told already; unless with other rows.
    const kept = target.columns.filter(({ name }) => {
      if (name === undefined) return true
      if (own?.has(name) !== true) return false
      if (writing.inserts) return kind === 'unique' && target.generated.has(name)
      return kind === 'unique' || kind === 'trigger' || !writing.given.has(name)
    })
    const asks =
      writing.inserts && (kind === 'check' || kind === 'trigger')
        ? PLAIN
        : madeOf([others, ...kept.map(({ origin }) => origin)])
    found.leak(asks, `what ${target.name} asks of its rows`, writing.inserts ? writing.rows : undefined)
  }
}

/**
 * The very column, unchanged, or one that shows nothing of any value and lets nobody compare: what is made of a masked value must
 * not be shown in part or by style.
 */
function hides(into: Origin, origin: Origin): boolean {
  if (!into.direct) return false
  const [mask] = into.masks
  if (mask === undefined) return false
  if (origin.direct && origin.masks.every(({ name }) => name === mask.name)) return true
  return (
    (mask.style === 'redact' || mask.style === 'null') &&
    !mask.copying &&
    (mask.sideChannels === 'deny' || origin.masks.every(({ sideChannels }) => sideChannels === mask.sideChannels))
  )
}

function columnOf(target: WriteTarget, name: string | undefined, found: LineageFindings): Output {
  const known = target.columns.find((column) => column.name === name)
  if (known !== undefined) return known
  // A relation that the catalogs do not have: nothing written to it can be told to stay masked.
  const masked = target.columns.some(({ origin }) => isMasked(origin))
  return { name, origin: masked ? found.sources.anything : PLAIN }
}

function readTarget(table: Table, found: LineageFindings): { item: RangeItem; target: WriteTarget } {
  const { item, target } = readTargetNamed(table.name, found)
  return { item: { ...item, alias: table.alias?.name ?? table.name.name }, target }
}

function readTargetNamed(name: Name, found: LineageFindings): { item: RangeItem; target: WriteTarget } {
  const target = (found.sources as StatementSources).target(name)
  if (found.sources.mixes(name)) found.constants.mixed()
  found.leak(found.sources.answers(name), `what decides which rows of ${name.name} may be written`)
  return { item: { alias: name.name, columns: target.columns, place: found.sources.place(name) }, target }
}

/** RETURNING, where the rows before and after have names of their own. */
function readReturning(
  returning: Returning | undefined,
  items: readonly RangeItem[],
  target: RangeItem,
  place: Place,
  star: readonly Output[] = target.columns.filter(isVisible),
): readonly Output[] {
  if (returning === undefined) return []
  const rows = returning.names.map((alias) => ({ alias, columns: target.columns }))
  return readTargets(returning.targets, star, contextAt(place, [...items, ...rows]))
}
