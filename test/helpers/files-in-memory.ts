import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'

const MEMORY = '/dev/shm'
/** What a whole run has at one time is less than a quarter of it. */
const ENOUGH = 8 * 1024 ** 3

/**
 * Gives all tests of a run one directory in memory for temporary files: stores, records and databases are on it, and each of their
 * changes would wait some milliseconds for a disk. Where there is no room, or TMPDIR names a directory, they are where they were.
 */
export default function filesInMemory(): (() => void) | undefined {
  if ((process.env['TMPDIR'] ?? '') !== '' || !hasRoom()) return undefined
  // A short name: paths of sockets are of 107 bytes at most.
  const directory = mkdtempSync(`${MEMORY}/pt-`)
  chmodSync(directory, 0o1777)
  process.env['TMPDIR'] = directory
  return () => rmSync(directory, { recursive: true, force: true })
}

function hasRoom(): boolean {
  if (!existsSync(MEMORY)) return false
  const { bavail, bsize } = statfsSync(MEMORY)
  return bavail * bsize >= ENOUGH
}
