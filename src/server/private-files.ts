import { chmodSync, existsSync, lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { PamError } from '../shared/errors.ts'

/** What this process makes is for its own user, whatever it was started with. */
export function keepFilesPrivate(): void {
  process.umask(0o077)
}

/**
 * Takes from everybody else what they may do with a directory and all in it. Returns what was changed. Throws where that is not
 * possible: then somebody else owns it, and may read or write what only the gateway should.
 */
export function tighten(directory: string): string[] {
  const changed: string[] = []
  const visit = (path: string): void => {
    const found = statOf(path)
    if (found === undefined || found.isSymbolicLink()) return
    const mode = found.mode & 0o7777
    if ((mode & 0o077) !== 0) {
      try {
        chmodSync(path, mode & 0o700)
      } catch (error) {
        throw new PamError('CONFIG_INVALID', `others may use ${path} (mode ${mode.toString(8).padStart(4, '0')})`, {
          side: 'gateway',
          cause: error,
          hint: `make it the gateway's own: chown and chmod go-rwx ${path}`,
        })
      }
      changed.push(path)
    }
    if (found.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name))
  }
  if (existsSync(directory)) visit(realpathSync(directory))
  return changed
}

/** Undefined where it is gone meanwhile, or not there yet. */
function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}
