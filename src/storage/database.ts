import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  Kysely,
  PostgresDialect,
  sql,
  SqliteDialect,
  type SqliteDatabase,
  type SqliteStatement,
  type Transaction,
} from 'kysely'
import Libsql from 'libsql'
import pg from 'pg'
import { PamError } from '../shared/errors.ts'
import { signAuditHead, type SignHead } from './audit-head.ts'
import { migrate } from './migrate.ts'
import { lockStore } from './store-lock.ts'
import { storeError, writeError } from './store-error.ts'
import type { Tables } from './schema.ts'

export type Tx = Transaction<Tables>

/** The relational store. Every change of state and its audit entry go through one `change`. */
export interface Database {
  read: Kysely<Tables>
  /**
   * All of it or nothing, on the disk once it resolves. Changes run one after the other, so that the audit chain has one order;
   * those that wait at the same time are committed together, each under a savepoint of its own.
   */
  change<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** The same for what nobody waits for: it shares the next commit, or has one of its own after some milliseconds. In order with the others. */
  changeSoon<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Calls back after each change. */
  onCommitted(listener: () => void): void
  close(): Promise<void>
}

/** SQLite in a file of its own. WAL with synchronous=FULL: what was committed survives a power cut. */
export async function openSqlite(file: string, sign?: SignHead): Promise<Database> {
  let unlock = (): void => {}
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    unlock = lockStore(file)
    const sqlite = new Libsql(file)
    for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'busy_timeout = 5000']) {
      sqlite.pragma(pragma)
    }
    needNoCode(sqlite, file)
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: preparedOnce(sqlite) }) })
    await migrate(db)
    return database(db, unlock, sign)
  } catch (error) {
    unlock()
    throw storeError(error, { place: file })
  }
}

/**
 * The gateway has no triggers or views, and whoever has the file can add them: a trigger changes entries as they are written, before they
 * are signed. An index that does not agree with its table hides rows from some questions and not from others.
 */
function needNoCode(sqlite: Libsql.Database, file: string): void {
  const found = sqlite.prepare("select type, name from sqlite_master where type in ('trigger', 'view')").all() as {
    type: string
    name: string
  }[]
  const [first] = found
  if (first !== undefined)
    throw new PamError(
      'STORE_UNAVAILABLE',
      `${file} has a ${first.type} "${first.name}", which the gateway did not create`,
      {
        side: 'gateway',
        hint: 'somebody else wrote to the store: keep a copy of it, find out what it does, and drop it before the next start',
      },
    )
  const checked = sqlite.prepare('pragma integrity_check(1)').all() as { integrity_check: string }[]
  const problem = checked[0]?.integrity_check ?? 'no answer'
  if (problem !== 'ok')
    throw new PamError('STORE_UNAVAILABLE', `${file} is damaged: ${problem}`, {
      side: 'gateway',
      hint: 'keep a copy of it, and restore it from a backup or repair it before the next start',
    })
}

/** The store asks a few dozen questions, again and again: each is compiled once. */
function preparedOnce(sqlite: Libsql.Database): SqliteDatabase {
  const statements = new Map<string, SqliteStatement>()
  return {
    prepare(text) {
      const known = statements.get(text)
      if (known !== undefined) return known
      const prepared = sqlite.prepare(text) as unknown as SqliteStatement
      const made = text === 'rollback' ? rollbackOf(sqlite, prepared) : prepared
      if (statements.size >= MAX_STATEMENTS) statements.clear()
      statements.set(text, made)
      return made
    },
    close: () => void sqlite.close(),
  }
}

/** A full disk ends the transaction by itself (SQLite manual, ROLLBACK): to roll it back again is an error, which would take the place of the first. */
const rollbackOf = (sqlite: Libsql.Database, rollback: SqliteStatement): SqliteStatement => ({
  reader: false,
  all: (parameters) => rollback.all(parameters),
  iterate: (parameters) => rollback.iterate(parameters),
  run: (parameters) => (sqlite.inTransaction ? rollback.run(parameters) : { changes: 0, lastInsertRowid: 0 }),
})

/** The same file beside a running gateway; every change is refused. */
export function openSqliteToRead(file: string): Database {
  const sqlite = new Libsql(file, { readonly: true })
  return database(new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) }), () => {}, undefined)
}

