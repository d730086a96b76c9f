import { statementParts, fromParts, partsOf } from '../parts.ts'
import type { Expression, FromItem, Operation, Statement } from '../query.ts'

/** What the condition is asked about: a row of one relation. */
export interface AskedRow {
  /** A column of the row, by the path that names it. */
  has(path: readonly string[]): boolean
  /** What is said of it in any way. */
  dependsOn(node: Expression): boolean
  readonly relation: string
}

/**
 * Whether a question that cannot be evaluated leaves some rows out and others not, as far as one can tell by its form: a value of the row
 * beside something else. Any other may hold for every row, like `pg_typeof(id) = 'integer'::regtype`, and counts as if it did not
 * depend on the row.
 */
export function mayTellRowsApart(node: Expression, row: AskedRow): boolean {
  switch (node.kind) {
    case 'column':
      return isValue(node.path, row)
    case 'collate':
    case 'cast':
      return mayTellRowsApart(node.arg, row)
    case 'field':
      return varies(node, row)
    case 'operation':
      return operationTells(node, row)
    case 'call':
      if (OF_PATTERNS.has(node.name.name)) return variesBeside(node.args, row) && !isEmptyPattern(node.args[1])
      return varies(node, row)
    case 'coalesce':
    case 'extreme':
    case 'case':
      return varies(node, row)
    case 'current-of':
      return true
    case 'subquery':
      if (node.gives === 'exists') return readsRelation(node.query)
      if (node.tested === undefined) return readsOther(node.query, row)
      return (isPlace(node.tested, row) || varies(node.tested, row)) && readsRelation(node.query)
    case 'constant':
    case 'parameter':
    case 'system-value':
    case 'logic':
    case 'test':
    case 'row':
    case 'array':
    case 'built':
    case 'grouping-set':
    case 'default':
    case 'opaque':
      return false
  }
}

function operationTells(node: Operation, row: AskedRow): boolean {
  const [first, ...others] = node.args
  if (first === undefined) return false
  const name = node.operators[0]?.name ?? ''
  const [second] = others
  const bySeveral = node.form === 'any' || node.form === 'all' || node.form === 'in'
  // Where it is equal to something given, a row's place or oid is one.
  if (isPlace(first, row) && (name === '=' || node.form === 'in')) return others.every((other) => !row.dependsOn(other))
  if (bySeveral || node.form === 'between')
    return varies(first, row) && others.every((other) => isApart(other, first, row))
  if (second === undefined) return false
  if (MATCHES.has(name)) return varies(first, row) && isApart(second, first, row) && !isEmptyPattern(second)
  if (CONTAINS.has(name))
    return (
      [
        [first, second],
        [second, first],
      ] as const
    ).some(([value, other]) => varies(value, row) && !row.dependsOn(other) && !isWideOpen(other))
  if (!COMPARES.has(name) && node.form !== 'distinct') return false
  if (ORDERS.has(name) && others.concat(first).some(isInfinite)) return false
  return (varies(first, row) && isApart(second, first, row)) || (varies(second, row) && isApart(first, second, row))
}

/** Something given, or a value of the row that has no column in common with the other. */
function isApart(node: Expression, other: Expression, row: AskedRow): boolean {
  if (!row.dependsOn(node)) return true
  const used = columnsOf(other)
  return (varies(node, row) || isPlace(node, row)) && [...columnsOf(node)].every((name) => !used.has(name))
}

/** Whether an expression has many values, as far as one can tell by its form. */
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
      return !FLAT.test(node.name.name) && variesBeside(node.args, row, FLATTENING_CALLS[node.name.name])
    case 'operation':
      return (
        ((node.form === 'plain' && MAKES.has(node.operators[0]?.name ?? '')) || node.form === 'nullif') &&
        variesBeside(node.args, row, ['0', '1', '-1'])
      )
    case 'case':
      return node.branches.some(({ gives }) => varies(gives, row))
    case 'subquery':
      return readsOther(node.query, row)
    case 'constant':
    case 'parameter':
    case 'system-value':
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

/** One part of the row, and beside it nothing that would make one value of all, such as a length of 0 or a divisor of 1. */
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

/** Lengths and divisors that leave one value. */
const FLATTENING_CALLS: Readonly<Record<string, readonly string[]>> = {
  left: ['0'],
  right: ['0'],
  substr: ['0'],
  substring: ['0'],
  lpad: ['0'],
  rpad: ['0'],
  mod: ['0', '1', '-1'],
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

const isValue = (path: readonly string[], row: AskedRow): boolean => row.has(path) && !SYSTEM.has(String(path.at(-1)))
export const isPlace = (node: Expression, row: AskedRow): boolean =>
  node.kind === 'column' && row.has(node.path) && node.path.at(-1) === 'ctid'

/** Columns of every table: where it stands, and who wrote it. Source: manual, System Columns. */
export const SYSTEM = new Set(['ctid', 'xmin', 'cmin', 'xmax', 'cmax', 'tableoid'])

/** Some relation is read, of which the rows decide. */
function readsRelation(statement: Statement): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table' || item.kind === 'opaque') return true
    const parts = fromParts(item)
    return parts.from.some(inFrom) || parts.statements.some(readsRelation)
  }
  return from.some(inFrom) || statements.some(readsRelation)
}

