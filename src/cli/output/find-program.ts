import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The file of a program by the PATH of an environment; undefined where there is none that may be run. */
export function findProgram(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  for (const directory of (environment['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not here.
    }
  }
  return undefined
}
