import { closeSync, fsyncSync, openSync } from 'node:fs'
import { mkdir, open } from 'node:fs/promises'
import { closeFile, flushFile, openFile } from './file-calls.ts'

/**
 * Makes new names in a directory as durable as their content. Everybody who asks while it is being flushed shares the next flush:
 * one that began before a name was there may not cover it. A directory on another disk than the gateway's own may hang for as long as it
 * likes, so nothing of it is called at once.
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
  /** Of those who came meanwhile. */
  next: Promise<void> | undefined
}

/** By directory, as long as one runs. */
const flushes = new Map<string, Flush>()

/** Does something in a directory, which is made where it is not there. */
export async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return work()
}

/** The same as the first at once, where nothing may happen in between. */
export function syncDirectorySync(directory: string): void {
  const handle = openSync(directory, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
