import { useEffect, useRef, useState } from 'preact/hooks'
import type { RecordedEvent } from '../../../src/recording/event.ts'
import type { Session } from '../../../src/api/schemas/session.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Empty, Problem } from '../../components/ui/parts.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { count } from '../../lib/format.ts'
import { liveTerminal, showTerminal, type LiveTerminal } from '../sessions/terminal.ts'
import { Timeline } from '../sessions/timeline.tsx'

type TailEvent = RecordedEvent & { readonly data?: string }

/** Follows an open session: its statements, and its terminal if it has one. */
export function Watch({ session }: { session: Session }) {
  const [events, setEvents] = useState<readonly RecordedEvent[]>([])
  const [dropped, setDropped] = useState(0)
  const [error, setError] = useState<PamError>()
  const [over, setOver] = useState(session.ended !== undefined)
  const [hasTerminal, setHasTerminal] = useState(false)
  const screen = useRef<HTMLDivElement>(null)
  const terminal = useRef<LiveTerminal | undefined>(undefined)

  useEffect(() => {
    if (session.ended !== undefined) return
    const leaving = new AbortController()
    terminal.current = liveTerminal()
    let batch: RecordedEvent[] = []
    // Events that arrive together are rendered once.
    const drawn = setInterval(() => {
      if (batch.length === 0) return
      const more = batch
      batch = []
      setEvents((before) => {
        const all = [...before, ...more]
        if (all.length <= MAX_SHOWN) return all
        setDropped((count) => count + all.length - MAX_SHOWN)
        return all.slice(-MAX_SHOWN)
      })
    }, 150)
    const follow = async (): Promise<void> => {
      for await (const line of api.sessions.tail(session.id, leaving.signal)) {
        const event = JSON.parse(line) as TailEvent
        if (event.type === 'terminal') {
          if (event.direction === 'out') terminal.current?.write(event.data ?? '')
          setHasTerminal(true)
        } else {
          if (event.type === 'resize') {
            terminal.current?.resize(event.columns, event.rows)
            setHasTerminal(true)
          }
          batch.push(event)
        }
      }
      setOver(true)
    }
    follow().catch((problem: unknown) => {
      if (leaving.signal.aborted) return
      const known = asProblem(problem)
      if (known.code === 'ALREADY_DECIDED') setOver(true)
      else setError(known)
    })
    return () => {
      leaving.abort()
      clearInterval(drawn)
      terminal.current?.close()
    }
  }, [session.id])

  useEffect(() => {
    const element = screen.current
    if (!hasTerminal || element === null || terminal.current === undefined) return
    return showTerminal(terminal.current.source, element, { live: true })
  }, [hasTerminal])

  useFollow(events)

  return (
    <>
      {error !== undefined && <Problem error={error} />}
      {hasTerminal && <div class="player" ref={screen} aria-label="Live terminal" role="region" />}
      {dropped > 0 && (
        <p class="small soft">
          {count(dropped, 'earlier event')} {dropped === 1 ? 'is' : 'are'} not shown here; the session's page has all of
          them.
        </p>
      )}
      {events.length === 0 && !hasTerminal && error === undefined ? (
        <Empty>{over ? 'The session has ended.' : 'No activity yet. Commands appear here as they run.'}</Empty>
      ) : (
        <div aria-live="polite">
          <Timeline events={events} protocol={session.protocol} />
        </div>
      )}
      {over && events.length > 0 && <p class="soft small">Session ended.</p>}
    </>
  )
}

/** The end stays in view while more comes, unless the reader has scrolled away from it. */
function useFollow(events: readonly RecordedEvent[]): void {
  const isAtEnd = useRef(true)
  useEffect(() => {
    const note = (): void => {
      isAtEnd.current = innerHeight + scrollY >= document.documentElement.scrollHeight - NEAR_END
    }
    addEventListener('scroll', note, { passive: true })
    return () => removeEventListener('scroll', note)
  }, [])
  useEffect(() => {
    if (isAtEnd.current && events.length > 0) scrollTo(0, document.documentElement.scrollHeight)
  }, [events])
}

/** Pixels. */
const NEAR_END = 120
const MAX_SHOWN = 500
