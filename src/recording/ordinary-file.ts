import { lstatSync } from 'node:fs'

/**
 * Something is there that the gateway did not make: it makes ordinary files. A pipe is never read to its end, and a link leads to where
 * nobody should write or read.
 */
export function isNoFile(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && !stats.isFile()
}
