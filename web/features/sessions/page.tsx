import { useEffect, useState } from 'preact/hooks'
import type { Found } from '../../../src/api/schemas/recording.ts'
import { protocolNames, protocols } from '../../../src/protocols/names.ts'
import type { Session } from '../../../src/api/schemas/session.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Link, setQuery, usePlace } from '../../app/router.tsx'
import { Ago, Empty, Loading, More, Problem, Table, When } from '../../components/ui/parts.tsx'
import { StateBadge } from '../../components/ui/state.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { count, formatNumber, formatOffset, formatShort } from '../../lib/format.ts'
import { NARROW, useMedia } from '../../lib/media.ts'
import { usePages } from '../../lib/use-data.ts'
import { isCounted, NOT_COUNTED } from './counted.ts'
import { EmergencyList } from './emergencies.tsx'

interface Filters {
  readonly show: string
  readonly person: string
  readonly target: string
  readonly protocol: string
  readonly since: string
  readonly until: string
  readonly text: string
  readonly verdict: string
  readonly kind: string
}

/** Sessions, filtered by person, target and time; and commands, searched by text, kind and verdict. */
export function SessionsPage() {
  const { query } = usePlace()
  const asked = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as unknown as Filters
  const looksIntoRecords = asked.text !== '' || asked.verdict !== '' || asked.kind !== ''
  return (
    <>
      <div class="head">
        <h1>Sessions</h1>
        <Presets asked={asked} />
      </div>
      {asked.show !== 'emergency' && <FilterForm asked={asked} />}
      {looksIntoRecords ? (
        <Commands key={JSON.stringify(asked)} asked={asked} />
      ) : asked.show === 'emergency' ? (
        <EmergencyList />
      ) : (
        <List asked={asked} />
      )}
    </>
  )
}

/** What most people look for, in one step. */
function Presets({ asked }: { asked: Filters }) {
  const none = Object.fromEntries(NAMES.map((name) => [name, ''])) as unknown as Filters
  const isAny = NAMES.every((name) => asked[name] === '')
  return (
    <div class="presets" role="group" aria-label="Presets">
      <button type="button" aria-pressed={isAny} onClick={() => setQuery({})}>
        All
      </button>
      {Object.entries(PRESETS).map(([show, label]) => (
        <button
          key={show}
          type="button"
          aria-pressed={asked.show === show}
          onClick={() => setQuery({ ...none, show: asked.show === show ? '' : show })}
        >
          {label}
        </button>
      ))}
    </div>
  )
}

const PRESETS = { today: 'Today', held: 'Held', denied: 'Denied', mine: 'Mine', emergency: 'Emergency' }

function FilterForm({ asked }: { asked: Filters }) {
  const [values, setValues] = useState(asked)
  const field = (name: keyof Filters) => ({
    value: values[name],
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLSelectElement }) =>
      setValues({ ...values, [name]: currentTarget.value }),
  })
  const used = NAMES.filter((name) => name !== 'show' && asked[name] !== '').map((name) => asked[name])
  // On a phone the form would hide what it has found.
  const isNarrow = useMedia(NARROW)
  const [isOpen, setOpen] = useState(used.length > 0 && !isNarrow)
  // A preset clears the fields.
  useEffect(() => setValues(asked), [JSON.stringify(asked)])
  return (
    <details class="card" open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>
        {isOpen || used.length === 0 ? (
          'Search by person, target, time or command'
        ) : (
          <>
            Search: <Text>{used.join(', ')}</Text>
          </>
        )}
      </summary>
      <form
        class="stack"
        role="search"
        onSubmit={(event) => {
          event.preventDefault()
          if (isNarrow) setOpen(false)
          setQuery({ ...values, show: '' })
        }}
      >
        <div class="filters">
          <label>
            Person
            <input {...field('person')} placeholder="part of a name" />
          </label>
          <label>
            Target
            <input {...field('target')} />
          </label>
          <label>
            Target type
            <select {...field('protocol')}>
              <option value="">any</option>
              {protocolNames.map((name) => (
                <option key={name} value={name}>
                  {protocols[name].label}
                </option>
              ))}
            </select>
          </label>
          <label>
            From
            <input type="datetime-local" {...field('since')} />
          </label>
          <label>
            To
            <input type="datetime-local" {...field('until')} />
          </label>
          <label>
            Command contains
            <input {...field('text')} />
          </label>
          <label>
            Decision
            <select {...field('verdict')}>
              <option value="">any</option>
              <option value="allow">allowed</option>
              <option value="deny">denied</option>
              <option value="hold">held</option>
            </select>
          </label>
          <label>
            Kind of command
            <input {...field('kind')} placeholder="delete, drop-table, exec" />
          </label>
        </div>
        <div class="row">
          <button type="submit" class="primary">
            Search
          </button>
          <button
            type="button"
            onClick={() => {
              setValues(Object.fromEntries(NAMES.map((name) => [name, ''])) as unknown as Filters)
              setQuery({})
            }}
          >
            Clear
          </button>
        </div>
      </form>
    </details>
  )
}

