import type { ReadEvent } from '../recording/read.ts'
import type { CommandEvent } from '../recording/event.ts'
import type { SessionRow } from '../storage/sessions.ts'
import type { Found } from './schemas/recording.ts'

/**
 * The commands that contain a text, in any case, were decided so, or are of a kind, of sessions newest first. Every record is read: what was run is kept in
 * the records alone, and an index would be one more place to keep it from.
 */
export async function* searchRecordings(
  sessions: AsyncIterable<SessionRow>,
  asked: { readonly text: string; readonly verdict?: string | undefined; readonly kind?: string | undefined },
  limit: number,
  open: (
    session: string,
    onHidden: (seal: { readonly events: number }) => void,
  ) => Promise<AsyncIterable<ReadEvent> | undefined>,
): AsyncGenerator<Found, void, undefined> {
  const wanted = asked.text.toLowerCase()
  const fits = ({ text, verdict, kinds }: CommandEvent): boolean =>
    (asked.verdict === undefined || asked.verdict === verdict) &&
    (asked.kind === undefined || kinds.includes(asked.kind)) &&
    (wanted === '' || text.toLowerCase().includes(wanted))
  let left = limit
  for await (const { id: session, person, target } of sessions) {
    let hidden = 0
    try {
      const events = await open(session, (seal) => (hidden += seal.events))
      if (events === undefined) continue
      for await (const { event } of events) {
        if (event.type !== 'command' || !fits(event)) continue
        if (left-- === 0) {
          yield { type: 'more' }
          return
        }
        const { at, ms, verdict, text: command } = event
        yield { type: 'command', session, at, ms, person: person.label, target, verdict, text: command }
      }
    } catch (error) {
      yield { type: 'skipped', session, reason: (error as Error).message }
    }
    if (hidden > 0) yield { type: 'skipped', session, reason: `${hidden} events are encrypted` }
  }
}
