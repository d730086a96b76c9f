import { lstatSync } from 'node:fs'

/**
 * Whether there is anything but a regular file, which the gateway did not create: reading a pipe might never end, and a link may lead to
 * where the gateway must not read or write.
 */
export function isNoFile(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  return stats !== undefined && !stats.isFile()
}
