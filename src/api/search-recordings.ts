import type { ReadEvent } from '../recording/read.ts'
import type { CommandEvent } from '../recording/event.ts'
import type { SessionRow } from '../storage/sessions.ts'
import type { Found } from './schemas/recording.ts'
import { RecordContents, type SearchedTexts } from './searched-texts.ts'

/** A record that is searched. */
export interface OpenedRecord {
  readonly events: AsyncIterable<ReadEvent>
  /** Nothing is added to it any more. */
  readonly isWhole: boolean
}

/**
 * The commands that contain a text, in any case, were decided so, or are of a kind, of sessions newest first. Records are read, but for those that were read
 * before and cannot have it: what was run is kept in the records alone, and an index on a disk would be one more place to keep it from.
 */
export async function* searchRecordings(
  sessions: AsyncIterable<SessionRow>,
  asked: { readonly text: string; readonly verdict?: string | undefined; readonly kind?: string | undefined },
  limit: number,
  open: (session: string, onHidden: (seal: { readonly events: number }) => void) => Promise<OpenedRecord | undefined>,
  known: SearchedTexts,
): AsyncGenerator<Found, void, undefined> {
  const wanted = asked.text.toLowerCase()
  const fits = ({ text, verdict, kinds }: CommandEvent): boolean =>
    (asked.verdict === undefined || asked.verdict === verdict) &&
    (asked.kind === undefined || kinds.includes(asked.kind)) &&
    (wanted === '' || text.toLowerCase().includes(wanted))
  let left = limit
  for await (const { id: session, person, target } of sessions) {
    if (!known.mayHave(session, { ...asked, text: wanted })) continue
    let hidden = 0
    try {
      const opened = await open(session, (seal) => (hidden += seal.events))
      if (opened === undefined) continue
      const contents = new RecordContents()
      for await (const { event } of opened.events) {
        if (event.type !== 'command') continue
        contents.add(event)
        if (!fits(event)) continue
        if (left-- === 0) {
          yield { type: 'more' }
          return
        }
        const { at, ms, verdict, text: command } = event
        yield { type: 'command', session, at, ms, person: person.label, target, verdict, text: command }
      }
      if (opened.isWhole && hidden === 0) known.keep(session, contents)
    } catch (error) {
      yield { type: 'skipped', session, reason: (error as Error).message }
    }
    if (hidden > 0) yield { type: 'skipped', session, reason: `${hidden} events are encrypted` }
  }
}
