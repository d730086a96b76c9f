import type { Dialect } from '../dialect.ts'
import { fromParts, partsOf, statementParts } from '../parts.ts'
import type { Expression, FromItem, Statement, Table } from '../query.ts'

/** What a row of the relation that is written to is called at one place of its statement. */
export interface OwnRow {
  readonly dialect: Dialect
  /** What the relation is called. */
  readonly target: string
  /** What else stands for the same relation: their rows are its rows. */
  readonly twins: ReadonlySet<string>
  /** Columns that the text itself gives to something else in FROM: without a qualifier they are not of the row. */
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

/** A column that is the row's, or that of another row of the same relation. */
export function isOfRow(path: readonly string[], { target, twins, others }: OwnRow): boolean {
  const qualifier = path.at(-2)
  return qualifier === undefined ? !others.has(String(path.at(-1))) : qualifier === target || twins.has(qualifier)
}

/** The row as a whole, which is not NULL and equal to itself. */
export const isWholeRow = (path: readonly string[], { target }: OwnRow): boolean =>
  path.at(-1) === '*' || (path.length === 1 && path[0] === target)

/** Names of columns as far as the text says them: of aliases, of what a subquery selects, of functions. */
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
      // A function that gives one value gives it under its own name, or under that of the alias.
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

/** A column outside any subquery, or one within that names the relation. What stands unqualified in a subquery with FROM is its own. */
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