/** A PostgreSQL database, by connection string. */
export async function openPostgres(connectionString: string, sign?: SignHead): Promise<Database> {
  const pool = new pg.Pool({
    connectionString,
    max: 8,
    types: { getTypeParser: bigintsAsNumbers },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  })
  // A connection that ends while it is idle is dropped by the pool; unheard, its error would end the process.
  pool.on('error', () => {})
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  try {
    await migrate(db)
  } catch (error) {
    await db.destroy()
    const { host, port, user, database: name } = new pg.Client({ connectionString })
    throw storeError(error, {
      place: host.startsWith('/') ? host : `${host}:${port}`,
      ...(user === undefined ? {} : { user }),
      ...(name === undefined ? {} : { database: name }),
    })
  }
  return database(
    db,
    () => {},
    sign,
    async (tx) => {
      await sql`select pg_advisory_xact_lock(${ADVISORY_LOCK})`.execute(tx)
    },
  )
}

function database(
  db: Kysely<Tables>,
  release: () => void,
  sign: SignHead | undefined,
  begin: (tx: Tx) => Promise<void> = async () => {},
): Database {
  const listeners: (() => void)[] = []
  const waiting: Change[] = []
  let working: Promise<void> | undefined
  /** One transaction for a group; who fails takes only their own part back. */
  const commit = async (group: readonly Change[]): Promise<void> => {
    const answers: (() => void)[] = []
    await db.transaction().execute(async (tx) => {
      await begin(tx)
      for (const { work, resolve, reject } of group) {
        if (group.length > 1) await sql`savepoint one`.execute(tx)
        try {
          const done = await work(tx)
          answers.push(() => resolve(done))
        } catch (error) {
          if (group.length === 1) throw error
          await sql`rollback to savepoint one`.execute(tx)
          answers.push(() => reject(error))
        }
        if (group.length > 1) await sql`release savepoint one`.execute(tx)
      }
      if (sign !== undefined) await signAuditHead(tx, sign)
    })
    for (const answer of answers) answer()
    for (const listener of listeners) listener()
  }
  let soon: NodeJS.Timeout | undefined
  /** What can wait does so until its time is over, or somebody cannot. */
  const isDue = (): boolean => (soon === undefined ? waiting.length > 0 : waiting.some(({ canWait }) => !canWait))
  const workOff = async (): Promise<void> => {
    while (isDue()) {
      // What the others ask for in this turn of the event loop shares the commit: its flush is what costs.
      await new Promise((resolve) => setImmediate(resolve))
      const group = waiting.splice(0, MAX_GROUP_BYTES)
      // Where the transaction itself fails, nothing of it has happened.
      await commit(group).catch((error: unknown) => group.forEach(({ reject }) => reject(writeError(error))))
    }
  }
  const start = (): void => {
    working ??= workOff().finally(() => {
      working = undefined
      if (isDue()) start()
    })
  }
  let closing = false
  const add = <T>(work: (tx: Tx) => Promise<T>, canWait: boolean): Promise<T> =>
    new Promise<T>((resolve, reject) => {
      waiting.push({ work, canWait, resolve: resolve as (value: unknown) => void, reject })
      if (!canWait || closing) return start()
      soon ??= setTimeout(() => {
        soon = undefined
        start()
      }, UNHURRIED_COMMIT_MS)
    })
  return {
    read: db,
    change: (work) => add(work, false),
    changeSoon: (work) => add(work, true),
    onCommitted: (listener) => void listeners.push(listener),
    async close() {
      closing = true
      clearTimeout(soon)
      soon = undefined
      start()
      while (working !== undefined) await working
      await db.destroy()
      release()
    },
  }
}

interface Change {
  readonly canWait: boolean
  readonly work: (tx: Tx) => Promise<unknown>
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

function bigintsAsNumbers(oid: number, format?: unknown): (value: string) => unknown {
  if (oid === INT8_OID) return Number
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown
}

const INT8_OID = 20
const CONNECT_TIMEOUT_MS = 10_000
/** Changes that share one commit. */
const MAX_GROUP_BYTES = 100
/** Milliseconds that a change which nobody waits for waits for others. */
const UNHURRIED_COMMIT_MS = 100
const MAX_STATEMENTS = 500
/** Any number that nothing else in the database uses. */
const ADVISORY_LOCK = 7_261_627
