import type { Dialect } from '../dialect.ts'
import { statementParts, fromParts, partsOf } from '../parts.ts'
import type { Expression, FromItem, Operation, Statement } from '../query.ts'

/** The row that a condition is evaluated for: one of the written relation. */
export interface AskedRow {
  /** A column of the row, by the path that names it. */
  has(path: readonly string[]): boolean
  /** An expression that mentions the row. */
  dependsOn(node: Expression): boolean
  readonly relation: string
  readonly dialect: Dialect
}

/**
 * Whether a comparison that cannot be evaluated seems to hold for some rows only, judged by its form: a value of the row compared with
 * something else. Any other may hold for every row, like `pg_typeof(id) = 'integer'::regtype`, and counts as independent of the row.
 */
export function mayDistinguishRows(node: Expression, row: AskedRow): boolean {
  switch (node.kind) {
    case 'collate':
    case 'cast':
      return mayDistinguishRows(node.arg, row)
    case 'operation':
      return operationDistinguishes(node, row)
    case 'call': {
      const { matches } = row.dialect.conditions
      return matches(node) ? variesBeside(node.args, row) && !isEmptyPattern(node.args[1], row) : varies(node, row)
    }
    case 'current-of':
      return true
    case 'subquery':
      if (node.gives === 'exists') return readsRelation(node.query)
      if (node.tested === undefined) return readsOther(node.query, row)
      return (isPlace(node.tested, row) || varies(node.tested, row)) && readsRelation(node.query)
    // Neither is a truth value.
    case 'row':
    case 'array':
    // With a given value it may hold for every row: `greatest(1, id)`.
    case 'extreme':
      return false
    case 'column':
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'logic':
    case 'test':
    case 'coalesce':
    case 'case':
    case 'field':
    case 'built':
    case 'grouping-set':
    case 'default':
    case 'opaque':
      return varies(node, row)
  }
}

function operationDistinguishes(node: Operation, row: AskedRow): boolean {
  const [first, ...others] = node.args
  if (first === undefined) return false
  const name = node.operators[0]?.name ?? ''
  const [second] = others
  const { operators } = row.dialect.conditions
  const bySeveral = node.form === 'any' || node.form === 'all' || node.form === 'in'
  // A row's location or oid that equals a given value selects one row.
  if (isPlace(first, row) && (name === '=' || node.form === 'in')) return others.every((other) => !row.dependsOn(other))
  if (bySeveral || node.form === 'between')
    return varies(first, row) && others.every((other) => isIndependent(other, first, row))
  if (second === undefined) return false
  if (operators.matches.has(name))
    return varies(first, row) && isIndependent(second, first, row) && !isEmptyPattern(second, row)
  if (operators.contains.has(name))
    return (
      [
        [first, second],
        [second, first],
      ] as const
    ).some(([value, other]) => varies(value, row) && !row.dependsOn(other) && !isWideOpen(other, row))
  if (!operators.compares.has(name) && node.form !== 'distinct') return false
  if (operators.orders.has(name) && others.concat(first).some((arg) => isInfinite(arg, row))) return false
  return (
    (varies(first, row) && isIndependent(second, first, row)) ||
    (varies(second, row) && isIndependent(first, second, row))
  )
}

/** A given value, or a value of the row that shares no column with the other operand. */
function isIndependent(node: Expression, other: Expression, row: AskedRow): boolean {
  if (!row.dependsOn(node)) return true
  const used = columnsOf(other)
  return (varies(node, row) || isPlace(node, row)) && [...columnsOf(node)].every((name) => !used.has(name))
}

