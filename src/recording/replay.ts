import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { RecordedEvent } from './event.ts'
import { MAGIC, parseLine } from './record-line.ts'

/** The events of a recording, in order. Says nothing about whether they are genuine: that is `verify`. */
export async function* readRecording(file: string): AsyncGenerator<RecordedEvent> {
  let first = true
  for await (const text of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (first && text !== MAGIC) throw new Error(`${file} is not a recording: it does not begin with ${MAGIC}`)
    first = false
    const line = parseLine(text)
    if (line?.type === 'event') yield line.event
  }
}
