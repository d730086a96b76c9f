import { copyFileSync, existsSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
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
  if (existsSync(destination))
    throw new UsageError(`${destination} exists and is not written to`, 'name a new directory')
  if (isWithin(destination, dataDirectory))
    throw new UsageError(`${destination} is in the data directory itself`, 'name a directory elsewhere')
  try {
    mkdirSync(destination, { recursive: true, mode: 0o700 })
    copy(join(dataDirectory, 'keys'), join(destination, 'keys'))
    const source = new Libsql(state, { readonly: true })
    try {
      source.prepare('vacuum into ?').run(join(destination, 'state.db'))
    } finally {
      source.close()
    }
    for (const name of AFTER_STATE) copy(join(dataDirectory, name), join(destination, name))
  } catch (error) {
    if (error instanceof PamError) throw error
    throw new UsageError(fileProblem(destination, error, 'written'), 'remove what was copied so far, and run it again')
  }
}

/** A record moves from the first to the second when it is sealed: in this order it is in one of them at least. */
const AFTER_STATE = ['secrets.json', 'spool', 'recordings']

/** A file or a directory. What is not there, or no longer, is left out: a sealed record leaves the spool at any moment. */
function copy(from: string, to: string): void {
  const found = statSync(from, { throwIfNoEntry: false })
  if (found?.isDirectory() === true) {
    mkdirSync(to, { mode: 0o700 })
    for (const name of readdirSync(from)) copy(join(from, name), join(to, name))
  } else if (found !== undefined) {
    try {
      copyFileSync(from, to)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }
}

/** Whether a path, which may not exist yet, is below a directory. */
function isWithin(path: string, directory: string): boolean {
  let parent = resolve(path)
  while (!existsSync(parent)) parent = dirname(parent)
  return `${realpathSync(parent)}${sep}`.startsWith(`${realpathSync(directory)}${sep}`)
}
