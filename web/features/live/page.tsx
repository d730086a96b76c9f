import { useEffect, useMemo } from 'preact/hooks'
import type { Session } from '../../../src/api/schemas/session.ts'
import { Link } from '../../app/router.tsx'
import { Ago, Badge, Empty, Loading, More, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { count, formatDateTime, formatLength } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useStore } from '../../lib/store.ts'
import { useData, useNow, usePages } from '../../lib/use-data.ts'
import { EndSession, RevokeGrant } from './end.tsx'
import { Watch } from './watch.tsx'

/** The open sessions. */
export function LivePage() {
  const pages = usePages('live', (cursor) => api.sessions.list({ active: true, limit: 50, cursor }))
  const { data, error, loading, reload, change, more } = pages
  useLive((message) => {
    if (message.type === 'resync') return reload()
    if (message.kind !== 'session') return
    void api.sessions.get(message.id).then(
      (session) =>
        change((items) => {
          const known = items.some(({ id }) => id === session.id)
          if (session.ended === undefined && !known) return [session, ...items]
          return items.map((item) => (item.id === session.id ? session : item))
        }),
      () => {},
    )
  })
  const open = useMemo(() => data?.filter(({ ended }) => ended === undefined).length ?? 0, [data])
  return (
    <>
      <div class="head">
        <h1>Live</h1>
        <p class="soft small" role="status">
          {data === undefined
            ? ''
            : more === undefined
              ? `${count(open, 'session')} open`
              : `More than ${count(open, 'session')} open`}
        </p>
      </div>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="live sessions" />}
      {data?.length === 0 && (
        <Empty>
          <p>Nobody is connected.</p>
          <p class="small">New sessions appear here automatically.</p>
        </Empty>
      )}
      {data !== undefined && data.length > 0 && (
        <ul class="list" aria-label="Sessions">
          {data.map((session) => (
            <li key={session.id}>
              <LiveCard session={session} />
            </li>
          ))}
        </ul>
      )}
      <More more={more} loading={loading && data !== undefined && data.length >= 50} />
    </>
  )
}

function LiveCard({ session }: { session: Session }) {
  const { id, person, target, protocol, openedAt, ended, commands } = session
  const me = useStore(signIn)
  const roles = me.state === 'in' ? me.me.roles : []
  const isMine = me.state === 'in' && me.me.person.id === person.id
  const mayEnd = isMine || roles.includes('operate')
  return (
    <article
      class={`card ${ended === undefined ? '' : 'gone'}`}
      data-testid={id}
      aria-label={`${person.label} on ${target}`}
    >
      <div class="row spread">
        <h2>
          <Text>{person.label}</Text> <span class="soft">on</span> <Text>{target}</Text>
        </h2>
        {ended === undefined ? <TimeLeft session={session} /> : <Badge>ended</Badge>}
      </div>
      <div class="row small">
        <Badge>{protocol}</Badge>
        {person.kind === 'service' && <Badge tone="warn">service</Badge>}
        <span class="soft">
          opened <Ago time={openedAt} />, {count(commands, 'command')}
        </span>
        <Link to={`/sessions/${encodeURIComponent(id)}`} class="mono">
          {id}
        </Link>
      </div>
      <p class="small">
        <span class="soft">Grant</span> <span class="mono">{session.grantId}</span>
        {session.reason === undefined ? '' : ': '}
        <Text>{session.reason ?? ''}</Text>
      </p>
      {ended !== undefined && (
        <p class="note small" role="status">
          Ended: <Text>{ended.message}</Text>
        </p>
      )}
      {ended === undefined && (
        <div class="row actions">
          {(isMine || roles.includes('audit')) && (
            <Link to={`/live/${encodeURIComponent(id)}`} class="button primary">
              Watch
            </Link>
          )}
          {mayEnd && <EndSession id={id} />}
          {mayEnd && <RevokeGrant id={session.grantId} target={target} />}
        </div>
      )}
    </article>
  )
}

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
              <EndSession id={session.id} />
              <RevokeGrant id={session.grantId} target={session.target} />
            </div>
          )}
          <Watch session={session} />
        </>
      )}
    </>
  )
}
