import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { openSqlite, type Database } from '../../src/storage/database.ts'

let empty: Promise<Buffer> | undefined

/** Writes a store to this file that nothing was ever written to. Its tables are created once in a process, and copied: that takes a quarter of the time. */
export async function writeNewStore(file: string): Promise<void> {
  empty ??= createTables()
  writeFileSync(file, await empty, { flag: 'wx' })
}

/** The store in this file, or a new one. */
export async function testStore(file: string): Promise<Database> {
  if (!existsSync(file)) await writeNewStore(file)
  return openSqlite(file)
}

async function createTables(): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  try {
    const file = join(directory, 'state.db')
    await (await openSqlite(file)).close()
    // Into the one file that is copied.
    const sqlite = new Libsql(file)
    sqlite.pragma('wal_checkpoint(TRUNCATE)')
    sqlite.close()
    return readFileSync(file)
  } finally {
    rmSync(directory, { recursive: true })
  }
}
