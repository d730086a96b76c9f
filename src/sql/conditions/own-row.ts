import type { Dialect } from '../dialect.ts'
import { fromParts, partsOf, statementParts } from '../parts.ts'
import type { Expression, FromItem, Statement, Table } from '../query.ts'

/** The names of the written relation's row at one place of the statement. */
export interface OwnRow {
  readonly dialect: Dialect
  /** The name of the relation. */
  readonly target: string
  /** Other references to the same relation, whose rows are its rows. */
  readonly twins: ReadonlySet<string>
  /** Columns that the text assigns to another item of FROM: unqualified, they are not the row's. */
  readonly others: ReadonlySet<string>
  readonly relation: Table
}

export const ownRow = (target: Table, from: readonly FromItem[], dialect: Dialect): OwnRow => ({
  dialect,
  target: target.alias?.name ?? target.name.name,
  twins: twinsOf(target, from),
  others: namesIn(from),
  relation: target,
})

function twinsOf(target: Table, from: readonly FromItem[]): ReadonlySet<string> {
  const twins = new Set<string>()
  const visit = (item: FromItem): void => {
    if (item.kind === 'join') {
      visit(item.left)
      visit(item.right)
    } else if (item.kind === 'table') {
      if (item.name.name === target.name.name) twins.add(item.alias?.name ?? item.name.name)
    } else if (item.kind === 'derived' && mentions(item.query, target)) twins.add(item.alias?.name ?? '')
  }
  for (const item of from) visit(item)
  return twins
}

/** A column of the row, or of another row of the same relation. */
export function isOfRow(path: readonly string[], { target, twins, others }: OwnRow): boolean {
  const qualifier = path.at(-2)
  return qualifier === undefined ? !others.has(String(path.at(-1))) : qualifier === target || twins.has(qualifier)
}

/** The whole row, which is not NULL and equals itself. */
export const isWholeRow = (path: readonly string[], { target }: OwnRow): boolean =>
  path.at(-1) === '*' || (path.length === 1 && path[0] === target)

/** Column names that the text shows: of aliases, select lists of subqueries, and functions. */
function namesIn(from: readonly FromItem[]): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (item: FromItem): void => {
    if (item.kind === 'join') {
      visit(item.left)
      visit(item.right)
    }
    if (item.kind === 'opaque') return
    for (const column of item.alias?.columns ?? []) names.add(column)
    if (item.kind === 'derived' && item.query.kind === 'select')
      for (const { name } of item.query.targets) if (name !== undefined) names.add(name)
    if (item.kind === 'function-table') {
      for (const column of item.columns) names.add(column)
      // A function that returns one value names its column after itself, or after the alias.
      if (item.alias !== undefined) names.add(item.alias.name)
      for (const call of item.calls) if (call.kind === 'call') names.add(call.name.name)
    }
  }
  for (const item of from) visit(item)
  return names
}

function mentions(statement: Statement, target: Table): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table') return item.name.name === target.name.name
    const parts = fromParts(item)
    return parts.from.some(inFrom) || parts.statements.some((inner) => mentions(inner, target))
  }
  return from.some(inFrom) || statements.some((inner) => mentions(inner, target))
}

/** A column outside any subquery, or one inside that is qualified with the relation. Unqualified columns in a subquery with FROM are its own. */
export function dependsOnRow(node: Expression, names: OwnRow, inside = false): boolean {
  if (node.kind === 'current-of') return true
  if (node.kind === 'column') {
    const qualifier = node.path.at(-2)
    return qualifier === undefined ? !inside && !names.others.has(String(node.path.at(-1))) : qualifier === names.target
  }
  const { expressions, statements } = partsOf(node)
  return (
    expressions.some((part) => dependsOnRow(part, names, inside)) ||
    statements.some((statement) => statementDepends(statement, names, inside))
  )
}

function statementDepends(statement: Statement, names: OwnRow, inside: boolean): boolean {
  const { expressions, statements, from } = statementParts(statement)
  const within = inside || from.length > 0
  const inFrom = (item: FromItem): boolean => {
    const parts = fromParts(item)
    return (
      parts.expressions.some((part) => dependsOnRow(part, names, true)) ||
      parts.statements.some((inner) => statementDepends(inner, names, true)) ||
      parts.from.some(inFrom)
    )
  }
  return (
    expressions.some((part) => dependsOnRow(part, names, within)) ||
    statements.some((inner) => statementDepends(inner, names, within)) ||
    from.some(inFrom)
  )
}
