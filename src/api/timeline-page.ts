import { BrokenRecording, type ReadEvent } from '../recording/read.ts'
import { PamError } from '../shared/errors.ts'
import type { Timeline } from './schemas/recording.ts'

/** One page of a session's events from its record. Bytes of terminals are for players: they are left out. */
export async function timelinePage(
  read: (onHidden: (seal: { readonly events: number }) => void) => Promise<AsyncIterable<ReadEvent>>,
  {
    from,
    limit,
    types,
    text,
  }: {
    readonly from: number
    readonly limit: number
    readonly types: readonly string[] | undefined
    readonly text: string | undefined
  },
): Promise<Timeline> {
  const items: Timeline['items'] = []
  const terminals = new Set<string>()
  const wanted = text?.toLowerCase() ?? ''
  let hidden = 0
  try {
    for await (const { event } of await read((seal) => (hidden += seal.events))) {
      if (event.seq < from) continue
      if (event.type === 'terminal' || event.type === 'resize') terminals.add(event.channel)
      if (types === undefined ? event.type === 'terminal' : !types.includes(event.type)) continue
      if (wanted !== '' && !JSON.stringify(event).toLowerCase().includes(wanted)) continue
      if (items.length === limit) return { items, next: event.seq, hidden, terminals: [...terminals] }
      items.push({ ...event })
    }
  } catch (error) {
    if (!(error instanceof BrokenRecording)) throw error
    throw new PamError('RECORD_INVALID', `the record cannot be read: segment ${error.segment} ${error.message}`)
  }
  return { items, hidden, terminals: [...terminals] }
}
