import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { AccessRequest, Grant, Target } from '../../../src/api/schemas/access.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { usePlace } from '../../app/router.tsx'
import { Ago, Badge, Copy, Empty, Labels, Loading, More, Problem, Table, TwoSteps } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { formatDateTime, formatDuration, formatLength, parseDuration } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useData, useNow, usePages } from '../../lib/use-data.ts'
import { RevokeGrant } from '../live/end.tsx'

/** Targets that the user may access, active grants, and requests. */
export function AccessPage() {
  const targets = useData('targets', () => api.targets())
  const grants = usePages('my grants', (cursor) => api.grants.list({ active: true, limit: 50, cursor }))
  const requests = usePages('my requests', (cursor) => api.requests.list({ mine: true, limit: 20, cursor }))
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'config') targets.reload()
    if (message.type === 'resync' || message.kind === 'grant' || message.kind === 'review') {
      grants.reload()
      requests.reload()
    }
  })
  return (
    <>
      <h1>Access</h1>
      <section class="stack">
        <h2>Targets</h2>
        {targets.error !== undefined && <Problem error={targets.error} retry={targets.reload} />}
        {targets.data === undefined && targets.error === undefined && <Loading what="targets" />}
        {targets.data?.length === 0 && (
          <Empty>
            No target is available to you. Your administrator can add an access rule for one of your groups.
          </Empty>
        )}
        <ul class="list">
          {targets.data?.map((target) => (
            <li key={target.name}>
              <TargetCard
                target={target}
                grant={grants.data?.find((grant) => grant.target === target.name)}
                asked={() => requests.reload()}
              />
            </li>
          ))}
        </ul>
      </section>
      <section class="stack">
        <h2>Your active access</h2>
        {grants.error !== undefined && <Problem error={grants.error} retry={grants.reload} />}
        {grants.data?.length === 0 && <Empty>You have no active access.</Empty>}
        <ul class="list">
          {grants.data?.map((grant) => (
            <li key={grant.id}>
              <GrantCard grant={grant} />
            </li>
          ))}
        </ul>
      </section>
      <section class="stack">
        <h2>Your requests</h2>
        {requests.error !== undefined && <Problem error={requests.error} retry={requests.reload} />}
        {requests.data?.length === 0 && <Empty>You have not requested access yet.</Empty>}
        {requests.data !== undefined && requests.data.length > 0 && (
          <Table
            caption="Your requests, newest first"
            rows={requests.data}
            id={({ id }) => id}
            columns={[
              { name: 'Request', cell: ({ id }: AccessRequest) => <span class="mono">{id}</span> },
              { name: 'Target', cell: ({ target }: AccessRequest) => <Text>{target}</Text> },
              { name: 'Requested', cell: ({ createdAt }: AccessRequest) => <Ago time={createdAt} /> },
              { name: 'Duration', cell: ({ lengthMs }: AccessRequest) => formatLength(lengthMs) },
              { name: 'Reason', wide: true, cell: ({ reason }: AccessRequest) => <Text>{reason}</Text> },
              { name: 'State', wide: true, cell: (request: AccessRequest) => <State request={request} /> },
            ]}
          />
        )}
        <More more={requests.more} loading={requests.loading && requests.data !== undefined} />
      </section>
    </>
  )
}

function State({ request }: { request: AccessRequest }) {
  return (
    <span class="row">
      <Text>{request.status}</Text>
      {request.state === 'pending' && (
        <TwoSteps label="Withdraw…" confirm="Withdraw the request" act={() => api.requests.withdraw(request.id)} />
      )}
    </span>
  )
}

/** What a link has filled in: a person looks at it, and sends it. */
interface Filled {
  readonly reason: string
  readonly length: string
  readonly start: string
}

function filledFor(name: string, query: URLSearchParams): Filled | undefined {
  if (query.get('target') !== name) return undefined
  const text = (key: string): string => (query.get(key) ?? '').slice(0, 1000)
  return { reason: text('reason'), length: text('for'), start: text('start') }
}

