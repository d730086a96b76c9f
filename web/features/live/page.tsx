import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Session } from '../../../src/api/schemas/session.ts'
import { Link, setQuery, usePlace } from '../../app/router.tsx'
import { Fold } from '../../components/ui/fold.tsx'
import { Badge, Empty, Loading, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { count, formatDateTime, formatLength } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { NARROW, useMedia } from '../../lib/media.ts'
import { useStore } from '../../lib/store.ts'
import { useData, useNow } from '../../lib/use-data.ts'
import { EndDialog } from './end.tsx'
import { LiveList } from './list.tsx'
import { grouped, inColumns, matching, type Grouping } from './rows.ts'
import { LiveTable, type LiveRows } from './table.tsx'
import { useOpenSessions } from './use-sessions.ts'
import { Watch } from './watch.tsx'

/** The open sessions: who runs what since when. */
export function LivePage() {
  const { sessions, hasMore, error, reload } = useOpenSessions()
  const { query } = usePlace()
  const [ending, setEnding] = useState<Session>()
  const me = useStore(signIn)
  const filter = query.get('filter') ?? ''
  const by = groupingOf(query.get('by'))
  const shown = useMemo(() => matching(sessions ?? [], filter), [sessions, filter])
  const roles = me.state === 'in' ? me.me.roles : []
  const isMine = ({ person }: Session): boolean => me.state === 'in' && me.me.person.id === person.id
  return (
    <div class="stack live">
      <div class="head">
        <h1>Live</h1>
        {sessions !== undefined && sessions.length > 0 && (
          <Fold label="Filter and group" inUse={filter !== '' || by !== ''}>
            <Controls filter={filter} by={by} />
          </Fold>
        )}
        <p class="soft small" role="status">
          {sessions === undefined ? '' : stateOf(sessions, hasMore)}
        </p>
      </div>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {sessions === undefined && error === undefined && <Loading what="live sessions" />}
      {sessions?.length === 0 && (
        <Empty>
          <p>Nobody is connected.</p>
          <p class="small">New sessions appear here automatically.</p>
        </Empty>
      )}
      {sessions !== undefined && sessions.length > 0 && shown.length === 0 && <Empty>No matching sessions.</Empty>}
      <Columns
        sessions={shown}
        by={by}
        mayWatch={(session) => isMine(session) || roles.includes('audit')}
        mayEnd={(session) => isMine(session) || roles.includes('operate')}
        end={setEnding}
      />
      {ending !== undefined && <EndDialog session={ending} close={() => setEnding(undefined)} />}
    </div>
  )
}

function Controls({ filter, by }: { filter: string; by: Grouping }) {
  return (
    <form class="row controls" role="search" aria-label="Live sessions" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="visually-hidden">Filter</span>
        <input
          type="search"
          value={filter}
          placeholder="person, target, command, held"
          onInput={({ currentTarget }) => setQuery({ filter: currentTarget.value, by })}
        />
      </label>
      <label>
        <span class="visually-hidden">Group by</span>
        <select value={by} onChange={({ currentTarget }) => setQuery({ filter, by: currentTarget.value })}>
          <option value="">not grouped</option>
          <option value="person">by person</option>
          <option value="target">by target</option>
        </select>
      </label>
    </form>
  )
}

/** Many sessions stand in two columns where there is room for them; on a phone, in a list of one line each. */
function Columns({
  sessions,
  by,
  ...rest
}: { sessions: readonly Session[]; by: Grouping } & Omit<LiveRows, 'groups' | 'by' | 'now'>) {
  const now = useNow(1000)
  const isWide = useMedia('(min-width: 75rem)')
  const isNarrow = useMedia(NARROW)
  const groups = useMemo(() => grouped(sessions, by), [sessions, by])
  const columns = inColumns(groups, isWide && sessions.length > ONE_COLUMN ? 2 : 1)
  if (sessions.length === 0) return null
  if (isNarrow) return <LiveList groups={groups} by={by} now={now} {...rest} />
  return (
    <div class={columns.length > 1 ? 'columns' : ''}>
      {columns.map((column, index) => (
        <LiveTable key={index} groups={column} by={by} now={now} {...rest} />
      ))}
    </div>
  )
}

function stateOf(sessions: readonly Session[], hasMore: boolean): string {
  const open = sessions.filter(({ ended }) => ended === undefined)
  const of = (state: string): number => open.filter(({ activity }) => activity?.state === state).length
  const parts = [
    `${hasMore ? 'More than ' : ''}${count(open.length, 'session')} open`,
    of('running') > 0 ? `${of('running')} running` : '',
    of('held') > 0 ? `${of('held')} held` : '',
  ]
  return parts.filter(Boolean).join(', ')
}

const groupingOf = (asked: string | null): Grouping => (asked === 'person' || asked === 'target' ? asked : '')

/** As many rows as fit on a screen. */
const ONE_COLUMN = 40

function TimeLeft({ session: { grantEndsAt } }: { session: Session }) {
  const now = useNow(1000)
  if (grantEndsAt === undefined) return null
  const left = Date.parse(grantEndsAt) - now
  return (
    <span title={`until ${formatDateTime(grantEndsAt)}`}>
      <Badge tone={left < 300_000 ? 'warn' : ''}>{formatLength(left)} left</Badge>
    </span>
  )
}

/** One open session, watched live. */
export function WatchPage({ id }: { id: string }) {
  const { data: session, error, reload } = useData(`watch ${id}`, () => api.sessions.get(id))
  const me = useStore(signIn)
  const [ending, setEnding] = useState(false)
  useLive((message) => {
    if (message.type === 'resync' || message.id === session?.id) reload()
  })
  useEffect(() => {
    if (session !== undefined) document.title = `${session.person.label} on ${session.target} · pamctl`
  }, [session])
  const mayEnd = me.state === 'in' && (me.me.roles.includes('operate') || me.me.person.id === session?.person.id)
  return (
    <>
      <p class="small">
        <Link to="/live">← Live</Link>
      </p>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {session === undefined && error === undefined && <Loading what="the session" />}
      {session !== undefined && (
        <>
          <div class="head">
            <h1>
              <Text>{session.person.label}</Text> <span class="soft">on</span> <Text>{session.target}</Text>
            </h1>
            {session.ended === undefined ? <TimeLeft session={session} /> : <Badge>ended</Badge>}
          </div>
          {session.ended !== undefined && (
            <p class="note" role="status">
              The session has ended: <Text>{session.ended.message}</Text>.{' '}
              <Link to={`/sessions/${encodeURIComponent(session.id)}`}>View the recording</Link>
            </p>
          )}
          {session.ended === undefined && mayEnd && (
            <div class="row">
              <button type="button" class="danger" onClick={() => setEnding(true)}>
                End session…
              </button>
            </div>
          )}
          {ending && <EndDialog session={session} close={() => setEnding(false)} />}
          <Watch session={session} />
        </>
      )}
    </>
  )
}
