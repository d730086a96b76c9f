import * as fs from 'node:fs'
import { promisify } from 'node:util'

/**
 * File system calls that a fast disk answers in microseconds, which is less than a detour through the thread pool takes. After a call that
 * took long they use the thread pool for a second: a stalled disk must not stall the timers and sockets of all sessions. Flushes wait for
 * the disk in any case, and always use the thread pool.
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

/** File descriptors as numbers: an object for each file costs more than its calls. */
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

/** Writes all bytes. */
export async function writeFile(file: number, bytes: Buffer, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const from = at
    const length = Math.min(bytes.length - from, MAX_CALL_BYTES)
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
/** The same for the content only, without metadata. */
export const flushContent = promisify(fs.fdatasync)
export const truncateFile = promisify(fs.ftruncate)

const open = promisify(fs.open)
const close = promisify(fs.close)
const write = promisify(fs.write)
const link = promisify(fs.link)
const unlink = promisify(fs.unlink)

/** Milliseconds: after a call that took longer than the first, calls use the thread pool for the second. */
const SLOW_MS = 20
const REST_MS = 1000
/** Bytes per call. */
const MAX_CALL_BYTES = 64 * 1024
