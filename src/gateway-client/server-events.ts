import { PamError } from '../shared/errors.ts'

const KINDS = ['review', 'session', 'grant', 'lock', 'break-glass', 'config'] as const

/** What a change is about. */
interface Change {
  readonly kind: (typeof KINDS)[number]
  readonly id: string
  readonly change: string
}

/** One server-sent event of the gateway. */
export type ServerEvent =
  | ({ readonly type: 'changed'; readonly seq: number } & Change)
  /** `ready`: from here on all is told. `resync`: not all was told, so look at everything again. */
  | { readonly type: 'ready' | 'resync'; readonly seq: number }
  /** Nothing happens, and the gateway is there. */
  | { readonly type: 'beat' }

/** Reads the lines of an event stream (HTML Living Standard, section 9.2.6). Throws VERSION_MISMATCH at a change that is none. */
export async function* serverEvents(lines: AsyncIterable<string>): AsyncGenerator<ServerEvent, void, undefined> {
  let [id, event, data] = ['', '', '']
  for await (const line of lines) {
    if (line === '') {
      const seq = Number(id)
      if (event === 'changed') yield changeIn(data, seq)
      else if (event === 'ready' || event === 'resync') yield { type: event, seq }
      event = data = ''
      continue
    }
    if (line.startsWith(':')) {
      yield { type: 'beat' }
      continue
    }
    const at = line.indexOf(':')
    const field = at < 0 ? line : line.slice(0, at)
    const value = at < 0 ? '' : line.slice(at + 1).replace(/^ /, '')
    if (field === 'id') id = value
    else if (field === 'event') event = value
    else if (field === 'data') data += value
    if (data.length > MAX_EVENT_LENGTH) throw unreadable()
  }
}

/** A change of a kind that a later gateway has may be about anything: everything is looked at again. */
function changeIn(data: string, seq: number): ServerEvent {
  try {
    const { kind, id, change }: { kind?: unknown; id?: unknown; change?: unknown } = JSON.parse(data)
    if (typeof kind === 'string' && typeof id === 'string' && typeof change === 'string') {
      const known = KINDS.find((one) => one === kind)
      return known === undefined ? { type: 'resync', seq } : { type: 'changed', seq, kind: known, id, change }
    }
  } catch {
    // Not JSON, or null.
  }
  throw unreadable()
}

const unreadable = (): PamError =>
  new PamError('VERSION_MISMATCH', 'an event in the answer to GET /v1/events cannot be read', { side: 'gateway' })

/** In UTF-16 code units; an event names one thing. */
const MAX_EVENT_LENGTH = 64 * 1024
