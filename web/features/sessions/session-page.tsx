import { useEffect, useMemo, useState } from 'preact/hooks'
import type { RecordedEvent } from '../../../src/recording/event.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import type { Session } from '../../../src/api/schemas/session.ts'
import { Link, setQuery, usePlace } from '../../app/router.tsx'
import { Badge, Empty, Loading, More, Problem, When } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { count, formatDateTime, formatLength, formatNumber } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useData, usePages } from '../../lib/use-data.ts'
import { isCounted, NOT_COUNTED } from './counted.ts'
import { Replay } from './replay.tsx'
import { Timeline } from './timeline.tsx'

/** One session: its facts, the verification of its recording, and its timeline. */
export function SessionPage({ id }: { id: string }) {
  const { data: session, error, reload } = useData(`session ${id}`, () => api.sessions.get(id))
  useLive((message) => {
    if (message.type === 'resync' || message.id === session?.id) reload()
  })
  return (
    <>
      <p class="small">
        <Link to="/sessions">← Sessions</Link>
      </p>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {session === undefined && error === undefined && <Loading what="the session" />}
      {session !== undefined && <Details session={session} />}
    </>
  )
}

function Details({ session }: { session: Session }) {
  const { id, person, target, protocol, openedAt, ended, commands, denied, held, approvedBy } = session
  return (
    <>
      <div class="head">
        <h1>
          <Text>{person.label}</Text> <span class="soft">on</span> <Text>{target}</Text>
        </h1>
        {ended === undefined ? (
          <Link to={`/live/${encodeURIComponent(id)}`} class="button primary">
            Watch live
          </Link>
        ) : (
          <Badge>ended</Badge>
        )}
      </div>
      <section class="card" aria-label="About this session">
        <dl class="facts">
          <dt>Session</dt>
          <dd class="mono">{id}</dd>
          <dt>Opened</dt>
          <dd>
            <When time={openedAt} />
          </dd>
          <dt>Ended</dt>
          <dd>
            {ended === undefined ? (
              'not yet'
            ) : (
              <>
                {formatDateTime(ended.at)}, after {formatLength(Date.parse(ended.at) - Date.parse(openedAt))}:{' '}
                <Text>{ended.message}</Text> <span class="mono soft">{ended.code}</span>
              </>
            )}
          </dd>
          <dt>Grant</dt>
          <dd>
            <span class="mono">{session.grantId}</span> <Text>{session.reason ?? ''}</Text>
            {approvedBy !== undefined && (
              <span class="soft">
                , approved by <Text>{approvedBy.join(', ')}</Text>
              </span>
            )}
          </dd>
          <dt>Commands</dt>
          <dd>
            {isCounted(session) ? formatNumber(commands) : NOT_COUNTED}
            {(denied > 0 || held > 0) && (
              <>
                {', of which '}
                <Link to={`/sessions/${encodeURIComponent(id)}?show=matters`}>
                  {[denied > 0 ? `${formatNumber(denied)} denied` : '', held > 0 ? `${formatNumber(held)} held` : '']
                    .filter(Boolean)
                    .join(', ')}
                </Link>
              </>
            )}
          </dd>
          <dt>Recording</dt>
          <dd>
            <Verification id={id} />
          </dd>
        </dl>
        <div class="row">
          <a class="button" href={`/v1/sessions/${encodeURIComponent(id)}/recording`} download={`${id}.pamrec`}>
            Export recording
          </a>
          {wordsOf(protocol).hasTerminals && (
            <a class="button" href={`/v1/sessions/${encodeURIComponent(id)}/cast`} download={`${id}.cast`}>
              Export asciicast
            </a>
          )}
          {wordsOf(protocol).hasRequests && (
            <a class="button" href={`/v1/sessions/${encodeURIComponent(id)}/har`} download={`${id}.har`}>
              Export HAR
            </a>
          )}
        </div>
      </section>
      {wordsOf(protocol).hasTerminals && <Replay id={id} />}
      <Events id={id} protocol={protocol} />
    </>
  )
}

