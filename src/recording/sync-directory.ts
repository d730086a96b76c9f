import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Makes a new file's name as durable as its content. */
export function syncDirectory(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
