import { open } from 'node:fs/promises'
import type { Destination, Format } from './destination.ts'

/** Lines at the end of a file, which is opened anew for each batch: it may be moved away at any time. */
export const toFile = (path: string, format: Format): Destination => ({
  async send(records) {
    const file = await open(path, 'a', 0o600)
    try {
      await file.writeFile(records.map((record) => `${format(record)}\n`).join(''))
      await file.datasync()
    } finally {
      await file.close()
    }
  },
  close() {},
})