function List({ asked }: { asked: Filters }) {
  const { person, target, protocol, show } = asked
  const filter = {
    ...(show === 'held' ? { held: true } : {}),
    ...(show === 'denied' ? { denied: true } : {}),
    ...(show === 'mine' ? { mine: true } : {}),
    ...(show === 'today' ? { since: startOfToday() } : {}),
    ...(person === '' ? {} : { person }),
    ...(target === '' ? {} : { target }),
    ...(protocol === '' ? {} : { protocol }),
    ...timesOf(asked),
  }
  const { data, error, loading, more, reload } = usePages(`sessions ${JSON.stringify(filter)}`, (cursor) =>
    api.sessions.list({ ...filter, limit: 50, cursor }),
  )
  if (error !== undefined) return <Problem error={error} retry={reload} />
  if (data === undefined) return <Loading what="sessions" />
  if (data.length === 0)
    return (
      <Empty>
        {NAMES.every((name) => asked[name] === '') ? 'No sessions yet that you can see.' : 'No matching sessions.'}
      </Empty>
    )
  return (
    <>
      <Table caption="Sessions, newest first" rows={data} columns={COLUMNS} id={({ id }) => id} />
      <More more={more} loading={loading} />
    </>
  )
}

const COLUMNS = [
  {
    name: 'Person',
    wide: true,
    brief: true,
    cell: ({ id, person }: Session) => (
      <Link to={`/sessions/${encodeURIComponent(id)}`}>
        <Text>{person.label}</Text>
      </Link>
    ),
  },
  { name: 'Target', brief: true, cell: ({ target }: Session) => <Text>{target}</Text> },
  { name: 'Opened', brief: true, cell: ({ openedAt }: Session) => <When time={openedAt} /> },
  {
    name: 'Length',
    brief: true,
    cell: ({ openedAt, ended }: Session) =>
      ended === undefined ? <StateBadge state="open" /> : formatShort(Date.parse(ended.at) - Date.parse(openedAt)),
  },
  { name: 'Commands', brief: true, cell: (session: Session) => <Counts session={session} /> },
  {
    name: 'Reason',
    wide: true,
    cell: ({ reason, approvedBy }: Session) => (
      <>
        <Text>{reason ?? ''}</Text>
        {approvedBy !== undefined && (
          <span class="soft">
            {' '}
            (<Text>{approvedBy.join(', ')}</Text>)
          </span>
        )}
      </>
    ),
  },
  {
    name: 'Ended',
    cell: ({ ended }: Session) =>
      // That the client left is the rule, and says nothing.
      ended === undefined || ended.code === 'CLIENT_LEFT' ? '' : <Text>{ended.message}</Text>,
  },
  { name: 'Session', brief: true, cell: ({ id }: Session) => <span class="mono small soft">{id}</span> },
]

