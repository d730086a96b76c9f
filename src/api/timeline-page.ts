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
    matters = false,
  }: {
    readonly from: number
    readonly limit: number
    readonly types: readonly string[] | undefined
    readonly text: string | undefined
    /** Only commands that were denied, held or failed, with what became of them. */
    readonly matters?: boolean | undefined
  },
): Promise<Timeline> {
  const items: Timeline['items'] = []
  const terminals = new Set<string>()
  const wanted = text?.toLowerCase() ?? ''
  let hidden = 0
  const filter = matters ? new WhatMatters() : undefined
  try {
    for await (const { event } of await read((seal) => (hidden += seal.events))) {
      // What stands before the page says what becomes of it there.
      const matter = filter?.of(event)
      if (event.seq < from) continue
      if (event.type === 'terminal' || event.type === 'resize') terminals.add(event.channel)
      if (types === undefined ? event.type === 'terminal' : !types.includes(event.type)) continue
      const shown = (matter ?? [event]).filter(
        (one) => wanted === '' || JSON.stringify(one).toLowerCase().includes(wanted),
      )
      const [first] = shown
      if (first !== undefined && items.length >= limit) {
        // A command that failed is on the page of its error, unless later ones are shown already.
        const next = first.seq > (items.at(-1)?.seq ?? -1) ? first.seq : event.seq
        return { items, next, hidden, terminals: [...terminals] }
      }
      items.push(...shown.map((one) => ({ ...one })))
    }
  } catch (error) {
    if (!(error instanceof BrokenRecording)) throw error
    throw new PamError('RECORD_INVALID', `the record cannot be read: segment ${error.segment} ${error.message}`)
  }
  return { items, hidden, terminals: [...terminals] }
}

/** Passes on what was denied, held or failed, with what became of it. */
class WhatMatters {
  /** Commands that were allowed and have no result yet, by id: one that fails is shown with its error. */
  readonly #running = new Map<string, ReadEvent['event']>()
  readonly #held = new Set<string>()

  of(event: ReadEvent['event']): readonly ReadEvent['event'][] {
    switch (event.type) {
      case 'command':
        return this.#command(event)
      case 'result': {
        const command = this.#running.get(event.command)
        this.#running.delete(event.command)
        if (event.error !== undefined) return command === undefined ? [event] : [command, event]
        // A text of several statements has a result for each.
        return this.#held.has(event.command) ? [event] : []
      }
      case 'file':
        return event.error === undefined ? [] : [event]
      case 'approval':
      case 'ended':
        return [event]
      case 'opened':
      case 'forwarded':
      case 'rows':
      case 'terminal':
      case 'resize':
      case 'notice':
        return []
    }
  }

  #command(event: Extract<ReadEvent['event'], { type: 'command' }>): readonly ReadEvent['event'][] {
    if (event.verdict === 'hold') this.#held.add(event.id)
    if (event.verdict !== 'allow') return [event]
    this.#running.set(event.id, event)
    for (const [oldest] of this.#running) {
      if (this.#running.size <= MAX_RUNNING) break
      this.#running.delete(oldest)
    }
    return []
  }
}

/** Commands without a result that are remembered: whatever runs at once in one session, and no more. */
const MAX_RUNNING = 1000