/** Verifies the recording on the gateway, on request. */
function Verification({ id }: { id: string }) {
  const [asked, setAsked] = useState(false)
  const { data, error, loading } = useData(asked ? `verify ${id}` : 'not asked', () =>
    asked ? api.sessions.verification(id) : Promise.resolve(undefined),
  )
  if (!asked)
    return (
      <button type="button" class="link" onClick={() => setAsked(true)}>
        Verify
      </button>
    )
  if (error !== undefined) return <Problem error={error} />
  if (data === undefined || loading) return <>Verifying…</>
  const hidden = (data.hidden ?? 0) > 0 ? `, ${count(data.hidden ?? 0, 'event')} of them encrypted for auditors` : ''
  switch (data.status) {
    case 'sealed':
      return (
        <span data-testid="verification">
          <Badge tone="good">valid</Badge> {count(data.events ?? 0, 'event')}
          {hidden}, sealed {formatDateTime(data.at ?? '')} with key <span class="mono">{data.key}</span>.{' '}
          <span class="soft">
            Verified by this gateway. To verify without it, export the recording and run pamctl verify.
          </span>
        </span>
      )
    case 'recovered':
      return (
        <span data-testid="verification">
          <Badge tone="warn">recovered</Badge> {count(data.events ?? 0, 'event')}
          {hidden}; the gateway stopped before sealing it, and its end is {data.tail ?? 'unknown'}
        </span>
      )
    case 'open':
      return (
        <span data-testid="verification">
          <Badge>not sealed yet</Badge> {count(data.events ?? 0, 'event')} so far
          {hidden}
        </span>
      )
    case 'invalid':
      return (
        <span data-testid="verification">
          <Badge tone="bad">verification failed</Badge> in segment {data.segment}: <Text>{data.reason ?? ''}</Text>
        </span>
      )
  }
}

function Events({ id, protocol }: { id: string; protocol: string }) {
  const { query } = usePlace()
  const at = query.get('at')
  const [text, setText] = useState('')
  const types = query.get('show') ?? ''
  const [hidden, setHidden] = useState(0)
  const { data, error, loading, more, reload } = usePages(`events ${id} ${types} ${text}`, async (cursor) => {
    const page = await api.sessions.events(id, {
      from: Number(cursor ?? 0),
      limit: 200,
      ...(types === '' ? {} : types === 'matters' ? { matters: true } : { types }),
      ...(text === '' ? {} : { text }),
    })
    setHidden(page.hidden)
    return { items: page.items as unknown as RecordedEvent[], next: page.next }
  })
  const found = useMemo(
    () => (at === null ? undefined : data?.find(({ type, ms }) => type === 'command' && ms >= Number(at))?.seq),
    [data, at],
  )
  useEffect(() => {
    // The event that a search led to may be on a later page.
    if (at !== null && data !== undefined && found === undefined) more?.()
    if (found !== undefined) document.getElementById(`e${found}`)?.scrollIntoView({ block: 'center' })
  }, [found, data])
  return (
    <section class="stack">
      <h2>What happened</h2>
      <form class="filters" role="search" aria-label="Within this session" onSubmit={(event) => event.preventDefault()}>
        <label>
          Contains
          <input onChange={({ currentTarget }) => setText(currentTarget.value)} />
        </label>
        <label>
          Show
          <select value={types} onChange={({ currentTarget }) => setQuery({ show: currentTarget.value })}>
            <option value="">everything</option>
            <option value="matters">what was denied, held or failed</option>
            <option value="command">commands</option>
            <option value="approval">approvals</option>
            <option value="result,rows">results</option>
            <option value="file">files</option>
            <option value="notice,ended">notices and the end</option>
          </select>
        </label>
      </form>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="the recording" />}
      {hidden > 0 && (
        <p class="note">
          {count(hidden, 'event')} {hidden === 1 ? 'is' : 'are'} encrypted for auditors. To read{' '}
          {hidden === 1 ? 'it' : 'them'}, export the recording and run pamctl replay --identity FILE.
        </p>
      )}
      {data?.length === 0 && hidden === 0 && <Empty>No matching events.</Empty>}
      {data !== undefined && data.length > 0 && <Timeline events={data} protocol={protocol} found={found} />}
      <More more={more} loading={loading && data !== undefined} />
    </section>
  )
}
