import {
  closeSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, resolve, sep } from 'node:path'
import Libsql from 'libsql'
import { detachedFileOf } from '../recording/detached.ts'
import { headOf, isJournalFile, journalFiles } from '../recording/journal-file.ts'
import { isNoFile } from '../recording/ordinary-file.ts'
import { readJournals } from '../recording/read-journal.ts'
import { recordingsIn, sessionOf } from '../recording/recover.ts'
import { PamError, UsageError } from '../shared/errors.ts'
import { errorCode, fileProblem } from '../shared/file-problem.ts'
import { loadConfigWithoutSecrets } from './config/load-config.ts'
import { journalKey } from './keys.ts'

/**
 * `pam-gateway backup DIRECTORY`: a copy of the data directory that a gateway can be started from, also made while one runs. The state is of
 * one moment, as SQLite's `VACUUM INTO` makes it; records come after, the live ones before the sealed: so every record that the state names
 * is in the copy, whole, or as a stop at that moment would have left it. The copy is as secret as what it is of.
 */
export function backup(file: string, destination: string): void {
  const { dataDirectory } = loadConfigWithoutSecrets(file)
  const state = join(dataDirectory, 'state.db')
  if (!existsSync(state))
    throw new UsageError(
      `${dataDirectory} has no state.db`,
      'a gateway with this configuration has not been started yet',
    )
  // Where a part of it is elsewhere, behind a link, that place is part of it, too.
  const parts = ['.', ...PARTS].map((name) => join(dataDirectory, name)).filter((part) => existsSync(part))
  if (parts.some((part) => isWithin(destination, part)))
    throw new UsageError(`${destination} is in the data directory itself`, 'name a directory elsewhere')
  makeDirectory(destination)
  try {
    copyPart(join(dataDirectory, 'keys'), join(destination, 'keys'))
    const copyTheJournals = (): void => copyJournals(join(dataDirectory, ...JOURNALS), join(destination, ...JOURNALS))
    // A journal that the state still names may be removed before its turn comes.
    copyTheJournals()
    const source = new Libsql(state, { readonly: true })
    try {
      source.prepare('vacuum into ?').run(join(destination, 'state.db'))
    } finally {
      source.close()
    }
    copyTheJournals()
    for (const name of AFTER_STATE) copyPart(join(dataDirectory, name), join(destination, name))
    returnToSpool(destination)
  } catch (error) {
    if (error instanceof PamError) throw error
    throw new UsageError(fileProblem(destination, error, 'written'), 'remove what was copied so far, and run it again')
  }
}

/** A record moves from the first to the second when it is sealed: in this order it is in one of them at least. */
const AFTER_STATE = ['secrets.json', 'spool', 'recordings']
const PARTS = ['keys', ...AFTER_STATE]
const JOURNALS = ['spool', 'journal']

/** Makes the directory itself: one that somebody else has made meanwhile, or put a link in place of, is theirs to read. */
function makeDirectory(path: string): void {
  try {
    mkdirSync(dirname(resolve(path)), { recursive: true, mode: 0o700 })
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (errorCode(error) === 'EEXIST') throw new UsageError(`${path} already exists`, 'a backup needs a new directory')
    throw new UsageError(fileProblem(path, error, 'written'))
  }
}

/**
 * The journals and their heads, as they are now; what was copied of one that has been removed since is kept. The head has the number of
 * records: read first, it never has more of them than are copied.
 */
