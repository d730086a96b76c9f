import { isConstant } from '../dialect.ts'
import type { Assignment, Expression, Name, Statement, Table } from '../query.ts'
import type { ExpressionContext } from './expression-context.ts'
import { isMasked, madeOf, PLAIN, type Origin, type Output } from './origin.ts'
import { originOf, originsOf } from './read-expression.ts'
import type { LineageFindings } from './report.ts'
import type { RangeItem } from './scope.ts'
import type { WriteTarget } from './write-target.ts'

// What writing to the columns of a relation reveals, and stores elsewhere.

/** SET column = value, single and multiple. */
export function assign(
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
export function meets(
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
  const outputs = context.query(source.query, context.found, context.scope, context.ctes)
  return outputs.some((output) => output.repeats === true)
    ? madeOf(outputs.map(({ origin }) => origin))
    : (outputs[place - 1]?.origin ?? context.found.sources.anything)
}

/**
 * Values that go into columns. Those of a masked column may go only to where no more of them is shown than where they come from,
 * and what the target asks of its values (NOT NULL, length, CHECK, foreign keys) tells them by failing.
 */
export function writes(
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
export function ties(
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
      // Where the key of a foreign key changes, and only there, the server locks the row that it refers to.
      return kind !== 'check' || !writing.given.has(name)
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

export function columnOf(target: WriteTarget, name: string | undefined, found: LineageFindings): Output {
  const known = target.columns.find((column) => column.name === name)
  if (known !== undefined) return known
  // A relation that the catalogs do not have: nothing written to it can be told to stay masked.
  const masked = target.columns.some(({ origin }) => isMasked(origin))
  return { name, origin: masked ? found.sources.anything : PLAIN }
}

export function readTarget(table: Table, found: LineageFindings): { item: RangeItem; target: WriteTarget } {
  const { item, target } = readTargetNamed(table.name, found)
  return { item: { ...item, alias: table.alias?.name ?? table.name.name }, target }
}

export function readTargetNamed(name: Name, found: LineageFindings): { item: RangeItem; target: WriteTarget } {
  const target = found.sources.target(name)
  if (found.sources.mixes(name)) found.constants.mixed()
  found.leak(found.sources.answers(name), `what decides which rows of ${name.name} may be written`)
  return { item: { alias: name.name, columns: target.columns, place: found.sources.place(name) }, target }
}
