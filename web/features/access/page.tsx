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
import { guiSettings } from './gui.ts'

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
  const earlier = requests.data?.filter(({ state }) => state !== 'pending')
  return (
    <>
      <h1>Access</h1>
      <section class="stack" aria-label="Targets">
        {targets.error !== undefined && <Problem error={targets.error} retry={targets.reload} />}
        {grants.error !== undefined && <Problem error={grants.error} retry={grants.reload} />}
        {targets.data === undefined && targets.error === undefined && <Loading what="targets" />}
        {targets.data?.length === 0 && (
          <Empty>
            No target is available to you. Your administrator can add an access rule for one of your groups.
          </Empty>
        )}
        <ul class="list">
          {heldFirst(targets.data ?? [], grants.data ?? []).map((target) => (
            <li key={target.name}>
              <TargetCard
                target={target}
                grant={grantOf(target, grants.data ?? [])}
                waiting={requests.data?.find((request) => isFor(request, target) && request.state === 'pending')}
                asked={() => requests.reload()}
              />
            </li>
          ))}
          {grants.data
            ?.filter((grant) => targets.data?.every(({ name }) => name !== grant.target) === true)
            .map((grant) => (
              <li key={grant.id}>
                <article class="card" aria-label={`Grant for ${grant.target}`}>
                  <h2>
                    <Text>{grant.target}</Text>
                  </h2>
                  <Held grant={grant} />
                </article>
              </li>
            ))}
        </ul>
      </section>
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
              { name: 'Target', cell: ({ target }: AccessRequest) => <Text>{target}</Text> },
              { name: 'Requested', cell: ({ createdAt }: AccessRequest) => <Ago time={createdAt} /> },
              { name: 'Duration', cell: ({ lengthMs }: AccessRequest) => formatLength(lengthMs) },
              { name: 'Reason', wide: true, cell: ({ reason }: AccessRequest) => <Text>{reason}</Text> },
              { name: 'State', wide: true, cell: ({ status }: AccessRequest) => <Text>{status}</Text> },
              { name: 'Request', cell: ({ id }: AccessRequest) => <span class="mono small soft">{id}</span> },
            ]}
          />
        )}
        <More more={requests.more} loading={requests.loading && requests.data !== undefined} />
      </section>
    </>
  )
}

/** Whether a target is one of those requested. */
const isFor = ({ target, targets }: AccessRequest, { name }: Target): boolean =>
  targets?.some((one) => one.name === name) ?? target === name

/** Of several, the one that lasts longest. */
const grantOf = ({ name }: Target, grants: readonly Grant[]): Grant | undefined =>
  grants.filter(({ target }) => target === name).toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt))[0]

/** What the user can connect to now, then what they can ask for. */
function heldFirst(targets: readonly Target[], grants: readonly Grant[]): Target[] {
  const rank = (target: Target): number =>
    grantOf(target, grants) !== undefined ? 0 : target.grant === 'standing' ? 1 : 2
  return targets.toSorted((a, b) => rank(a) - rank(b))
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

function TargetCard({
  target,
  grant,
  waiting,
  asked,
}: {
  target: Target
  grant: Grant | undefined
  waiting: AccessRequest | undefined
  asked: () => void
}) {
  const filled = filledFor(target.name, usePlace().query)
  const [asking, setAsking] = useState(filled !== undefined && target.grant === 'request')
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
        <h2>
          <Text>{target.name}</Text>
        </h2>
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
      {grant !== undefined && (
        <Held grant={grant} more={target.grant === 'request' && waiting === undefined ? asked : undefined} />
      )}
      {waiting !== undefined && <Waiting request={waiting} />}
      {!asking && (
        <div class="row actions">
          {target.grant === 'request' && grant === undefined && waiting === undefined && (
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
            close()
            asked()
          }}
        />
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
function Commands({ target }: { target: Target }) {
  const { name, type, appUrl } = target
  const gui = guiSettings(target)
  return (
    <div class="stack">
      <Copy text={`pamctl login --gateway ${location.origin}`} label="sign in" />
      {wordsOf(type).ways.map(({ command, label }) => (
        <Copy key={command} text={command.replace('NAME', name)} label={label.replace('NAME', name)} />
      ))}
      {appUrl !== undefined && <Copy text={appUrl} label="in a browser" />}
      {gui !== undefined && (
        <div class="stack">
          <h3>DBeaver, DataGrip, TablePlus, VS Code</h3>
          <p class="small soft">
            While <code>pamctl connect {name}</code> runs; if this port is in use, it names another one.
          </p>
          <dl class="facts">
            {gui.fields.map(([field, value]) => (
              <>
                <dt>{field}</dt>
                <dd>
                  <Text>{value}</Text>
                </dd>
              </>
            ))}
          </dl>
          {gui.urls.map(([field, url]) => (
            <Copy key={field} text={url} label={`connect a graphical client (${field})`} />
          ))}
        </div>
      )}
    </div>
  )
}

/** What the user has, until when; more of it can be asked for, for the same reason. */
function Held({ grant, more }: { grant: Grant; more?: (() => void) | undefined }) {
  const now = useNow()
  const [error, setError] = useState<PamError>()
  const [busy, setBusy] = useState(false)
  const { id, target, reason, startsAt, endsAt } = grant
  const lengthMs = Date.parse(endsAt) - Date.parse(startsAt)
  const ask = (): void => {
    setBusy(true)
    api.requests
      .create({ target, reason, lengthMs, extends: id })
      .then(more, (problem: unknown) => setError(asProblem(problem)))
      .finally(() => setBusy(false))
  }
  return (
    <div class="stack" role="group" aria-label={`Grant for ${target}`}>
      <p class="small">
        <strong>{formatLength(Date.parse(endsAt) - now)} left</strong>
        {reason === '' ? '' : ': '}
        <Text>{reason}</Text> <span class="mono soft">{id}</span>
      </p>
      {error !== undefined && <Problem error={error} />}
      <div class="row">
        {more !== undefined && (
          <button type="button" disabled={busy} onClick={ask}>
            Ask for {formatLength(lengthMs)} more
          </button>
        )}
        <RevokeGrant id={id} target={target} />
      </div>
    </div>
  )
}

function Waiting({ request }: { request: AccessRequest }) {
  return (
    <div class="note row spread" role="status">
      <span class="small">
        Requested {(request.targets?.length ?? 1) > 1 && `with ${(request.targets?.length ?? 1) - 1} more `}
        <Ago time={request.createdAt} /> for {formatLength(request.lengthMs)}; waiting for{' '}
        <Text>{request.approvers.groups.join(' or ')}</Text>
        {request.reason === '' ? '' : ': '}
        <Text>{request.reason}</Text>
      </span>
      <TwoSteps
        label="Withdraw…"
        confirm="Withdraw the request"
        danger={false}
        act={() => api.requests.withdraw(request.id)}
      />
    </div>
  )
}
