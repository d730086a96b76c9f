import { randomUUID } from 'node:crypto'
import { lstatSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { UsageError } from './errors.ts'
import { fileProblem } from './file-problem.ts'

/**
 * Whoever reads it meanwhile reads the old one or the new one. A link, as managers of dotfiles make them, stays: what it
 * points to is replaced. The new file has a name that nobody can have prepared.
 */
export function replaceFile(file: string, text: string): void {
  try {
    const real = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true ? realpathSync(file) : file
    const next = `${real}.${randomUUID().slice(0, 8)}`
    writeFileSync(next, text, { mode: 0o600, flag: 'wx' })
    try {
      renameSync(next, real)
    } catch (error) {
      rmSync(next, { force: true })
      throw error
    }
  } catch (error) {
    throw new UsageError(fileProblem(file, error, 'written'))
  }
}
