import { closeSync, fsyncSync, openSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { closeFile, flushFile, openFile } from './file-calls.ts'

/**
 * Makes new names in a directory as durable as their content. All callers during a flush share the next one: the running flush began before
 * their names existed and may not cover them. A directory on another disk than the gateway's own may hang indefinitely, so it is never
 * accessed synchronously.
 */
export function syncDirectory(directory: string, disk: 'own' | 'other' = 'own'): Promise<void> {
  const flush = disk === 'own' ? flushHere : flushElsewhere
  const under = flushes.get(directory)
  if (under === undefined) return begin(directory, flush(directory))
  under.next ??= under.running.then(
    () => begin(directory, flush(directory)),
    () => begin(directory, flush(directory)),
  )
  return under.next
}

function begin(directory: string, running: Promise<void>): Promise<void> {
  const mine: Flush = { running, next: undefined }
  flushes.set(directory, mine)
  const end = (): void => {
    if (mine.next === undefined) flushes.delete(directory)
  }
  running.then(end, end)
  return running
}

async function flushHere(directory: string): Promise<void> {
  const handle = await openFile(directory, 'r')
  try {
    await flushFile(handle)
  } finally {
    await closeFile(handle)
  }
}

async function flushElsewhere(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

interface Flush {
  readonly running: Promise<void>
  /** The flush for callers since the running one began. */
  next: Promise<void> | undefined
}

/** Running flushes, by directory. */
const flushes = new Map<string, Flush>()

/** Does some work in a directory, which is created if it does not exist. */
export async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return work()
}

/** Like `syncDirectory`, but synchronous, for callers between whose steps nothing may happen. */
export function syncDirectorySync(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
