import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { AccessRequest, Grant, Target } from '../../../src/api/schemas/access.ts'
import { Link, usePlace } from '../../app/router.tsx'
import { FEW_ROWS, FilterField } from '../../components/ui/filter-field.tsx'
import { Ago, Empty, Loading, More, Problem, Table } from '../../components/ui/parts.tsx'
import { StateBadge } from '../../components/ui/state.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatLength } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useData, usePages } from '../../lib/use-data.ts'
import { choicesOf, filledBy, isFor, isForSeveral, matchingTargets } from './choose.ts'
import { Held } from './held.tsx'
import { RequestSeveral } from './several.tsx'
import { TargetCard } from './target-card.tsx'
import { whoDecides } from './waiting.tsx'

/** Targets that the user may access, active grants, and requests. */
export function AccessPage() {
  const targets = useData('targets', () => api.targets())
  const grants = usePages('my grants', (cursor) => api.grants.list({ active: true, limit: 50, cursor }))
  const requests = usePages('my requests', (cursor) => api.requests.list({ mine: true, limit: 20, cursor }))
  const asked = (): void => requests.reload()
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'config') targets.reload()
    if (message.type === 'resync' || message.kind === 'grant' || message.kind === 'review') {
      grants.reload()
      requests.reload()
    }
  })
  return (
    <>
      <Head targets={targets.data ?? []} grants={grants.data} requests={requests.data} asked={asked} />
      <section class="stack" aria-label="Targets">
        {targets.error !== undefined && <Problem error={targets.error} retry={targets.reload} />}
        {grants.error !== undefined && <Problem error={grants.error} retry={grants.reload} />}
        {targets.data === undefined && targets.error === undefined && <Loading what="targets" />}
        {targets.data?.length === 0 && (
          <Empty>
            No target is available to you. Your administrator can add an access rule for one of your groups.
          </Empty>
        )}
        {targets.data !== undefined && targets.data.length > 0 && (
          <Targets targets={targets.data} grants={grants.data ?? []} requests={requests.data ?? []} asked={asked} />
        )}
        <ul class="list">
          {grants.data
            ?.filter((grant) => targets.data?.every(({ name }) => name !== grant.target) === true)
            .map((grant) => (
              <li key={grant.id}>
                <article class="card" aria-label={`Grant for ${grant.target}`}>
                  <h2>
                    <Text>{grant.target}</Text>
                  </h2>
                  <Held grant={grant} others={[]} />
                </article>
              </li>
            ))}
        </ul>
      </section>
      <EarlierRequests requests={requests} />
    </>
  )
}

/** The heading, and the form for several targets: opened by its button, or by a link that names several. */
function Head({
  targets,
  grants,
  requests,
  asked,
}: {
  targets: readonly Target[]
  grants: readonly Grant[] | undefined
  requests: readonly AccessRequest[] | undefined
  asked: (request: AccessRequest) => void
}) {
  const link = filledBy(usePlace().query)
  const filled = link !== undefined && isForSeveral(link) ? link : undefined
  const [isAsking, setAsking] = useState(filled !== undefined)
  const [made, setMade] = useState<AccessRequest>()
  const opener = useRef<HTMLButtonElement>(null)
  const wasAsking = useRef(isAsking)
  // The form is closed: its button takes the focus back.
  useLayoutEffect(() => {
    if (wasAsking.current && !isAsking) opener.current?.focus()
    wasAsking.current = isAsking
  }, [isAsking])
  const choices = choicesOf(targets, grants ?? [], requests ?? [])
  // Also while requests for them are waiting: the button has the focus after one was sent.
  const canAsk = targets.filter(({ grant }) => grant === 'request').length > 1
  const isLoaded = targets.length > 0 && grants !== undefined && requests !== undefined
  return (
    <>
      <div class="head">
        <h1>Access</h1>
        <div class="row">
          {targets.some(({ breakGlass }) => breakGlass !== undefined) && (
            <Link to="/sessions?show=emergency">Emergency access</Link>
          )}
          {canAsk && !isAsking && (
            <button
              type="button"
              ref={opener}
              onClick={() => {
                setMade(undefined)
                setAsking(true)
              }}
            >
              Request several…
            </button>
          )}
        </div>
      </div>
      {made !== undefined && (
        <p class="note good" role="status">
          Requested <span class="mono">{made.id}</span> for <Text>{made.target}</Text>;{' '}
          {made.state === 'pending' ? (
            <>
              waiting for <Text>{made.approvers.groups.join(' or ')}</Text>.
            </>
          ) : (
            <Text>{`${made.status}.`}</Text>
          )}
          {made.state === 'pending' && whoDecides(made).map((sentence) => <Text key={sentence}>{` ${sentence}`}</Text>)}
        </p>
      )}
      {isAsking && isLoaded && (
        <section class="card" aria-label="Several targets">
          <h2>Request several targets</h2>
          <RequestSeveral
            choices={choices}
            filled={filled}
            sent={(request) => {
              setMade(request)
              setAsking(false)
              asked(request)
            }}
            close={() => setAsking(false)}
          />
        </section>
      )}
    </>
  )
}

