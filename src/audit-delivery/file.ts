import { appendLines } from './append-lines.ts'
import type { Destination, Format } from './destination.ts'

/** Lines at the end of a file, which is opened anew for each batch: it may be moved away at any time. */
export const toFile = (path: string, format: Format): Destination => ({
  send: (records) => appendLines(path, records.map(format)),
  close() {},
})
