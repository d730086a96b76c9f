import type { ReadEvent } from './read.ts'
import { describeEvent } from './timeline.ts'

export interface CastOptions {
  /** Only this terminal; default: the whole session. */
  readonly channel?: string
  /** The first event to show; the size that the terminal had before it is kept. */
  readonly from?: number
  /** The approximate number of characters; at the end a marker names the next event. */
  readonly most?: number
}

/**
 * asciicast v2 (docs.asciinema.org/manual/asciicast/v2): terminals as recorded, other events as the lines of their timeline. Commands are
 * markers.
 */
export async function* asciicast(
  events: AsyncIterable<ReadEvent>,
  { channel, from = 0, most = Infinity }: CastOptions = {},
): AsyncGenerator<string, void, undefined> {
  let begun = false
  let started = 0
  let size = { columns: 80, rows: 24 }
  let length = 0
  /** Terminals end their lines with CR LF themselves; the output of plain commands does not. */
  const terminals = new Set<string>()
  const decoders = new Map<string, InstanceType<typeof TextDecoder>>()
  for await (const { event, data } of events) {
    if ('channel' in event && channel !== undefined && event.channel !== channel) continue
    if (event.type === 'resize') terminals.add(event.channel)
    if ((!begun || event.seq < from) && event.type === 'resize') size = event
    if (event.seq < from) continue
    if (!begun && event.type !== 'resize') {
      begun = true
      started = from === 0 ? 0 : event.ms
      const title = event.type === 'opened' ? `${event.person.label} on ${event.target}` : undefined
      const timestamp = Math.floor(Date.parse(event.at) / 1000)
      yield line({ version: 2, width: size.columns, height: size.rows, timestamp, title })
    }
    const at = (event.ms - started) / 1000
    if (length > most) {
      yield line([at, 'm', `next ${event.seq}`])
      return
    }
    if (event.type === 'terminal') {
      // A character may be split over two events.
      const name = `${event.channel} ${event.direction}`
      const decoder = decoders.get(name) ?? new TextDecoder()
      decoders.set(name, decoder)
      const text = decoder.decode(data, { stream: true })
      const shown = terminals.has(event.channel) ? text : text.replaceAll(/(?<!\r)\n/g, '\r\n')
      length += shown.length
      if (shown !== '') yield line([at, event.direction === 'out' ? 'o' : 'i', shown])
    } else if (event.type === 'resize') yield line([at, 'r', `${event.columns}x${event.rows}`])
    else {
      if (event.type === 'command') yield line([at, 'm', event.text.slice(0, 200)])
      for (const shown of describeEvent(event)) yield line([at, 'o', `${shown}\r\n`])
    }
  }
}

const line = (value: unknown): string => `${JSON.stringify(value)}\n`
