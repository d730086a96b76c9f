import type { Copy, Name, Utility } from '../query.ts'
import { madeOf, PLAIN, repeated, type Origin, type Output } from './origin.ts'
import { condition, originOf } from './read-expression.ts'
import { contextAt, type Place } from './read-from.ts'
import type { LineageFindings } from './report.ts'
import { isVisible } from './scope.ts'
import { columnOf, readTargetNamed, ties, writes } from './written-columns.ts'

/** What a utility statement returns, reveals and stores. */
export function readUtility(node: Utility, place: Place): readonly Output[] {
  const { found, outer, ctes, query } = place
  const { detail } = node
  const kind = node.does[0] ?? 'unknown'
  readValues(kind, node, place)
  if (detail.executes !== undefined) {
    const prepared = found.sources.prepared(detail.executes)
    if (prepared === undefined) return [repeated(found.sources.anything)]
    // Texts are compared with variables here, which may hold any number of values.
    const isOpen = (prepared.textParameters ?? []).length > 0
    found.leaks.push(...prepared.leaks.map((leak) => (isOpen ? { ...leak, comparisons: undefined } : leak)))
    found.copies.push(...prepared.copies)
    return prepared.outputs
  }
  const outputs = node.statements.flatMap((statement) => query(statement, found, outer, ctes))
  if (detail.copy !== undefined) return readCopy(detail.copy, node, outputs, place)
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
      // A definition computes nothing yet: masked columns in it are computed where it is used.
      readDefinition(node, place)
      return [repeated(PLAIN)]
  }
}

/** What a utility statement computes when it runs. */
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

/** Rows that go to a place where their values are not masked. */
export function stored(to: string, outputs: readonly Output[], found: LineageFindings): readonly Output[] {
  for (const { origin } of outputs) found.copy(origin, to)
  return []
}

/** COPY TO returns rows as a query does; COPY FROM writes new values. */
function readCopy(copy: Copy, node: Utility, rows: readonly Output[], { found, query }: Place): readonly Output[] {
  let outputs = rows
  if (copy.relation !== undefined) {
    const { item, target } = readTargetNamed(copy.relation, found)
    const columns = copy.columns.length > 0 ? copy.columns : target.columns.filter(isVisible).map(({ name }) => name)
    if (copy.direction === 'from') {
      const context = contextAt({ found, outer: undefined, ctes: undefined, query }, [item])
      for (const where of node.expressions) condition(where, 'WHERE', context)
      const given = columns.map((name) => ({ name, origin: PLAIN }))
      writes(given, columns, target, undefined, found)
      ties(new Set(columns), target, { inserts: true, rows: undefined }, found)
      return []
    }
    // A table is copied without its inheritance children.
    found.leak(item.place ?? PLAIN, 'COPY of a table whose rows are placed by it')
    outputs =
      copy.columns.length > 0
        ? copy.columns.map((name) => columnOf(target, name, found))
        : target.columns.filter(({ name }) => name === undefined || !target.generated.has(name))
  }
  if (copy.where !== 'client') stored('a file or program of the server', outputs, found)
  return outputs
}

/** Definitions that compute with masked values when they are created, and may reveal them by errors or a side effect. */
function readDefinition(node: Utility, place: Place): void {
  const { found } = place
  const { detail } = node
  for (const named of [...node.reads, ...node.writes]) {
    found.leak(found.sources.part(named), `what is done to ${named.name} alone`)
  }
  if (detail.verbose) found.leak(found.sources.anything, 'VERBOSE')
  for (const { to, columns } of detail.references) {
    // No columns: the primary key, which is among the unique columns.
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
    // An index returns rows in its order, and a unique one reveals equal values by failing.
    const named = item.columns.filter(({ name }) => name === undefined || name === column)
    found.leak(madeOf(named.map(({ origin }) => origin)), computed)
  }
}

const wholeOf = (named: Name, found: LineageFindings): Origin =>
  madeOf(readTargetNamed(named, found).item.columns.map(({ origin }) => origin))