function copyJournals(from: string, to: string): void {
  if (!existsSync(from)) return
  mkdirSync(to, { recursive: true, mode: 0o700 })
  for (const path of journalFiles(from)) {
    const head = headOf(path)
    for (const file of [path, head]) if (isNoFile(file)) throw notOurs(file)
    try {
      const bytes = readFileSync(head)
      copyFileSync(path, join(to, basename(path)))
      writeFileSync(join(to, basename(head)), bytes, { mode: 0o600 })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

/**
 * Sessions went on while they were copied. A record that was sealed after the moment of the state goes to the spool of the copy, where the
 * next start takes it as complete; it would otherwise close what the spool has of the record, and find another under its name. What neither
 * the state nor a journal names is of a session that began later, and nothing is to be closed for it.
 */
function returnToSpool(destination: string): void {
  const [sealed, spool] = [join(destination, 'recordings'), join(destination, 'spool')]
  const states = statesOf(join(destination, 'state.db'))
  const key = journalKey(join(destination, 'keys'))
  const journaled = key === undefined ? undefined : readJournals(join(destination, ...JOURNALS), key).sessions
  for (const name of recordingsIn(sealed)) {
    const session = sessionOf(name)
    const state = states.get(session)
    const files = [name, detachedFileOf(name)]
    if (state === 'open' || (state === undefined && journaled?.has(session) === true)) {
      // Records only grow. What somebody has laid in its place is left there, and the next start reports it.
      if (!isBeginning(join(spool, name), join(sealed, name))) continue
      mkdirSync(dirname(join(spool, name)), { recursive: true, mode: 0o700 })
      for (const file of files) if (existsSync(join(sealed, file))) renameSync(join(sealed, file), join(spool, file))
    } else if (state === undefined) for (const file of files) rmSync(join(spool, file), { force: true })
  }
}

/** Whether the first file has no byte that the second does not begin with; also where it does not exist. */
function isBeginning(path: string, of: string): boolean {
  if (!existsSync(path)) return true
  const [one, other] = [openSync(path, 'r'), openSync(of, 'r')]
  try {
    const [part, same] = [Buffer.alloc(CHUNK_BYTES), Buffer.alloc(CHUNK_BYTES)]
    for (let at = 0; ; at += CHUNK_BYTES) {
      const length = readSync(one, part, 0, CHUNK_BYTES, at)
      if (length === 0) return true
      if (readSync(other, same, 0, length, at) !== length) return false
      if (!part.subarray(0, length).equals(same.subarray(0, length))) return false
    }
  } finally {
    closeSync(one)
    closeSync(other)
  }
}

const CHUNK_BYTES = 1024 * 1024

/** What the state says of each session's record. */
function statesOf(file: string): ReadonlyMap<string, string> {
  const state = new Libsql(file, { readonly: true })
  try {
    const rows = state.prepare('select session_id, state from recordings').all() as {
      session_id: string
      state: string
    }[]
    return new Map(rows.map((row) => [row.session_id, row.state]))
  } finally {
    state.close()
  }
}

/** A part of the data directory. It may be a link to where an administrator has put it. */
function copyPart(from: string, to: string): void {
  if (existsSync(from)) copy(realpathSync(from), to)
}

/**
 * A file or a directory. What is not there, or no longer, is left out: a sealed record leaves the spool at any moment. The gateway makes nothing
 * else here: a link could lead to any file that this user may read, and a pipe would be waited for without end.
 */
function copy(from: string, to: string): void {
  const found = lstatSync(from, { throwIfNoEntry: false })
  if (found === undefined) return
  if (found.isDirectory()) {
    mkdirSync(to, { recursive: true, mode: 0o700 })
    for (const name of readdirSync(from)) if (!isJournalFile(name)) copy(join(from, name), join(to, name))
  } else if (found.isFile()) {
    try {
      copyFileSync(from, to)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  } else throw notOurs(from)
}

const notOurs = (path: string): UsageError =>
  new UsageError(
    `${path} is neither a file nor a directory, and nothing of the gateway's`,
    'move it elsewhere, remove what was copied so far, and run it again',
  )

/** Whether a path, which may not exist yet, is below a directory. */
function isWithin(path: string, directory: string): boolean {
  let parent = resolve(path)
  while (!existsSync(parent)) parent = dirname(parent)
  return `${realpathSync(parent)}${sep}`.startsWith(`${realpathSync(directory)}${sep}`)
}