function Targets({
  targets,
  grants,
  requests,
  asked,
}: {
  targets: readonly Target[]
  grants: readonly Grant[]
  requests: readonly AccessRequest[]
  asked: (request: AccessRequest) => void
}) {
  const [filter, setFilter] = useState('')
  const [shown, setShown] = useState(PAGE)
  const found = matchingTargets(heldFirst(targets, grants), (target) => target, filter)
  return (
    <>
      {targets.length > FEW_ROWS && (
        <FilterField of="Targets" value={filter} placeholder="name, type, label or rule" change={setFilter} />
      )}
      {found.length === 0 && <Empty>No matching targets.</Empty>}
      <ul class="list">
        {found.slice(0, shown).map((target) => {
          const waiting = requests.find((request) => isFor(request, target.name) && request.state === 'pending')
          return (
            <li key={target.name}>
              <TargetCard target={target} grants={grantsFor(target, grants)} waiting={waiting} asked={asked} />
            </li>
          )
        })}
      </ul>
      {found.length > shown && (
        <div class="row">
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            Show more ({found.length - shown})
          </button>
        </div>
      )}
    </>
  )
}

function EarlierRequests({ requests }: { requests: ReturnType<typeof usePages<AccessRequest>> }) {
  const earlier = requests.data?.filter(({ state }) => state !== 'pending')
  return (
    <section class="stack">
      <h2>Earlier requests</h2>
      {requests.error !== undefined && <Problem error={requests.error} retry={requests.reload} />}
      {earlier?.length === 0 && <Empty>You have no earlier requests.</Empty>}
      {earlier !== undefined && earlier.length > 0 && (
        <Table
          caption="Your requests, newest first"
          rows={earlier}
          id={({ id }) => id}
          columns={[
            { name: 'Target', wide: true, cell: ({ target }: AccessRequest) => <Text>{target}</Text> },
            { name: 'Requested', cell: ({ createdAt }: AccessRequest) => <Ago time={createdAt} /> },
            { name: 'Duration', cell: ({ lengthMs }: AccessRequest) => formatLength(lengthMs) },
            { name: 'Reason', wide: true, cell: ({ reason }: AccessRequest) => <Text>{reason}</Text> },
            {
              name: 'State',
              wide: true,
              cell: ({ state, status }: AccessRequest) => (
                <>
                  <StateBadge state={state} />
                  {status === state ? '' : ' '}
                  <Text>{status.startsWith(state) ? status.slice(state.length).replace(/^[:,]? /, '') : status}</Text>
                </>
              ),
            },
            { name: 'Request', cell: ({ id }: AccessRequest) => <span class="mono small soft">{id}</span> },
          ]}
        />
      )}
      <More more={requests.more} loading={requests.loading && requests.data !== undefined} />
    </section>
  )
}

/** The one that lasts longest comes first. */
const grantsFor = ({ name }: Target, grants: readonly Grant[]): readonly Grant[] =>
  grants.filter(({ target }) => target === name).toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt))

/** What the user can connect to now, then what they can ask for. */
function heldFirst(targets: readonly Target[], grants: readonly Grant[]): Target[] {
  const held = new Set(grants.map(({ target }) => target))
  const rank = ({ name, grant }: Target): number => (held.has(name) ? 0 : grant === 'standing' ? 1 : 2)
  return targets.toSorted((a, b) => rank(a) - rank(b))
}

/** Cards rendered at a time. */
const PAGE = 50