/** It reads another relation than that of the row, whose own rows would be the same one. */
function readsOther(statement: Statement, row: AskedRow): boolean {
  const { from, statements } = statementParts(statement)
  const inFrom = (item: FromItem): boolean => {
    if (item.kind === 'table') return item.name.name !== row.relation
    const parts = fromParts(item)
    return item.kind === 'opaque' || parts.from.some(inFrom) || parts.statements.some((inner) => readsOther(inner, row))
  }
  return from.some(inFrom) || statements.some((inner) => readsOther(inner, row))
}

/** A pattern that every text matches, or has an empty one among its alternatives; called for by LIKE, SIMILAR TO or a regular expression. */
function isEmptyPattern(node: Expression | undefined): boolean {
  if (node === undefined) return true
  if (node.kind === 'cast' || node.kind === 'collate') return isEmptyPattern(node.arg)
  if (node.kind === 'call') return isEmptyPattern(node.args[0])
  if (node.kind !== 'constant') return false
  return /^[%()|]*$/.test(node.value) || /^\(?[_%]?\|\)?[*+]?$/.test(node.value) || matchesEmpty(node.value)
}

/** Whether an unanchored regular expression of simple form finds an empty match, which is found everywhere. */
export const matchesEmpty = (pattern: string): boolean =>
  pattern.startsWith('|') || pattern.endsWith('|') || pattern.includes('||') || OPTIONAL.test(pattern)
const OPTIONAL =
  /^(?:(?:\\.|\[\^?\]?[^\]]*\]|\((?:\?:)?[^()|]*\)|[^\\[\](){}|*+?^$])(?:[*?]|\{0?,\d*\}|\{0\})\??|\((?:\?:)?\))*$/

/** Arrays, ranges and documents that contain, or are contained in, anything. */
function isWideOpen(node: Expression): boolean {
  if (node.kind === 'cast' || node.kind === 'collate') return isWideOpen(node.arg)
  if (node.kind === 'constant')
    return (
      node.type === 'null' || /^([[({]?\s*(-?infinity)?\s*,\s*(infinity)?\s*[\])}]|\{\}|\[\]|empty|)$/i.test(node.value)
    )
  if (node.kind === 'array') return node.args.length === 0
  if (node.kind === 'call')
    return node.args.every((arg) => arg.kind === 'constant' && (arg.type === 'null' || isInfinite(arg)))
  return false
}

/** infinity and NaN, which everything is compared with in one way. */
export function isInfinite(node: Expression): boolean {
  if (node.kind === 'cast' || node.kind === 'collate') return isInfinite(node.arg)
  return node.kind === 'constant' && node.type === 'text' && infinityOf(node.value) !== undefined
}

export function infinityOf(text: string): number | undefined {
  const found = INFINITE.exec(text)
  return found === null ? undefined : found[1] === '-' ? -Infinity : Infinity
}
const INFINITE = /^\s*([+-]?)(?:inf(?:inity)?|nan)\s*$/i

const COMPARES = new Set(['=', '<>', '!=', '<', '>', '<=', '>='])
const ORDERS = new Set(['<', '>', '<=', '>='])
const MATCHES = new Set(['~~', '~~*', '!~~', '!~~*', '~', '~*', '!~', '!~*', '^@', '@@', '@@@', '%'])
const CONTAINS = new Set(['@>', '<@', '&&', '?', '?|', '?&', '@?', '<<', '>>', '-|-'])
const MAKES = new Set(['+', '-', '*', '/', '%', '||', '->', '->>', '#>', '#>>', '#-', '<->', '<=>'])
const OF_PATTERNS = new Set(['starts_with', 'regexp_like'])
/** Functions of the system that give few values, or the same of whatever they are given. */
const FLAT =
  /^(pg_.*|num_(non)?nulls|sign|sin|cosd?|sind?|exp|sqrt|power|pow|isfinite|isempty|\w*range|jsonb?_(typeof|build_\w+)|to_jsonb?|row_to_json|quote_\w+|repeat|format|width_bucket|(obj|col|shobj)_description|has_\w+_privilege|to_reg\w+|(int[248]|float[48]|text|bool|bpchar|numeric|oid|date|timestamp|timestamptz|uuid|name)_?(eq|ne|lt|le|gt|ge|send|like|nlike|regexeq|regexne|icregexeq|iclike)|(not)?i?like|gcd|lcm|scale|min_scale|ascii|(bit_|char_|character_|octet_)?length|cardinality|array_(length|upper|lower|ndims|dims)|jsonb?_array_length|regexp_(count|instr|match)|strpos|position|get_byte|get_bit)$/
