import { closeSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { Kysely, PostgresDialect, sql, SqliteDialect, type Transaction } from 'kysely'
import Libsql from 'libsql'
import pg from 'pg'
import { PamError } from '../shared/errors.ts'
import { signAuditHead, type SignHead } from './audit-head.ts'
import { migrate } from './migrate.ts'
import type { Tables } from './schema.ts'

export type Tx = Transaction<Tables>

/** The relational store. Every change of state and its audit entry go through one `change`. */
export interface Database {
  read: Kysely<Tables>
  /** A transaction; changes run one after the other, so that the audit chain has one order. */
  change<T>(work: (tx: Tx) => Promise<T>): Promise<T>
  /** Calls back after each change. */
  onCommitted(listener: () => void): void
  close(): Promise<void>
}

/** SQLite in a file of its own. WAL with synchronous=FULL: what was committed survives a power cut. */
export async function openSqlite(file: string, sign?: SignHead): Promise<Database> {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const unlock = lock(`${file}.lock`)
  try {
    const sqlite = new Libsql(file)
    for (const pragma of ['journal_mode = WAL', 'synchronous = FULL', 'foreign_keys = ON', 'busy_timeout = 5000']) {
      sqlite.pragma(pragma)
    }
    const db = new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) })
    await migrate(db)
    return database(db, unlock, sign)
  } catch (error) {
    unlock()
    throw error
  }
}

/** The same file beside a running gateway; every change is refused. */
export function openSqliteToRead(file: string): Database {
  const sqlite = new Libsql(file, { readonly: true })
  return database(new Kysely<Tables>({ dialect: new SqliteDialect({ database: sqlite }) }), () => {}, undefined)
}

/** A PostgreSQL database, by connection string. */
export async function openPostgres(connectionString: string, sign?: SignHead): Promise<Database> {
  const pool = new pg.Pool({ connectionString, max: 8, types: { getTypeParser: bigintsAsNumbers } })
  // A connection that ends while it is idle is dropped by the pool; unheard, its error would end the process.
  pool.on('error', () => {})
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  await migrate(db)
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
  let last: Promise<unknown> = Promise.resolve()
  const listeners: (() => void)[] = []
  return {
    read: db,
    change(work) {
      const run = async () =>
        db.transaction().execute(async (tx) => {
          await begin(tx)
          const done = await work(tx)
          if (sign !== undefined) await signAuditHead(tx, sign)
          return done
        })
      const result = last.then(run, run)
      last = result.then(
        () => listeners.forEach((listener) => listener()),
        () => {},
      )
      return result
    },
    onCommitted: (listener) => void listeners.push(listener),
    async close() {
      await last
      await db.destroy()
      release()
    },
  }
}

/** Refuses a second gateway on the same file. A lock whose process is gone is taken over. */
function lock(file: string): () => void {
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      const handle = openSync(file, 'wx', 0o600)
      writeSync(handle, String(process.pid))
      closeSync(handle)
      return () => unlinkSync(file)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const owner = Number(readFileSync(file, 'utf8'))
      if (isAlive(owner)) {
        throw new PamError('USAGE', `another gateway (process ${owner}) uses ${dirname(file)}`, {
          hint: 'stop it first, or give this one another dataDirectory',
        })
      }
      unlinkSync(file)
    }
  }
  throw new PamError('USAGE', `the lock ${file} changes under us: another gateway is starting`)
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function bigintsAsNumbers(oid: number, format?: unknown): (value: string) => unknown {
  if (oid === INT8_OID) return Number
  return pg.types.getTypeParser(oid, format as 'text') as (value: string) => unknown
}

const INT8_OID = 20
/** Any number that nothing else in the database uses. */
const ADVISORY_LOCK = 7_261_627