function TargetCard({ target, grant, asked }: { target: Target; grant: Grant | undefined; asked: () => void }) {
  const filled = filledFor(target.name, usePlace().query)
  const [asking, setAsking] = useState(filled !== undefined && target.grant === 'request')
  const [isSent, setSent] = useState(false)
  const opener = useRef<HTMLButtonElement>(null)
  const close = (): void => {
    setAsking(false)
    // The button that opened the form is rendered again and takes the focus back.
    requestAnimationFrame(() => opener.current?.focus())
  }
  const [showCommands, setShowCommands] = useState(false)
  return (
    <article class="card" data-testid={target.name} aria-label={target.name}>
      <div class="row spread">
        <h3>
          <Text>{target.name}</Text>
        </h3>
        {grant !== undefined ? (
          <Badge tone="good">access until {formatDateTime(grant.endsAt)}</Badge>
        ) : target.grant === 'standing' ? (
          <Badge tone="good">standing access</Badge>
        ) : target.grant === 'break-glass' ? (
          <Badge tone="warn">in an emergency only</Badge>
        ) : (
          <Badge>on request</Badge>
        )}
      </div>
      <div class="row small">
        <Badge>{target.type}</Badge>
        <Labels labels={target.labels} />
        <span class="soft">
          <Text>{target.access}</Text>
        </span>
      </div>
      {target.locked !== undefined && (
        <p class="note" role="status">
          <Text>{target.locked}</Text>
        </p>
      )}
      {!asking && (
        <div class="row actions">
          {target.grant === 'request' && grant === undefined && (
            <button type="button" ref={opener} class="primary" onClick={() => setAsking(true)}>
              Request access…
            </button>
          )}
          {target.appUrl !== undefined && (grant !== undefined || target.grant === 'standing') && (
            <a class="button" href={target.appUrl} target="_blank" rel="noreferrer">
              Open in the browser
            </a>
          )}
          <button type="button" aria-expanded={showCommands} onClick={() => setShowCommands(!showCommands)}>
            How to connect
          </button>
        </div>
      )}
      {asking && (
        <RequestForm
          target={target}
          filled={filled}
          close={close}
          sent={() => {
            setSent(true)
            close()
            asked()
          }}
        />
      )}
      {isSent && !asking && grant === undefined && (
        <p class="note" role="status">
          Request sent. Its state is shown under “Your requests”.
        </p>
      )}
      {showCommands && !asking && <Commands target={target} />}
    </article>
  )
}

function RequestForm({
  target,
  filled,
  close,
  sent,
}: {
  target: Target
  filled: Filled | undefined
  close: () => void
  sent: () => void
}) {
  const [reason, setReason] = useState(filled?.reason ?? '')
  const [start, setStart] = useState(filled?.start ?? '')
  const first = useRef<HTMLInputElement>(null)
  useLayoutEffect(() => first.current?.focus(), [])
  const [length, setLength] = useState(
    filled === undefined || filled.length === ''
      ? formatDuration(Math.min(target.longestMs, 3_600_000))
      : filled.length,
  )
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const lengthMs = parseDuration(length)
  const badLength = lengthMs === undefined || lengthMs > target.longestMs
  const startsAt = start.trim() === '' ? undefined : Date.parse(start)
  const badStart = startsAt !== undefined && Number.isNaN(startsAt)
  const send = (event: Event): void => {
    event.preventDefault()
    if (lengthMs === undefined || badLength || badStart) return
    setBusy(true)
    const later = startsAt === undefined ? {} : { startsAt: new Date(startsAt).toISOString() }
    api.requests.create({ target: target.name, reason, lengthMs, ...later }).then(sent, (problem: unknown) => {
      setBusy(false)
      setError(asProblem(problem))
    })
  }
  return (
    <form
      class="stack note"
      onSubmit={send}
      onKeyDown={({ key }) => key === 'Escape' && close()}
      aria-label={`Request access to ${target.name}`}
    >
      <label>
        Reason{target.reasonRequired ? '' : ' (optional)'}
        <input
          ref={first}
          value={reason}
          required={target.reasonRequired}
          maxLength={1000}
          placeholder="INC-4711 stuck orders"
          onInput={({ currentTarget }) => setReason(currentTarget.value)}
        />
      </label>
      <label>
        Duration (at most {formatLength(target.longestMs)})
        <input
          value={length}
          aria-invalid={badLength}
          onInput={({ currentTarget }) => setLength(currentTarget.value)}
        />
        {badLength && (
          <span role="alert">Enter a duration such as 30m or 1h30m, at most {formatDuration(target.longestMs)}.</span>
        )}
      </label>
      <label>
        Start (optional; now by default)
        <input
          value={start}
          placeholder="2026-11-30T22:00"
          aria-invalid={badStart}
          onInput={({ currentTarget }) => setStart(currentTarget.value)}
        />
        {badStart && <span role="alert">Enter a date and a time, such as 2026-11-30T22:00.</span>}
      </label>
      {filled !== undefined && <p class="small soft">A link filled in this form. Check it before you send it.</p>}
      {error !== undefined && <Problem error={error} />}
      <div class="row actions">
        <button type="submit" class="primary" disabled={busy || badLength || badStart}>
          Request access
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  )
}

/** Commands to copy. Names of targets consist of letters, digits and dashes, so they need no quotes. */
function Commands({ target: { name, type, appUrl } }: { target: Target }) {
  return (
    <div class="stack">
      <Copy text={`pamctl login --gateway ${location.origin}`} label="sign in" />
      {wordsOf(type).ways.map(({ command, label }) => (
        <Copy key={command} text={command.replace('NAME', name)} label={label.replace('NAME', name)} />
      ))}
      {appUrl !== undefined && <Copy text={appUrl} label="in a browser" />}
    </div>
  )
}

function GrantCard({ grant }: { grant: Grant }) {
  const now = useNow()
  return (
    <article class="card" aria-label={`Grant for ${grant.target}`}>
      <div class="row spread">
        <h3>
          <Text>{grant.target}</Text>
        </h3>
        <Badge tone="good">{formatLength(Date.parse(grant.endsAt) - now)} left</Badge>
      </div>
      <p class="small">
        <span class="mono soft">{grant.id}</span> <Text>{grant.reason}</Text>
      </p>
      <div class="row">
        <RevokeGrant id={grant.id} target={grant.target} />
      </div>
    </article>
  )
}
