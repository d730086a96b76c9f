import type { Delivery } from '../../../src/api/schemas/delivery.ts'
import { Fold } from '../../components/ui/fold.tsx'
import { Ago, Badge, Empty, Loading, More, Problem, Table } from '../../components/ui/parts.tsx'
import { StateBadge } from '../../components/ui/state.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { count, formatNumber } from '../../lib/format.ts'
import { useStore } from '../../lib/store.ts'
import { useData, usePages } from '../../lib/use-data.ts'
import { Entries } from './entries.tsx'
import { Numbers } from './numbers.tsx'
import { Subject } from './subject.tsx'

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
      {seesDeliveries && (
        <Fold label="The last weeks in numbers" inUse={false}>
          <Numbers />
        </Fold>
      )}
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
                  <StateBadge state={state} />{' '}
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