/** Whether an expression seems to have many values, judged by its form. */
export function varies(node: Expression, row: AskedRow): boolean {
  switch (node.kind) {
    case 'column':
      return isValue(node.path, row)
    case 'cast':
    case 'collate':
      return varies(node.arg, row)
    case 'field':
      return varies(node.of, row)
    case 'coalesce':
    case 'extreme':
      return variesBeside(node.args, row)
    case 'row':
    case 'array':
      return node.args.some((arg) => varies(arg, row))
    case 'call':
      return (
        !row.dialect.conditions.givesFew(node) && variesBeside(node.args, row, row.dialect.conditions.flattening(node))
      )
    case 'operation':
      return (
        ((node.form === 'plain' && row.dialect.conditions.operators.makes.has(node.operators[0]?.name ?? '')) ||
          node.form === 'nullif') &&
        variesBeside(node.args, row, ['0', '1', '-1'])
      )
    case 'case':
      return node.branches.some(({ gives }) => varies(gives, row))
    case 'subquery':
      return readsOther(node.query, row)
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'variable':
    case 'assign':
    case 'logic':
    case 'test':
    case 'built':
    case 'grouping-set':
    case 'current-of':
    case 'default':
    case 'opaque':
      return false
  }
}

/** Exactly one argument depends on the row, and no other makes all results equal, such as a length of 0 or a divisor of 1. */
function variesBeside(args: readonly Expression[], row: AskedRow, flattening: readonly string[] = []): boolean {
  const rest = args.filter((arg) => row.dependsOn(arg))
  const names = rest.map(columnsOf)
  const isShared = names.some((own, index) =>
    names.slice(index + 1).some((other) => [...own].some((name) => other.has(name))),
  )
  return (
    !isShared &&
    rest.some((arg) => varies(arg, row)) &&
    !args.some((arg) => arg.kind === 'constant' && flattening.includes(arg.value))
  )
}

function columnsOf(node: Expression): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (part: Expression): void => {
    if (part.kind === 'column') names.add(String(part.path.at(-1)))
    for (const inner of partsOf(part).expressions) visit(inner)
  }
  visit(node)
  return names
}

const isValue = (path: readonly string[], row: AskedRow): boolean =>
  row.has(path) && !row.dialect.systemColumns.has(String(path.at(-1)))
export const isPlace = (node: Expression, row: AskedRow): boolean =>
  node.kind === 'column' && row.has(node.path) && node.path.at(-1) === row.dialect.conditions.rowPlace

/** Reads a relation, whose rows decide. */
function readsRelation(statement: Statement): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table' || item.kind === 'opaque') return true
    const parts = fromParts(item)
    return parts.from.some(inFrom) || parts.statements.some(readsRelation)
  }
  return from.some(inFrom) || statements.some(readsRelation)
}

/** Reads a relation other than that of the row, which would find the row itself. */
function readsOther(statement: Statement, row: AskedRow): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table') return item.name.name !== row.relation
    const parts = fromParts(item)
    return item.kind === 'opaque' || parts.from.some(inFrom) || parts.statements.some((inner) => readsOther(inner, row))
  }
  return from.some(inFrom) || statements.some((inner) => readsOther(inner, row))
}

/** A pattern that matches every text. */
function isEmptyPattern(node: Expression | undefined, row: AskedRow): boolean {
  if (node === undefined) return true
  if (node.kind === 'cast' || node.kind === 'collate') return isEmptyPattern(node.arg, row)
  if (node.kind === 'call') return isEmptyPattern(node.args[0], row)
  return node.kind === 'constant' && row.dialect.conditions.matchesAnyText(node.value)
}

/** Arrays, ranges and documents that contain, or are contained in, anything. */
function isWideOpen(node: Expression, row: AskedRow): boolean {
  if (node.kind === 'cast' || node.kind === 'collate') return isWideOpen(node.arg, row)
  if (node.kind === 'constant') return node.type === 'null' || row.dialect.conditions.isWideOpen(node.value)
  if (node.kind === 'array') return node.args.length === 0
  if (node.kind === 'call')
    return node.args.every((arg) => arg.kind === 'constant' && (arg.type === 'null' || isInfinite(arg, row)))
  return false
}

/** infinity and NaN, which compare the same way with every value. */
function isInfinite(node: Expression, row: AskedRow): boolean {
  if (node.kind === 'cast' || node.kind === 'collate') return isInfinite(node.arg, row)
  return node.kind === 'constant' && node.type === 'text' && row.dialect.conditions.infinityOf(node.value) !== undefined
}
