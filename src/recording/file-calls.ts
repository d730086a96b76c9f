import * as fs from 'node:fs'
import { promisify } from 'node:util'

/**
 * Calls of the file system that a quick disk answers in microseconds, which is less than a detour through the thread pool costs. Once one
 * takes long they go that way for a second: a disk that stalls must not stall everybody's timers and sockets. What is flushed waits
 * for the disk in any case, and never here.
 */
async function quickly<T>(atOnce: () => T, aside: () => Promise<T>): Promise<T> {
  if (performance.now() < slowUntil) return aside()
  const started = performance.now()
  try {
    return atOnce()
  } finally {
    const ended = performance.now()
    if (ended - started > SLOW_MS) slowUntil = ended + REST_MS
  }
}

let slowUntil = 0

/** As numbers: an object for each file costs more than its calls. */
export const openFile = (path: string, flags: 'wx' | 'r+' | 'r'): Promise<number> =>
  quickly(
    () => fs.openSync(path, flags, 0o600),
    () => open(path, flags, 0o600),
  )

export const closeFile = (file: number): Promise<void> =>
  quickly(
    () => fs.closeSync(file),
    () => close(file),
  )

/** All of it. */
export async function writeFile(file: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const from = at
    const length = Math.min(bytes.length - from, MOST)
    at += await quickly(
      () => fs.writeSync(file, bytes, from, length, position + from),
      async () => (await write(file, bytes, from, length, position + from)).bytesWritten,
    )
  }
}

export const linkFile = (path: string, other: string): Promise<void> =>
  quickly(
    () => fs.linkSync(path, other),
    () => link(path, other),
  )

export const unlinkFile = (path: string): Promise<void> =>
  quickly(
    () => fs.unlinkSync(path),
    () => unlink(path),
  )

/** Waits for the disk. */
export const flushFile = promisify(fs.fsync)
/** The same of what the file holds alone. */
export const flushContent = promisify(fs.fdatasync)
export const truncateFile = promisify(fs.ftruncate)

const open = promisify(fs.open)
const close = promisify(fs.close)
const write = promisify(fs.write)
const link = promisify(fs.link)
const unlink = promisify(fs.unlink)

/** Milliseconds: a call that took longer is not waited for the next time, for so long. */
const SLOW_MS = 20
const REST_MS = 1000
/** Bytes that are written at once. */
const MOST = 64 * 1024
