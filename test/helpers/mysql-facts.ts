import type { MaskedColumns, MaskingPlan } from '../../src/masking/plan.ts'
import { buildCatalog } from '../../src/protocols/mysql/catalog/build-catalog.ts'
import type { CatalogRows, Row } from '../../src/protocols/mysql/catalog/catalog-rows.ts'
import { inSession, keyOf, type Catalog } from '../../src/protocols/mysql/catalog/catalog.ts'
import { resolveFacts } from '../../src/protocols/mysql/dialect/command-facts.ts'
import type { FactsOptions } from '../../src/protocols/mysql/dialect/text-resolver.ts'
import { readStatements } from '../../src/protocols/mysql/dialect/parse-statement.ts'
import { readBody } from '../../src/protocols/mysql/dialect/read-body.ts'
import type { StatementFacts } from '../../src/protocols/mysql/dialect/statement-facts.ts'
import { SessionMemory } from '../../src/protocols/mysql/dialect/session-memory.ts'
import { maskingScope } from '../../src/protocols/mysql/masking/scope.ts'
import type { ServerVersion } from '../../src/protocols/mysql/wire/server-version.ts'
import { NOTHING_PINNED } from '../../src/sql/pinned-settings.ts'
import { atOnce } from '../../src/shared/slices.ts'

export const MARIADB: ServerVersion = { flavor: 'mariadb', number: 101_119, text: '10.11.19-MariaDB' }
export const MYSQL: ServerVersion = { flavor: 'mysql', number: 80_400, text: '8.4.0' }

/** A table as its CREATE would have it: `name type`, with the words of EXTRA behind. */
export interface TestTable {
  readonly columns: readonly string[]
  readonly engine?: string
  /** Unique keys, the primary one first. */
  readonly keys?: readonly (readonly string[])[]
  readonly view?: string
  readonly checks?: readonly string[]
  /** By which its rows are kept apart. */
  readonly partition?: string
  /** `column -> database.table.column, ON UPDATE, ON DELETE`. */
  readonly references?: readonly {
    readonly column: string
    readonly to: string
    readonly onUpdate?: string
    readonly onDelete?: string
  }[]
  readonly triggers?: readonly ('INSERT' | 'UPDATE' | 'DELETE')[]
  /** What generated columns compute. */
  readonly generated?: Readonly<Record<string, string>>
}

export interface TestCatalog {
  readonly server?: ServerVersion
  readonly database?: string | undefined
  readonly foldsTableNames?: boolean
  readonly routines?: readonly string[]
  readonly safeRoutines?: readonly string[]
  readonly temporary?: readonly (readonly [string, string])[]
  /** Whether the account may see triggers. */
  readonly seesTriggers?: boolean
  readonly unseenTriggers?: 'none'
}

