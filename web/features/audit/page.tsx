import { useState } from 'preact/hooks'
import type { Delivery } from '../../../src/api/schemas/delivery.ts'
import type { AuditRecord } from '../../../src/recording/audit-chain.ts'
import { Link, setQuery, usePlace } from '../../app/router.tsx'
import { Ago, Badge, Empty, Loading, More, Problem, Table } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { count, formatClock, formatDay, formatNumber } from '../../lib/format.ts'
import { useMedia } from '../../lib/media.ts'
import { useStore } from '../../lib/store.ts'
import { useData, usePages } from '../../lib/use-data.ts'
import { EVENT_GROUPS, EVENT_WORDS } from './event-words.ts'
import { Numbers } from './numbers.tsx'
import { sentenceOf, type Names } from '../../../src/recording/audit-sentences.ts'

/** The audit chain: its entries, the result of its verification, its checkpoints and streams. */
export function AuditPage() {
  const me = useStore(signIn)
  const isAuditor = me.state === 'in' && me.me.roles.includes('audit')
  const seesDeliveries = me.state === 'in' && me.me.roles.length > 0
  return (
    <>
      <h1>Audit</h1>
      {!isAuditor && (
        <p class="note" role="status">
          The audit chain is visible to auditors only. Your own access and sessions are under Access and Sessions.
        </p>
      )}
      {isAuditor && <Status />}
      {seesDeliveries && <Numbers />}
      {isAuditor && <Entries />}
      {seesDeliveries && <Deliveries />}
    </>
  )
}

function Status() {
  const { data, error, loading, reload } = useData('audit status', () => api.auditStatus())
  return (
    <section class="card" aria-label="State of the chain">
      <div class="row spread">
        <h2>State of the chain</h2>
        <button type="button" onClick={reload} disabled={loading}>
          {loading ? 'Checking…' : 'Check again'}
        </button>
      </div>
      {error !== undefined && <Problem error={error} />}
      {data === undefined && error === undefined && <Loading what="the chain" />}
      {data !== undefined && (
        <dl class="facts" data-testid="chain">
          <dt>Chain</dt>
          <dd>
            {data.chain.status === 'valid' ? (
              <>
                <Badge tone="good">valid</Badge> {formatNumber(data.chain.entries)} entries
              </>
            ) : (
              <>
                <Badge tone="bad">verification failed</Badge> at entry {data.chain.seq}:{' '}
                <Text>{data.chain.reason}</Text>
              </>
            )}
          </dd>
          <dt>Head</dt>
          <dd class="mono">{data.head === undefined ? 'none' : `${data.head.seq} ${data.head.hash}`}</dd>
          <dt>Checkpoints</dt>
          <dd>
            {data.checkpoints.length === 0
              ? 'none configured; without a checkpoint stored elsewhere, nobody can tell if entries were cut off the end'
              : data.checkpoints.map(({ name, kept, problem }) => (
                  <div key={name}>
                    <Text>{name}</Text>:{' '}
                    {kept === undefined ? 'none written since the gateway started' : `up to entry ${kept}`}
                    {problem !== undefined && (
                      <>
                        {' '}
                        <Badge tone="bad">
                          <Text>{problem}</Text>
                        </Badge>
                      </>
                    )}
                  </div>
                ))}
          </dd>
          <dt>Streams</dt>
          <dd>
            {data.streams.length === 0
              ? 'none configured'
              : data.streams.map(({ name, problem }) => (
                  <div key={name}>
                    <Text>{name}</Text>{' '}
                    {problem === undefined ? (
                      <Badge tone="good">sent</Badge>
                    ) : (
                      <Badge tone="bad">
                        <Text>{problem}</Text>
                      </Badge>
                    )}
                  </div>
                ))}
          </dd>
        </dl>
      )}
    </section>
  )
}

