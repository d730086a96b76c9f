import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import Libsql from 'libsql'
import { PamError } from '../shared/errors.ts'

/**
 * Refuses a second gateway on the same store, and returns what lets the next one in. The kernel holds the lock (fcntl, by an exclusive transaction on an
 * SQLite file that stays empty): it ends with the process, however that ends, and counts between containers that share the directory, in which
 * processes have the same numbers. `FILE.lock` names the process for people, and keeps gateways off that know no other lock.
 *
 * Throws USAGE where another gateway has it.
 */
export function lockStore(file: string): () => void {
  const note = `${file}.lock`
  const hold = new Libsql(ownFile(`${file}.owner`))
  try {
    // Nothing is ever written: no journal is needed beside it.
    hold.exec('pragma journal_mode = memory')
    hold.exec('begin exclusive')
  } catch (error) {
    hold.close()
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error
    throw inUse(noteIn(note).trim() || 'unknown', file)
  }
  const owner = noteIn(note)
  // Of an earlier version, which had no other lock: it ends its note without a line feed.
  if (/^\d+$/.test(owner) && isAlive(Number(owner))) {
    hold.close()
    throw inUse(owner, file)
  }
  writeFileSync(note, `${process.pid}\n`, { mode: 0o600 })
  return () => {
    rmSync(note, { force: true })
    hold.close()
  }
}

/** Whether a gateway that runs on this machine says that it has the store. Takes no lock, so that none is ever in the way of a gateway. */
export function isOwned(file: string): boolean {
  const owner = noteIn(`${file}.lock`).trim()
  return /^\d+$/.test(owner) && isAlive(Number(owner))
}

/** The library would make it for everybody that the umask allows. */
function ownFile(path: string): string {
  closeSync(openSync(path, 'a', 0o600))
  return path
}

function noteIn(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}

function isAlive(pid: number): boolean {
  if (pid <= 0 || pid === process.pid) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

const inUse = (owner: string, file: string): PamError =>
  new PamError('USAGE', `another gateway (process ${owner}) uses ${dirname(file)}`, {
    hint: 'stop it first, or give this one another dataDirectory',
  })