/** What information_schema would say of these tables, by `database.table`. */
export function rowsOf(tables: Readonly<Record<string, TestTable>>, more: TestCatalog = {}): CatalogRows {
  const rows: Record<string, Row[]> = Object.fromEntries(
    'tables columns views triggers references keys indexes checks partitions routines databases'
      .split(' ')
      .map((name) => [name, []]),
  )
  const add = (name: string, ...row: (string | null)[]): void => void rows[name]?.push(row)
  const databases = new Set(Object.keys(tables).map((name) => name.split('.', 1).join('')))
  for (const name of databases) add('databases', name)
  for (const [name, table] of Object.entries(tables)) {
    const [database = '', of = ''] = name.split('.', 2)
    add(
      'tables',
      database,
      of,
      table.view === undefined ? 'BASE TABLE' : 'VIEW',
      table.view === undefined ? (table.engine ?? 'InnoDB') : null,
      '',
    )
    table.columns.forEach((column, index) => {
      const [called = '', type = '', ...extra] = column.split(' ')
      const computed = table.generated?.[called] ?? null
      const words = [...extra, ...(computed === null ? [] : ['VIRTUAL GENERATED'])].join(' ')
      add('columns', database, of, String(index + 1), called, type, null, null, words, computed, type)
    })
    if (table.view !== undefined) add('views', database, of, table.view)
    ;(table.keys ?? []).forEach((key, at) =>
      key.forEach((column, index) =>
        add('indexes', database, of, at === 0 ? 'PRIMARY' : `key${at}`, '0', String(index + 1), column),
      ),
    )
    for (const [index, check] of (table.checks ?? []).entries()) add('checks', database, of, `check${index}`, check)
    if (table.partition !== undefined) add('partitions', database, of, table.partition, null)
    for (const [index, { column, to, onUpdate = 'RESTRICT', onDelete = 'RESTRICT' }] of (
      table.references ?? []
    ).entries()) {
      const [schema = '', parent = '', referenced = ''] = to.split('.', 3)
      add('references', database, of, `fk${index}`, onUpdate, onDelete)
      add('keys', database, of, `fk${index}`, column, schema, parent, referenced)
    }
    for (const event of table.triggers ?? [])
      add('triggers', database, of, database, `on_${event.toLowerCase()}`, event, 'SET @x = 1', '')
  }
  for (const routine of more.routines ?? []) {
    const [database = '', name = ''] = routine.split('.', 2)
    add('routines', database, name, 'FUNCTION', 'RETURN 1', 'DEFINER', '')
  }
  return {
    ...(rows as unknown as CatalogRows),
    server: more.server ?? MARIADB,
    foldsTableNames: more.foldsTableNames ?? false,
    triggersShown: more.seesTriggers === false ? [] : [['', '']],
  }
}

export function catalogOf(tables: Readonly<Record<string, TestTable>>, more: TestCatalog = {}): Catalog {
  const declared = { safeRoutines: more.safeRoutines ?? [], noOtherTriggers: more.unseenTriggers === 'none' }
  return inSession(atOnce(buildCatalog(rowsOf(tables, more), readBody, declared)), {
    database: 'database' in more ? more.database : 'shop',
    temporary: new Set((more.temporary ?? []).map(([database, name]) => keyOf(database, name))),
  })
}

export const mask = (name: string, more: Partial<MaskedColumns> = {}): MaskedColumns => {
  const [schema = '', table = '', column = ''] = name.split('.', 3)
  return {
    schema,
    table,
    column,
    style: 'redact',
    sideChannels: 'equality',
    maxComparisons: 20,
    copying: false,
    hashScope: 'session',
    ...more,
  }
}

const OPTIONS: FactsOptions = {
  readOnly: false,
  ownAccount: false,
  hasSessionAccount: false,
  pinned: NOTHING_PINNED,
  defaultSchema: 'shop',
  memory: SessionMemory.NEW,
}

/** What a text does and tells with these definitions and masks. */
export function factsOf(
  sql: string,
  catalog: Catalog,
  masks: readonly MaskedColumns[] = [],
  { sqlMode = '', ...options }: Partial<FactsOptions> & { readonly sqlMode?: string } = {},
): StatementFacts {
  const context = {
    server: catalog.server,
    sqlMode: new Set(sqlMode.split(',').filter((mode) => mode !== '')),
    database: catalog.database,
    multiStatements: true,
    charset: 'utf8mb4',
    foldsTableNames: catalog.foldsTableNames,
    keepsAscii: true,
  } as const
  const parsed = readStatements(sql, context)
  if ('failure' in parsed) throw new Error(`${sql}: ${parsed.failure}`)
  const plan: MaskingPlan = { columns: masks, kinds: [] }
  return resolveFacts(parsed, catalog, maskingScope(plan, catalog, catalog.trees), {
    ...OPTIONS,
    runs: {
      context,
      read: (text) => {
        const read = readStatements(text, { ...context, multiStatements: false })
        return 'failure' in read ? undefined : read
      },
    },
    ...options,
  })
}
