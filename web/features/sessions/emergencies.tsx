import type { BreakGlass } from '../../../src/api/schemas/break-glass.ts'
import { Link } from '../../app/router.tsx'
import { Empty, Loading, More, Problem, Table, When } from '../../components/ui/parts.tsx'
import { StateBadge, wordOfBreakGlass } from '../../components/ui/state.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatLength } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { usePages } from '../../lib/use-data.ts'

/** Access that was taken in emergencies, open and past, with its reviews: what the user may see of it. */
export function EmergencyList() {
  const { data, error, loading, more, reload } = usePages('emergency access', (cursor) =>
    api.breakGlass.page({ limit: 50, cursor }),
  )
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'break-glass' || message.kind === 'grant') reload()
  })
  if (error !== undefined) return <Problem error={error} retry={reload} />
  if (data === undefined) return <Loading what="emergency access" />
  return (
    <>
      {data.length === 0 && more === undefined && !loading && (
        <Empty>
          You can see no emergency access. It is shown to the person who took it, its reviewers, auditors and operators.
        </Empty>
      )}
      {data.length > 0 && (
        <Table caption="Emergency access, newest first" rows={data} columns={COLUMNS} id={({ id }) => id} />
      )}
      <More more={more} loading={loading} />
    </>
  )
}

const COLUMNS = [
  { name: 'Person', brief: true, cell: ({ person }: BreakGlass) => <Text>{person.label}</Text> },
  { name: 'Target', brief: true, cell: ({ target }: BreakGlass) => <Text>{target}</Text> },
  {
    name: 'When',
    brief: true,
    cell: ({ createdAt, endsAt }: BreakGlass) => (
      <>
        <When time={createdAt} />
        {endsAt !== undefined && `, for ${formatLength(Date.parse(endsAt) - Date.parse(createdAt))}`}
      </>
    ),
  },
  { name: 'Reason', wide: true, cell: ({ reason }: BreakGlass) => <Text>{reason}</Text> },
  { name: 'Review', wide: true, cell: (use: BreakGlass) => <ReviewState use={use} /> },
  {
    name: 'Emergency',
    cell: (use: BreakGlass) => (
      <>
        <span class="mono small soft">{use.id}</span>{' '}
        {use.grantId !== undefined && <Link to={sessionsOf(use)}>Sessions</Link>}
      </>
    ),
  },
]

function ReviewState({ use: { state, reviewed, reviewers, mayReview } }: { use: BreakGlass }) {
  return (
    <>
      <StateBadge state={wordOfBreakGlass(state)} />{' '}
      {reviewed !== undefined && (
        <>
          by <Text>{reviewed.by}</Text>, <When time={reviewed.at} />
          {reviewed.comment !== '' && (
            <>
              : <Text>{reviewed.comment}</Text>
            </>
          )}
        </>
      )}
      {state === 'review' && (
        <>
          by <Text>{reviewers.join(' or ')}</Text>
          {mayReview && (
            <>
              {' '}
              <Link to="/">Review…</Link>
            </>
          )}
        </>
      )}
    </>
  )
}

/** Those of the person on the target in that time: the fields of the search show what was asked for. */
function sessionsOf({ person, target, createdAt, endsAt }: BreakGlass): string {
  const query = new URLSearchParams({
    person: person.label,
    target,
    since: localMinute(Date.parse(createdAt)),
    ...(endsAt === undefined ? {} : { until: localMinute(Date.parse(endsAt) + 60_000) }),
  })
  return `/sessions?${query.toString()}`
}

/** As a field of type `datetime-local` has it. */
function localMinute(time: number): string {
  const offset = new Date(time).getTimezoneOffset() * 60_000
  return new Date(time - offset).toISOString().slice(0, 16)
}
