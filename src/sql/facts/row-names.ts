import type { Alias, Expression, FromItem, Name, Statement, Table } from '../query.ts'

/** The known columns of a row: some by name, and all those of some relations. */
export interface Columns {
  readonly names: ReadonlySet<string>
  readonly relations: readonly Name[]
}

export interface RowName extends Columns {
  readonly alias: string
}

/** What the names of rows and of common table expressions refer to at one place of a statement. */
export interface Scope {
  readonly ctes: ReadonlyMap<string, Columns>
  readonly rows: readonly RowName[]
  readonly outer: Scope | undefined
}

export const NOWHERE: Scope = { ctes: new Map(), rows: [], outer: undefined }

export const cteOf = (scope: Scope, { schema, name }: Name): Columns | undefined =>
  schema === undefined ? scope.ctes.get(name) : undefined

const NO_NAMES: ReadonlySet<string> = new Set()
const NOTHING_KNOWN: Columns = { names: NO_NAMES, relations: [] }

/** An alias with column names hides the original ones. */
function renamed(columns: Columns, alias: Alias | undefined): Columns {
  return alias === undefined || alias.columns.length === 0 ? columns : { names: new Set(alias.columns), relations: [] }
}

const union = (all: readonly Columns[]): Columns => ({
  names: new Set(all.flatMap(({ names }) => [...names])),
  relations: all.flatMap(({ relations }) => relations),
})

/** The rows that an item of FROM names. */
export function rowNames(item: FromItem, scope: Scope): readonly RowName[] {
  const named = (columns: Columns, alias: Alias | undefined, name = alias?.name): readonly RowName[] =>
    name === undefined ? [] : [row(name, renamed(columns, alias))]
  switch (item.kind) {
    case 'table':
      return named(
        cteOf(scope, item.name) ?? { names: NO_NAMES, relations: [item.name] },
        item.alias,
        item.alias?.name ?? item.name.name,
      )
    case 'derived':
      return named(columnsOf(item.query, scope), item.alias)
    case 'function-table': {
      const [call] = item.calls
      const name = item.alias?.name ?? (call?.kind === 'call' ? call.name.name : undefined)
      // A function that returns one value has one column, named like its row.
      const names = new Set([...item.columns, ...(item.alias?.columns ?? []), ...(name === undefined ? [] : [name])])
      return name === undefined ? [] : [{ alias: name, names, relations: [] }]
    }
    case 'value-table':
      return named(NOTHING_KNOWN, item.alias)
    case 'join': {
      const rows = [...rowNames(item.left, scope), ...rowNames(item.right, scope)]
      return [
        ...rows,
        ...(item.usingAlias === undefined
          ? []
          : [{ alias: item.usingAlias, names: new Set(item.using), relations: [] }]),
        ...(item.alias === undefined ? [] : named(union(rows), item.alias)),
      ]
    }
    case 'opaque':
      return []
  }
}

const row = (alias: string, { names, relations }: Columns): RowName => ({ alias, names, relations })

export const targetRow = (target: Table, alias: string): RowName =>
  row(alias, renamed({ names: NO_NAMES, relations: [target.name] }, target.alias))

/** The columns that a query returns, as far as its text shows. */
export function columnsOf(query: Statement, scope: Scope): Columns {
  switch (query.kind) {
    case 'select': {
      const inner = withCtes(query.with, scope)
      const rows = query.from.flatMap((item) => rowNames(item, inner))
      return targetColumns(query.targets, rows)
    }
    case 'set-operation':
      return columnsOf(query.left, withCtes(query.with, scope))
    case 'values':
      return { names: new Set((query.rows[0] ?? []).map((_, index) => `column${index + 1}`)), relations: [] }
    case 'utility':
      return NOTHING_KNOWN
    case 'change':
      return targetColumns(
        query.returning?.targets ?? [],
        query.from.flatMap((item) => rowNames(item, scope)),
      )
    case 'insert':
    case 'update':
    case 'delete':
    case 'merge':
      return targetColumns(query.returning?.targets ?? [], [
        targetRow(query.target, query.target.alias?.name ?? query.target.name.name),
      ])
  }
}

function targetColumns(
  targets: readonly { readonly name: string | undefined; readonly value: Expression }[],
  rows: readonly RowName[],
): Columns {
  return union(
    targets.map(({ name, value }): Columns => {
      const path = value.kind === 'column' ? value.path : []
      if (path.at(-1) !== '*') return name === undefined ? NOTHING_KNOWN : { names: new Set([name]), relations: [] }
      return path.length === 1 ? union(rows) : union(rows.filter(({ alias }) => alias === path.at(-2)))
    }),
  )
}

/** The names that a WITH clause defines, for the query that it belongs to. */
function withCtes(clause: Extract<Statement, { with: unknown }>['with'], scope: Scope): Scope {
  let inner = scope
  for (const { name, columns, query } of clause?.ctes ?? [])
    inner = addCte(
      inner,
      name,
      columns.length > 0 ? { names: new Set(columns), relations: [] } : columnsOf(query, inner),
    )
  return inner
}

export const addCte = (scope: Scope, name: string, columns: Columns): Scope => ({
  ...scope,
  ctes: new Map([...scope.ctes, [name, columns]]),
})

/** The known columns of the row with this name; undefined where there is none, or more than one. */
export function findRow(scope: Scope, alias: string): Columns | undefined {
  for (let level: Scope | undefined = scope; level !== undefined; level = level.outer) {
    const rows = level.rows.filter((row) => row.alias === alias)
    if (rows.length > 0) return rows.length === 1 ? rows[0] : undefined
  }
  return undefined
}
