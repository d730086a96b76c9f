import type { Readable } from 'node:stream'
import { readRecording } from '../recording/read.ts'
import type { SessionRow } from '../storage/sessions.ts'
import type { Found } from './schemas/recording.ts'

/**
 * The commands that contain a text, in any case, of sessions newest first. Every record is read: what was run is kept in
 * the records alone, and an index would be one more place to keep it from.
 */
export async function* searchRecordings(
  sessions: readonly SessionRow[],
  text: string,
  limit: number,
  open: (session: string) => Promise<Readable | undefined>,
): AsyncGenerator<Found, void, undefined> {
  const wanted = text.toLowerCase()
  let left = limit
  for (const { id: session, person, target } of sessions) {
    let hidden = 0
    try {
      const source = await open(session)
      if (source === undefined) continue
      for await (const { event } of readRecording(source, { onHidden: (seal) => (hidden += seal.events) })) {
        if (event.type !== 'command' || !event.text.toLowerCase().includes(wanted)) continue
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
