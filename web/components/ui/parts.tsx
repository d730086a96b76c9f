import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { PamError } from '../../../src/shared/errors.ts'
import { asProblem, signInLink } from '../../lib/client.ts'
import { formatDateTime, formatRelative } from '../../lib/format.ts'
import { liveStatus } from '../../lib/live.ts'
import { useStore } from '../../lib/store.ts'
import { useNow } from '../../lib/use-data.ts'
import { Text } from './text.tsx'

export function Badge({ tone = '', children }: { tone?: '' | 'good' | 'bad' | 'warn'; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>
}

export function Labels({ labels }: { labels: Readonly<Record<string, string>> }) {
  return (
    <>
      {Object.entries(labels).map(([name, value]) => (
        <Badge key={name} tone={name === 'env' && value.startsWith('prod') ? 'warn' : ''}>
          <Text>{`${name}=${value}`}</Text>
        </Badge>
      ))}
    </>
  )
}

/** The banner reports that the gateway is unreachable; whatever failed to load is loaded again once it is back. */
function Unreachable({ retry }: { retry: () => void }) {
  const status = useStore(liveStatus)
  const before = useRef(status)
  useEffect(() => {
    if (status === 'live' && before.current !== 'live') retry()
    before.current = status
  }, [status])
  return (
    <div class="note warn row" role="status">
      <span>Not loaded: can't reach the gateway. This part loads when the gateway answers.</span>
      <button type="button" class="link" onClick={retry}>
        Try again
      </button>
    </div>
  )
}

/** A relative time (`3 minutes ago`); the exact time is its tooltip. */
export function Ago({ time }: { time: string }) {
  const now = useNow(5000)
  return (
    <time dateTime={time} title={formatDateTime(time)}>
      {formatRelative(time, now)}
    </time>
  )
}

export function When({ time }: { time: string }) {
  return (
    <time dateTime={time} title={time}>
      {formatDateTime(time)}
    </time>
  )
}

export function Loading({ what }: { what: string }) {
  return (
    <p class="empty" role="status">
      Loading {what}…
    </p>
  )
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <div class="empty">{children}</div>
}

/** An error: what went wrong, what to do, and an id to quote. */
export function Problem({ error, retry }: { error: PamError; retry?: (() => void) | undefined }) {
  if (error.code === 'GATEWAY_UNREACHABLE' && retry !== undefined) return <Unreachable retry={retry} />
  return (
    <div class="note bad" role="alert">
      <p>
        <Text>{error.message}</Text>
      </p>
      {error.code === 'SIGN_IN_TOO_OLD' ? (
        <p class="small">
          <a href={signInLink(undefined, true)}>Sign in again</a>; you will return to this page.
        </p>
      ) : (
        error.hint !== undefined && (
          <p class="small">
            <Text>{error.hint}</Text>
          </p>
        )
      )}
      <p class="small row">
        <span class="mono">
          {error.code}
          {error.id === undefined ? '' : ` ${error.id}`}
        </span>
        {retry !== undefined && (
          <button type="button" class="link" onClick={retry}>
            Try again
          </button>
        )}
      </p>
    </div>
  )
}

export function More({ more, loading }: { more: (() => void) | undefined; loading: boolean }) {
  if (more === undefined && !loading) return null
  return (
    <div class="row">
      <button type="button" onClick={more} disabled={more === undefined}>
        {loading ? 'Loading…' : 'Show more'}
      </button>
    </div>
  )
}

/** A command with a button that copies it. */
export function Copy({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])
  const copy = (): void => {
    void navigator.clipboard.writeText(text).then(() => {
      setCopied(true)
      timer.current = setTimeout(() => setCopied(false), 2000)
    })
  }
  return (
    <div class="copy">
      <code>{text}</code>
      <button type="button" onClick={copy} aria-label={`Copy what to use to ${label}`}>
        {copied ? 'Copied' : 'Copy'}
      </button>
    </div>
  )
}

/** An action that cannot be undone: a first button opens the confirmation, a second one acts. */
export function TwoSteps({
  label,
  confirm,
  danger = true,
  children,
  act,
}: {
  label: string
  confirm: string
  danger?: boolean
  children?: ComponentChildren
  act: () => Promise<unknown>
}) {
  const [open, setOpen] = useState(false)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const form = useRef<HTMLFormElement>(null)
  const opener = useRef<HTMLButtonElement>(null)
  const wasOpen = useRef(false)
  // The form replaces the button; when it closes, the focus returns to the button.
  useLayoutEffect(() => {
    if (open) (form.current?.querySelector<HTMLElement>('input, textarea') ?? form.current)?.focus()
    else if (wasOpen.current) opener.current?.focus()
    wasOpen.current = open
  }, [open])
  const close = (): void => {
    setError(undefined)
    setOpen(false)
  }
  if (!open)
    return (
      <button type="button" ref={opener} class={danger ? 'danger' : ''} onClick={() => setOpen(true)}>
        {label}
      </button>
    )
  const run = (event: Event): void => {
    event.preventDefault()
    setBusy(true)
    act().then(
      () => {
        setBusy(false)
        close()
      },
      (problem: unknown) => {
        setBusy(false)
        setError(asProblem(problem))
      },
    )
  }
  return (
    <form
      class="stack note"
      ref={form}
      tabIndex={-1}
      aria-label={confirm}
      onSubmit={run}
      onKeyDown={({ key }) => key === 'Escape' && close()}
    >
      {children}
      {error !== undefined && <Problem error={error} />}
      <div class="row actions">
        <button type="submit" class={danger ? 'danger' : 'primary'} disabled={busy}>
          {confirm}
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  )
}

export interface Column<Row> {
  readonly name: string
  readonly wide?: boolean
  /** Needs no label on a narrow screen: it shares a line with the others that need none. */
  readonly brief?: boolean
  readonly cell: (row: Row) => ComponentChildren
}

/** A table that is laid out as cards on narrow screens. */
export function Table<Row>({
  caption,
  rows,
  columns,
  id,
}: {
  caption: string
  rows: readonly Row[]
  columns: readonly Column<Row>[]
  id: (row: Row) => string
}) {
  return (
    <div class="scroll">
      <table class="fold">
        <caption class="visually-hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name }) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)}>
              {columns.map(({ name, wide, brief, cell }) => (
                <td
                  key={name}
                  class={`${wide === true ? 'wide' : ''} ${brief === true ? 'brief' : ''}`}
                  data-label={name}
                >
                  <span>{cell(row)}</span>
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
