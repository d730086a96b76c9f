import { copyFileSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'
import Libsql from 'libsql'
import { PamError, UsageError } from '../shared/errors.ts'
import { errorCode, fileProblem } from '../shared/file-problem.ts'
import { loadConfigWithoutSecrets } from './config/load-config.ts'

/**
 * `pam-gateway backup DIRECTORY`: a copy of the data directory that a gateway can be started from, also made while one runs. The state comes
 * first, as SQLite's `VACUUM INTO` makes it from one moment; records come after, the live ones before the sealed: so every record that the
 * state names is in the copy, whole, or as a stop at that moment would have left it. The copy is as secret as what it is of.
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
    const source = new Libsql(state, { readonly: true })
    try {
      source.prepare('vacuum into ?').run(join(destination, 'state.db'))
    } finally {
      source.close()
    }
    for (const name of AFTER_STATE) copyPart(join(dataDirectory, name), join(destination, name))
  } catch (error) {
    if (error instanceof PamError) throw error
    throw new UsageError(fileProblem(destination, error, 'written'), 'remove what was copied so far, and run it again')
  }
}

/** A record moves from the first to the second when it is sealed: in this order it is in one of them at least. */
const AFTER_STATE = ['secrets.json', 'spool', 'recordings']
const PARTS = ['keys', ...AFTER_STATE]

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
    mkdirSync(to, { mode: 0o700 })
    for (const name of readdirSync(from)) copy(join(from, name), join(to, name))
  } else if (found.isFile()) {
    try {
      copyFileSync(from, to)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  } else
    throw new UsageError(
      `${from} is neither a file nor a directory, and nothing of the gateway's`,
      'move it elsewhere, remove what was copied so far, and run it again',
    )
}

/** Whether a path, which may not exist yet, is below a directory. */
function isWithin(path: string, directory: string): boolean {
  let parent = resolve(path)
  while (!existsSync(parent)) parent = dirname(parent)
  return `${realpathSync(parent)}${sep}`.startsWith(`${realpathSync(directory)}${sep}`)
}
