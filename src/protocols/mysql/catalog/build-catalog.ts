import { createHash } from 'node:crypto'
import type { Work } from '../../../shared/slices.ts'
import { wordList } from '../../../shared/word-list.ts'
import type { TieKind } from '../../../sql/catalog.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { partsOf, statementParts } from '../../../sql/parts.ts'
import type { Expression, Name, Statement } from '../../../sql/query.ts'
import type { ServerVersion } from '../wire/server-version.ts'
import { matchesGrantPattern } from './grant-pattern.ts'
import { foldDatabase, foldTable, keyOf, SYSTEM_DATABASES, type Definitions } from './catalog.ts'
import { newRelation, type OpenRelation, type Relation, type Trigger } from './relation.ts'
import type { CatalogRows, Row } from './catalog-rows.ts'
import { hiddenColumns } from './hidden-columns.ts'
import { quotedName } from './quoted-name.ts'

/** Parses the text of a definition as the server reads it in every session; undefined if it is not fully understood. */
export type ReadBody = (text: string, place: BodyPlace) => Body | undefined

export interface BodyPlace {
  readonly server: ServerVersion
  readonly foldsTableNames: boolean
  /** The database of the defined object. */
  readonly database: string
  /** Stored functions that the configuration declares safe, by `keyOf`. */
  readonly safeRoutines: ReadonlySet<string>
}

export interface Body {
  readonly parsed: ParsedStatement
  /** Why its effect is unknown. */
  readonly unknown: readonly string[]
  /** Whether it calls a function whose value may come from anywhere. */
  readonly isOpaque: boolean
}

/** What the configuration of a target declares about objects that cannot be analysed. */
export interface Declared {
  /** Stored functions and triggers, as `database.name`. */
  readonly safeRoutines: readonly string[]
  /** Whether there are no triggers other than those that the account can see. */
  readonly noOtherTriggers: boolean
}

type Mutable = OpenRelation & { indexes: (readonly string[])[] }

export function* buildCatalog(rows: CatalogRows, readBody: ReadBody, declared: Declared): Work<Definitions> {
  return yield* new Building(rows, readBody, declared).run()
}

class Building {
  readonly #rows: CatalogRows
  readonly #readBody: ReadBody
  readonly #declared: Declared
  readonly #relations = new Map<string, Mutable>()
  readonly #byOid = new Map<number, Mutable>()
  readonly #trees = new Map<string, Statement | undefined>()
  readonly #safe: ReadonlySet<string>

