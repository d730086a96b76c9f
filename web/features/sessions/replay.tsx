import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { Empty, Loading, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatOffset } from '../../lib/format.ts'
import { useData } from '../../lib/use-data.ts'
import { jumpsOf } from './jumps.ts'
import { showTerminal, type ShownTerminal } from './terminal.ts'

/** Plays a terminal recording, beside a list of points to jump to. */
export function Replay({ id }: { id: string }) {
  const [from, setFrom] = useState<readonly number[]>([0])
  const start = from.at(-1) ?? 0
  const { data, error, loading } = useData(`cast ${id} ${start}`, () => api.sessions.cast(id, { from: start }))
  const screen = useRef<HTMLDivElement>(null)
  const [player, setPlayer] = useState<ShownTerminal>()
  const [search, setSearch] = useState('')
  const { jumps, next, hasOutput } = useMemo(() => jumpsOf(data ?? ''), [data])

  useEffect(() => {
    const element = screen.current
    if (data === undefined || !hasOutput || element === null) return
    return showTerminal({ data }, element, { live: false, ready: setPlayer })
  }, [data, hasOutput])

  const wanted = search.toLowerCase()
  const shown = jumps.filter(({ text }) => wanted === '' || text.toLowerCase().includes(wanted)).slice(0, MAX_JUMPS)
  return (
    <section class="stack">
      <h2>Terminal</h2>
      {error !== undefined && <Problem error={error} />}
      {data === undefined && error === undefined && <Loading what="the terminal" />}
      {data !== undefined && !hasOutput && !loading && <Empty>This session has no terminal output.</Empty>}
      {data !== undefined && hasOutput && (
        <div class="two">
          <div class="player" ref={screen} role="region" aria-label="Recorded terminal" data-testid="player" />
          <div class="card">
            <label>
              Find in the terminal
              <input value={search} onInput={({ currentTarget }) => setSearch(currentTarget.value)} />
            </label>
            <ol class="jumps" aria-label="Jump to" tabIndex={0}>
              {shown.map(({ at, text, isCommand }, index) => (
                <li key={index}>
                  <button type="button" onClick={() => player?.seek(at + A_MOMENT)}>
                    <span class="soft mono">{formatOffset(at * 1000)}</span>
                    <span class={isCommand ? 'mono kw' : 'mono'}>
                      <Text>{text}</Text>
                    </span>
                  </button>
                </li>
              ))}
              {shown.length === 0 && <li class="soft small">No matches.</li>}
            </ol>
          </div>
        </div>
      )}
      {(next !== undefined || from.length > 1) && (
        <div class="row">
          {from.length > 1 && (
            <button type="button" onClick={() => setFrom(from.slice(0, -1))}>
              Previous part
            </button>
          )}
          {next !== undefined && (
            <button type="button" onClick={() => setFrom([...from, next])}>
              Next part
            </button>
          )}
          <span class="soft small">
            This terminal recording is long, so it is shown in parts. Each part starts with an empty screen.
          </span>
        </div>
      )}
    </section>
  )
}

const MAX_JUMPS = 300
/** Seconds past the time of a jump, so that its output is visible. */
const A_MOMENT = 0.05
