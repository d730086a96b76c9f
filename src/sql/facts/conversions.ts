import type { Dialect } from '../dialect.ts'
import type { Expression, TypeName } from '../query.ts'
import type { Findings } from './findings.ts'
import type { Conversion } from './parsed-statement.ts'
import { findRow, type Columns, type Scope } from './row-names.ts'

// Which conversions between types a statement contains, as far as its text shows: casts may run functions.

export function addConversions(types: readonly TypeName[], how: Conversion['how'], found: Findings): void {
  const { elementType } = found.dialect.names
  for (const { name } of types) addConversion({ to: { type: elementType(name) }, how, from: undefined }, found)
}

export function addConversion(conversion: Conversion, found: Findings): void {
  const { to, how, from } = conversion
  // A text may store thousands of values, so the key is cheap; no name contains the separator.
  const source =
    from === undefined || typeof from === 'string' ? from : 'type' in from ? from.type : JSON.stringify(from)
  found.conversions.set(`${typeof to === 'string' ? to : `.${to.type}`}\0${how}\0${source}`, conversion)
}

export function convert(
  value: Expression,
  to: Conversion['to'],
  how: Conversion['how'],
  found: Findings,
  scope: Scope,
): void {
  if (value.kind === 'default') return
  const sources =
    value.kind === 'constant'
      ? found.dialect.names.constantTypes[value.type].map((type) => ({ type }))
      : [sourceOf(value, scope, found.dialect)]
  for (const from of sources) addConversion({ to, how, from }, found)
}

function sourceOf(arg: Expression, scope: Scope, { names }: Dialect): Conversion['from'] {
  if (arg.kind === 'cast') return names.isSystem(arg.to) ? { type: names.elementType(arg.to.name) } : undefined
  if (arg.kind === 'call') return names.isSystem(arg.name) ? { given: [arg.name.name] } : undefined
  if (arg.kind === 'operation' && arg.form === 'plain' && arg.operators.length > 0)
    return arg.operators.every(names.isSystem) ? { given: arg.operators.map(({ name }) => name) } : undefined
  if (arg.kind !== 'column') return undefined
  const [row, name] = arg.path.length === 1 ? [undefined, arg.path[0]] : arg.path.slice(-2)
  if (name === undefined || name === '*') return undefined
  const rows = row === undefined ? everyRow(scope) : [findRow(scope, row)]
  // Columns of queries and functions may have any type.
  const isOfRelations = rows.every(
    (columns) => columns !== undefined && columns.names.size === 0 && columns.relations.length > 0,
  )
  return isOfRelations ? { name, of: rows.flatMap((columns) => columns?.relations ?? []) } : undefined
}

function everyRow(scope: Scope): readonly Columns[] {
  const rows: Columns[] = []
  for (let level: Scope | undefined = scope; level !== undefined; level = level.outer) rows.push(...level.rows)
  return rows
}