  constructor(rows: CatalogRows, readBody: ReadBody, declared: Declared) {
    this.#rows = rows
    this.#readBody = readBody
    this.#declared = declared
    this.#safe = new Set(
      declared.safeRoutines.map((name) => {
        const [database = '', routine = ''] = name.split('.', 2)
        return keyOf(foldDatabase(database, rows), routine.toLowerCase())
      }),
    )
  }

  *run(): Work<Definitions> {
    const { server, foldsTableNames, databases, routines } = this.#rows
    for (const row of this.#rows.tables) {
      yield
      this.#addTable(row)
    }
    for (const row of this.#rows.columns.toSorted((one, other) => Number(one[2]) - Number(other[2]))) {
      yield
      this.#addColumn(row)
    }
    for (const row of this.#rows.views) {
      yield
      this.#addView(row)
    }
    yield* this.#addKeys()
    yield* this.#addTriggers()
    const known = new Map(
      routines.map((row) => [
        keyOf(foldDatabase(String(row[0]), this.#rows), String(row[1]).toLowerCase()),
        digest(row.slice(2)),
      ]),
    )
    return {
      server,
      foldsTableNames,
      relations: this.#relations,
      byOid: this.#byOid,
      databases: new Set(databases.map(([name]) => foldDatabase(String(name), this.#rows))),
      routines: known,
      safeRoutines: this.#safe,
      userFunctions: new Set(
        routines.filter(([, , type]) => type !== 'PROCEDURE').map(([, name]) => String(name).toLowerCase()),
      ),
      trees: this.#trees,
    }
  }

  #find(database: string | null | undefined, name: string | null | undefined): Mutable | undefined {
    return this.#relations.get(
      keyOf(foldDatabase(String(database), this.#rows), foldTable(String(database), String(name), this.#rows)),
    )
  }

  #add(database: string, table: string, more: Partial<Mutable>): Mutable {
    const schema = foldDatabase(database, this.#rows)
    const name = foldTable(database, table, this.#rows)
    const relation: Mutable = { ...newRelation(this.#byOid.size + 1, schema, name), indexes: [[]], ...more }
    this.#relations.set(keyOf(schema, name), relation)
    this.#byOid.set(relation.oid, relation)
    return relation
  }

  #addTable([database, table, type, engine, options, madeAt]: Row): void {
    const isSystem = SYSTEM_DATABASES.has(foldDatabase(String(database), this.#rows))
    const kind = isSystem ? 'system' : type === 'VIEW' ? 'view' : type === 'SEQUENCE' ? 'sequence' : 'table'
    this.#add(String(database), String(table), {
      kind,
      // A view has no engine. Tables of other engines are stored elsewhere: in a file, on a server, in other tables of this one.
      foreign: !isSystem && kind !== 'view' && !OWN_ROWS.has(String(engine).toLowerCase()),
      identity: digest([type, engine, options, kind === 'table' ? madeAt : null]),
    })
  }

  #addColumn([database, table, , column, type, charset, collation, extra, expression, whole]: Row): void {
    const relation = this.#find(database, table)
    if (relation === undefined) return
    const name = String(column).toLowerCase()
    relation.columns.set(name, relation.columns.size + 1)
    relation.types.set(name, String(type).toLowerCase())
    if (EXACT.has(String(type).toLowerCase())) relation.exact.add(name)
    if (/\binvisible\b/i.test(extra ?? '')) relation.invisible.add(name)
    relation.identity = digest([relation.identity, column, whole, charset, collation, extra, expression])
    if (!/\b(virtual|stored|persistent) generated\b/i.test(extra ?? '')) return
    const text = expression ?? ''
    relation.generated.set(name, digest([text]))
    this.#trees.set(`${relation.oid} ${name}`, this.#expression(relation, text)?.tree)
  }

  #body(text: string, database: string): Body | undefined {
    const { server, foldsTableNames } = this.#rows
    if (text === '' || text.length > MAX_LENGTH) return undefined
    return this.#readBody(text, { server, foldsTableNames, database, safeRoutines: this.#safe })
  }

  /** An expression over the columns of a table. */
  #expression({ schema, name }: Pick<Relation, 'schema' | 'name'>, text: string): ParsedStatement | undefined {
    const table = `${quotedName(schema)}.${quotedName(name.slice(schema.length + 1))}`
    const body = text === '' ? undefined : this.#body(`SELECT ${text} FROM ${table}`, schema)
    return body === undefined || body.unknown.length > 0 || body.isOpaque ? undefined : body.parsed
  }

  /** The columns that an expression names; all columns of the table if it cannot be parsed. */
  #columnsOf(relation: Mutable, text: string): ReadonlySet<string> {
    const parsed = this.#expression(relation, text)
    return parsed === undefined ? new Set(relation.columns.keys()) : columnsIn(parsed.tree)
  }

  #addView([database, table, text]: Row): void {
    const view = this.#find(database, table)
    if (view === undefined) return
    const body = this.#body(text ?? '', view.schema)
    const reads = body?.parsed.reads ?? []
    for (const read of reads) {
      const base = this.#find(read.schema ?? view.schema, read.name) ?? this.#unseen(read, view.schema)
      view.viewOf.push(base.oid)
    }
    view.definition = digest([text])
    view.identity = digest([view.identity, text])
    this.#trees.set(String(view.oid), body?.parsed.tree)
    const reasons =
      body === undefined
        ? [`the definition of the view ${view.name} is not visible to the account, or is not analysed`]
        : body.unknown.map((reason) => `in the view ${view.name}: ${reason}`)
    // System views run only built-in code.
    view.runs = view.kind === 'system' ? [] : reasons
    const find = (named: Name): Relation | undefined => this.#find(named.schema ?? view.schema, named.name)
    view.opaque =
      view.kind !== 'system' &&
      (body === undefined || reasons.length > 0 || body.isOpaque || hiddenColumns(body.parsed.tree, find))
  }

  /** A relation that a view reads and the account cannot see: it may have any columns, including masked ones. */
  #unseen({ schema = '', name }: Name, database: string): Mutable {
    return this.#add(schema === '' ? database : schema, name, { opaque: true })
  }

  *#addKeys(): Work<void> {
    const { indexes, references, keys, checks, partitions } = this.#rows
    for (const [name, parts] of groups(indexes, 3)) {
      yield
      const [database, table, index] = name
      const relation = this.#find(database, table)
      if (relation === undefined) continue
      const columns = parts.flatMap((row) =>
        row[5] == null ? [...this.#columnsOf(relation, row[6] ?? '')] : [row[5].toLowerCase()],
      )
      const isUnique = parts.every((row) => row[3] === '0')
      if (index === 'PRIMARY') relation.indexes[0] = columns
      else relation.indexes.push(columns)
      if (isUnique) for (const column of columns) relation.unique.add(column)
      if (isUnique) tie(relation, 'unique', columns)
      else if (parts.some((row) => row[5] == null)) tie(relation, 'check', columns)
      // InnoDB stores rows in the order of the primary key, and returns them in it.
      if (index === 'PRIMARY') tie(relation, 'clustered', columns)
      relation.identity = digest([relation.identity, ...parts.flat()])
    }
    for (const [database, table, name, clause] of checks) {
      yield
      const relation = this.#find(database, table)
      if (relation === undefined) continue
      tie(relation, 'check', this.#columnsOf(relation, clause ?? ''))
      relation.identity = digest([relation.identity, name ?? '', clause])
    }
    for (const [[database, table], parts] of groups(partitions, 2)) {
      yield
      const relation = this.#find(database, table)
      if (relation === undefined) continue
      // Without an expression, the table is partitioned by the primary key.
      const texts = parts.flatMap((row) => [row[2] ?? '', row[3] ?? '']).filter((text) => text !== '')
      const columns = [...new Set(texts)].flatMap((text) => [...this.#columnsOf(relation, text)])
      tie(relation, 'parts', texts.length === 0 ? relation.unique : columns)
      relation.identity = digest([relation.identity, ...parts.flat()])
    }
    const columnsOfKey = new Map([...groups(keys, 3)].map(([name, parts]) => [JSON.stringify(name), parts] as const))
    for (const [database = null, table = null, name = null, onUpdate, onDelete] of references) {
      yield
      const parts = columnsOfKey.get(JSON.stringify([database, table, name])) ?? []
      const child = this.#find(database, table)
      const parent = this.#find(parts[0]?.[4], parts[0]?.[5])
      if (child === undefined) continue
      const own = parts.map((row) => String(row[3]).toLowerCase())
      const others = parts.map((row) => String(row[6]).toLowerCase())
      child.identity = digest([child.identity, name, onUpdate ?? '', onDelete ?? '', ...parts.flat()])
      if (parent === undefined) continue
      child.ties.push({ kind: 'references', own: new Set(own), others: others.map((column) => [parent.oid, column]) })
      parent.ties.push({ kind: 'references', own: new Set(others), others: own.map((column) => [child.oid, column]) })
      parent.referencedBy.push(child.oid)
      if (onDelete === 'CASCADE') parent.cascades.delete.push(child.oid)
      else if (isSet(onDelete)) parent.cascades.deleteSets.push(child.oid)
      if (onUpdate === 'CASCADE' || isSet(onUpdate)) parent.cascades.update.push(child.oid)
      parent.identity = digest([parent.identity, child.name, onUpdate ?? '', onDelete ?? ''])
    }
  }

  *#addTriggers(): Work<void> {
    for (const [database, table, schema, name, event, body, mode] of this.#rows.triggers) {
      yield
      const relation = this.#find(database, table)
      if (relation === undefined) continue
      relation.identity = digest([relation.identity, name ?? '', event ?? '', body ?? '', mode ?? ''])
      if (this.#safe.has(keyOf(foldDatabase(String(schema), this.#rows), String(name).toLowerCase()))) continue
      const what = `the trigger ${String(name)} of ${relation.name} is not analysed`
      for (const known of eventsOf(String(event).toLowerCase())) relation.triggers.push({ event: known, what })
    }
    if (this.#declared.noOtherTriggers) return
    for (const relation of this.#byOid.values()) {
      yield
      if (relation.kind === 'table' && !this.#seesTriggers(relation))
        for (const event of EVENTS)
          relation.triggers.push({
            event,
            what: `triggers of ${relation.name} are not visible: the account lacks the privilege TRIGGER (see unseenTriggers)`,
          })
    }
  }

  #seesTriggers({ schema, name }: Relation): boolean {
    const table = name.slice(schema.length + 1)
    return this.#rows.triggersShown.some(
      ([database, of]) =>
        database === '' ||
        (of === '' ? matchesGrantPattern(schema, String(database)) : database === schema && of === table),
    )
  }
}

const isSet = (action: string | null | undefined): boolean => action === 'SET NULL' || action === 'SET DEFAULT'

function tie(relation: Mutable, kind: TieKind, columns: Iterable<string>): void {
  const own = new Set(columns)
  if (own.size > 0) relation.ties.push({ kind, own, others: [] })
}

/** Groups rows by their first fields, in the order of the rows. */
function groups(rows: readonly Row[], count: number): Map<readonly (string | null)[], Row[]> {
  const names = new Map<string, readonly (string | null)[]>()
  const found = new Map<readonly (string | null)[], Row[]>()
  for (const row of rows) {
    const key = JSON.stringify(row.slice(0, count))
    const name = names.get(key) ?? row.slice(0, count)
    names.set(key, name)
    const before = found.get(name)
    if (before === undefined) found.set(name, [row])
    else before.push(row)
  }
  return found
}

/** The unqualified names of all columns in a statement. */
function columnsIn(tree: Statement): ReadonlySet<string> {
  const names = new Set<string>()
  const visit = (node: Expression): void => {
    if (node.kind === 'column') names.add(String(node.path.at(-1)))
    for (const part of partsOf(node).expressions) visit(part)
  }
  for (const node of statementParts(tree).expressions) visit(node)
  return names
}

const digest = (fields: readonly (string | null | undefined)[]): string =>
  createHash('sha256').update(JSON.stringify(fields)).digest('base64url')

/** In characters of one definition. */
const MAX_LENGTH = 100_000

/** Engines that store the rows of their tables themselves, and show no others. Sources: MySQL manual and MariaDB, Storage Engines. */
const OWN_ROWS: ReadonlySet<string> = new Set(
  wordList('innodb myisam aria memory archive blackhole csv rocksdb tokudb columnstore ndb ndbcluster sequence'),
)

const EVENTS: readonly Trigger['event'][] = ['insert', 'update', 'delete']

/** An unknown event may be any of them. */
function eventsOf(name: string): readonly Trigger['event'][] {
  const known = EVENTS.filter((event) => event === name)
  return known.length === 0 ? EVENTS : known
}

/** Equal numbers, times and bytes look the same; whether texts are equal depends on their collation. */
const EXACT: ReadonlySet<string> = new Set(
  wordList(`
  tinyint smallint mediumint int bigint decimal year date time datetime timestamp bit varbinary tinyblob blob mediumblob longblob
`),
)
