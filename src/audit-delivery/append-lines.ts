import { open, stat } from 'node:fs/promises'

/**
 * Adds lines to the end of a file, which is made where it is not there, and flushes them. A line that a full disk or a stop cut off is ended
 * first: otherwise it would take the first of these with it.
 */
export async function appendLines(path: string, lines: readonly string[]): Promise<void> {
  const isCut = await endsWithinLine(path)
  const file = await open(path, 'a', 0o600)
  try {
    await file.writeFile(`${isCut ? '\n' : ''}${lines.map((line) => `${line}\n`).join('')}`)
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** A pipe, and a file that may only be written to, are taken as they are. */
async function endsWithinLine(path: string): Promise<boolean> {
  try {
    const found = await stat(path)
    if (!found.isFile() || found.size === 0) return false
    const file = await open(path, 'r')
    try {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, found.size - 1)
      return bytesRead === 1 && buffer[0] !== LINE_FEED
    } finally {
      await file.close()
    }
  } catch {
    return false
  }
}

const LINE_FEED = 0x0a