function Entries() {
  const { query } = usePlace()
  const asked = Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as Record<
    (typeof NAMES)[number],
    string
  >
  const [values, setValues] = useState(asked)
  const isWide = useMedia('(min-width: 40rem)')
  const [isOpen, setOpen] = useState(isWide || Object.values(asked).some((value) => value !== ''))
  const [names, setNames] = useState<Names>({ people: {}, subjects: {} })
  const filter = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== ''))
  const { data, error, loading, more, reload } = usePages(`audit ${JSON.stringify(filter)}`, async (cursor) => {
    const page = await api.auditPage({
      ...filter,
      limit: 50,
      ...(cursor === undefined ? {} : { before: Number(cursor) }),
    })
    setNames((before) => ({
      people: { ...before.people, ...page.people },
      subjects: { ...before.subjects, ...page.subjects },
    }))
    return page
  })
  const field = (name: (typeof NAMES)[number]) => ({
    value: values[name],
    onInput: ({ currentTarget }: { currentTarget: HTMLInputElement }) =>
      setValues({ ...values, [name]: currentTarget.value }),
  })
  return (
    <section class="stack">
      <h2>Entries</h2>
      <details class="card" open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>Search and export</summary>
        <form
          class="stack"
          role="search"
          aria-label="Audit entries"
          onSubmit={(event) => {
            event.preventDefault()
            setQuery(values)
          }}
        >
          <div class="filters">
            <label>
              Person
              <input {...field('user')} placeholder="e-mail or id" />
            </label>
            <label>
              What happened
              <select
                value={values.type}
                onChange={({ currentTarget }) => setValues({ ...values, type: currentTarget.value })}
              >
                <option value="">anything</option>
                {EVENT_GROUPS.map(({ prefix, label, types }) => (
                  <optgroup key={prefix} label={label}>
                    {types.length > 1 && <option value={prefix}>{`${label}: all`}</option>}
                    {types.map((type) => (
                      <option key={type} value={type}>
                        {EVENT_WORDS[type]}
                      </option>
                    ))}
                  </optgroup>
                ))}
              </select>
            </label>
            <label>
              Target
              <input {...field('target')} />
            </label>
            <label>
              Subject (id)
              <input {...field('subject')} placeholder="ses_…" />
            </label>
            <label>
              Contains
              <input {...field('text')} />
            </label>
          </div>
          <div class="row">
            <button type="submit" class="primary">
              Search
            </button>
            {['csv', 'jsonl'].map((format) => (
              <a
                key={format}
                class="button"
                href={`/v1/audit/export?${new URLSearchParams({ ...filter, format }).toString()}`}
                download={`audit.${format}`}
              >
                Export {format === 'csv' ? 'CSV' : 'JSON Lines'}
              </a>
            ))}
          </div>
        </form>
      </details>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data === undefined && error === undefined && <Loading what="entries" />}
      {data?.length === 0 && <Empty>No matching entries.</Empty>}
      {data !== undefined && data.length > 0 && (
        <ol class="timeline audit" aria-label="Audit entries, newest first">
          {data.map((entry, index) => (
            <li key={entry.seq} data-type={entry.type}>
              <time dateTime={entry.at} title={entry.at}>
                {data[index - 1]?.at.slice(0, 10) === entry.at.slice(0, 10) ? '' : `${formatDay(entry.at)} `}
                {formatClock(entry.at)}
              </time>
              <Entry entry={entry} names={names} />
            </li>
          ))}
        </ol>
      )}
      <More more={more} loading={loading && data !== undefined} />
    </section>
  )
}

function Entry({ entry, names }: { entry: AuditRecord; names: Names }) {
  const { seq, type, actor, subject, data, hash } = entry
  return (
    <div>
      <Text>{sentenceOf(entry, names)}</Text> {pageOf(subject) !== undefined && <Subject id={subject} />}
      <details class="small">
        <summary class="soft">
          {seq} <span class="mono">{type}</span>
        </summary>
        <dl class="facts">
          <dt>Actor</dt>
          <dd class="mono">
            <Text>{actor}</Text>
          </dd>
          <dt>Subject</dt>
          <dd class="mono">
            <Text>{subject}</Text>
          </dd>
          <dt>Data</dt>
          <dd>
            <pre>
              <Text>{JSON.stringify(data, null, 2)}</Text>
            </pre>
          </dd>
          <dt>Hash</dt>
          <dd class="mono">{hash}</dd>
        </dl>
      </details>
    </div>
  )
}

const pageOf = (id: string): string | undefined =>
  id.startsWith('ses_') ? 'sessions' : /^(req|apr)_/.test(id) ? 'reviews' : undefined

function Subject({ id }: { id: string }) {
  const page = pageOf(id)
  if (page === undefined) return <Text>{id}</Text>
  return (
    <Link to={`/${page}/${encodeURIComponent(id)}`} class="mono">
      {id}
    </Link>
  )
}

function Deliveries() {
  const { data, error, loading, more, reload } = usePages('deliveries', (cursor) =>
    api.deliveries({ limit: 20, cursor }),
  )
  return (
    <section class="stack">
      <div class="row spread">
        <h2>Webhook deliveries</h2>
        <button type="button" onClick={reload} disabled={loading}>
          Refresh
        </button>
      </div>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {data?.length === 0 && <Empty>No messages have been sent.</Empty>}
      {data !== undefined && data.length > 0 && (
        <Table
          caption="Webhook deliveries, newest first"
          rows={data}
          id={({ id }) => id}
          columns={[
            { name: 'Message', cell: ({ id }: Delivery) => <span class="mono">{id}</span> },
            { name: 'Webhook', cell: ({ hook }: Delivery) => <Text>{hook}</Text> },
            { name: 'What', cell: ({ type }: Delivery) => <span class="mono">{type}</span> },
            { name: 'Subject', cell: ({ subject }: Delivery) => <Subject id={subject} /> },
            { name: 'Created', cell: ({ createdAt }: Delivery) => <Ago time={createdAt} /> },
            {
              name: 'State',
              wide: true,
              cell: ({ state, attempts, answer, nextAt }: Delivery) => (
                <>
                  <Badge tone={state === 'delivered' ? 'good' : state === 'failed' ? 'bad' : 'warn'}>{state}</Badge>{' '}
                  <span class="small">
                    {count(attempts, 'attempt')}
                    {answer === undefined ? '' : `, ${answer}`}
                    {nextAt !== undefined && (
                      <>
                        , next attempt <Ago time={nextAt} />
                      </>
                    )}
                  </span>
                </>
              ),
            },
          ]}
        />
      )}
      <More more={more} loading={loading && data !== undefined} />
    </section>
  )
}

const NAMES = ['user', 'type', 'target', 'subject', 'text'] as const
