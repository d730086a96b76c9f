import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Whether this user may run a file. */
export function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** Whether a program can be run, looked for as a shell would. */
export const hasProgram = (name: string): boolean => findProgram(name) !== undefined

/** Where a program is, looked for as a shell would, and then in directories that a user's PATH may not have. */
export const findProgram = (name: string, more: readonly string[] = []): string | undefined =>
  [...(process.env['PATH'] ?? '').split(delimiter), ...more]
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isExecutable)