function Counts({ session }: { session: Session }) {
  const { id, commands, denied, held } = session
  if (!isCounted(session)) return <span class="soft small">{NOT_COUNTED}</span>
  const matters = `/sessions/${encodeURIComponent(id)}?show=matters`
  return (
    <>
      {formatNumber(commands)}
      <span class="unit">{commands === 1 ? ' command' : ' commands'}</span>
      {denied > 0 && (
        <>
          {' '}
          <Link to={matters} class="badge bad">
            {formatNumber(denied)} denied
          </Link>
        </>
      )}
      {held > 0 && (
        <>
          {' '}
          <Link to={matters} class="badge warn">
            {formatNumber(held)} held
          </Link>
        </>
      )}
    </>
  )
}

/** Matching commands, shown as the gateway finds them in recordings. */
function Commands({ asked }: { asked: Filters }) {
  const [found, setFound] = useState<readonly Found[]>([])
  const [done, setDone] = useState(false)
  const [error, setError] = useState<PamError>()
  useEffect(() => {
    const leaving = new AbortController()
    const search = async (): Promise<void> => {
      const { text, verdict, kind, person, target } = asked
      const filter = {
        ...(text === '' ? {} : { text }),
        ...(verdict === '' ? {} : { verdict }),
        ...(kind === '' ? {} : { kind }),
        ...(person === '' ? {} : { user: person }),
        ...(target === '' ? {} : { target }),
        ...timesOf(asked),
      }
      let batch: Found[] = []
      let drawn = Date.now()
      for await (const item of api.search({ ...filter, limit: 200 }, leaving.signal)) {
        batch.push(item)
        if (Date.now() - drawn < 200) continue
        const more = batch
        batch = []
        drawn = Date.now()
        setFound((before) => [...before, ...more])
      }
      setFound((before) => [...before, ...batch])
      setDone(true)
    }
    search().catch((problem: unknown) => {
      if (!leaving.signal.aborted) setError(asProblem(problem))
    })
    return () => leaving.abort()
  }, [])
  const commands = found.filter((item) => item.type === 'command')
  const skipped = found.filter((item) => item.type === 'skipped')
  return (
    <>
      <p class="soft small" role="status">
        {done
          ? `${count(commands.length, 'command')} found`
          : `Searching recordings… ${count(commands.length, 'command')} found so far`}
        {found.some(({ type }) => type === 'more') ? '; more match, narrow the search to see them' : ''}
      </p>
      {error !== undefined && <Problem error={error} />}
      {done && commands.length === 0 && (
        <Empty>No matching commands. When you search commands, enter the full name of the person and the target.</Empty>
      )}
      {commands.length > 0 && (
        <ol class="timeline" aria-label="Commands">
          {commands.map((item, index) => (
            <li key={index} class={`command ${item.verdict}`}>
              <Link to={`/sessions/${encodeURIComponent(item.session)}?at=${item.ms}`} class="small">
                {formatOffset(item.ms)}
              </Link>
              <div>
                <pre>
                  <Text recorded>{item.text}</Text>
                </pre>
                <p class="soft small">
                  <Text>{`${item.person} on ${item.target}`}</Text>, <Ago time={item.at} />
                  {item.verdict === 'allow' ? '' : item.verdict === 'deny' ? ', denied' : ', held'}
                </p>
              </div>
            </li>
          ))}
        </ol>
      )}
      {skipped.length > 0 && (
        <details class="small">
          <summary>{count(skipped.length, 'recording')} could not be searched</summary>
          {skipped.map(({ session, reason }) => (
            <p key={session}>
              <span class="mono">{session}</span>: <Text>{reason}</Text>
            </p>
          ))}
        </details>
      )}
    </>
  )
}

function timesOf({ since, until }: Filters): { since?: string; until?: string } {
  const time = (text: string): string | undefined =>
    Number.isNaN(Date.parse(text)) ? undefined : new Date(text).toISOString()
  const [from, to] = [time(since), time(until)]
  return { ...(from === undefined ? {} : { since: from }), ...(to === undefined ? {} : { until: to }) }
}

const startOfToday = (): string => new Date(new Date().setHours(0, 0, 0, 0)).toISOString()

const NAMES = ['show', 'person', 'target', 'protocol', 'since', 'until', 'text', 'verdict', 'kind'] as const
