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

/**
 * The file of a program by the PATH of an environment, then in `more` directories, which that may not have; undefined where there is none that
 * may be run. An empty entry of PATH, the current directory, is passed over.
 */
export const findProgram = (
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
  more: readonly string[] = [],
): string | undefined =>
  [...(environment['PATH'] ?? '').split(delimiter), ...more]
    .filter((directory) => directory !== '')
    .map((directory) => join(directory, name))
    .find(isExecutable)
