import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { AccessRequest, NewRequest } from '../../../src/api/schemas/access.ts'
import { parseDateTime } from '../../../src/shared/date-time.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Problem } from '../../components/ui/parts.tsx'
import { api, asProblem } from '../../lib/client.ts'
import { formatDuration, formatLength, parseDuration } from '../../lib/format.ts'
import { usualLength, type Filled } from './choose.ts'

/** What a request is for, and what its rules ask for. */
export interface Requested {
  readonly what: Pick<NewRequest, 'target' | 'targets'>
  readonly longestMs: number
  readonly reasonRequired: boolean
  /** Whether it can be sent; what is missing is said by whoever shows the form. */
  readonly isReady: boolean
}

/** Reason, duration and start of a request. What is given as children stands above them. */
export function RequestForm({
  label,
  action,
  requested,
  filled,
  sent,
  close,
  children,
}: {
  label: string
  /** The label of the button that sends it. */
  action: string
  requested: Requested
  filled: Filled | undefined
  sent: (request: AccessRequest) => void
  close: () => void
  children?: ComponentChildren
}) {
  const { what, longestMs, reasonRequired, isReady } = requested
  const [reason, setReason] = useState(filled?.reason ?? '')
  const [start, setStart] = useState(filled?.start ?? '')
  const form = useRef<HTMLFormElement>(null)
  useLayoutEffect(() => form.current?.querySelector('input')?.focus(), [])
  const [entered, setLength] = useState(filled?.length ?? '')
  const length = entered === '' ? usualLength(longestMs) : entered
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const lengthMs = parseDuration(length)
  const isBadLength = lengthMs === undefined || lengthMs > longestMs
  const startsAt = parseDateTime(start.trim())
  const isBadStart = startsAt === undefined && start.trim() !== ''
  const canSend = isReady && !busy && !isBadLength && !isBadStart
  const send = (event: Event): void => {
    event.preventDefault()
    if (!canSend) return
    setBusy(true)
    setError(undefined)
    const later = startsAt === undefined ? {} : { startsAt: new Date(startsAt).toISOString() }
    api.requests.create({ ...what, reason, lengthMs, ...later }).then(sent, (problem: unknown) => {
      setBusy(false)
      setError(asProblem(problem))
    })
  }
  return (
    <form
      class="stack note"
      ref={form}
      onSubmit={send}
      onKeyDown={({ key }) => key === 'Escape' && close()}
      aria-label={label}
    >
      {children}
      <label>
        Reason{reasonRequired ? '' : ' (optional)'}
        <input
          value={reason}
          required={reasonRequired}
          maxLength={1000}
          placeholder="INC-4711 stuck orders"
          onInput={({ currentTarget }) => setReason(currentTarget.value)}
        />
      </label>
      <div class="pair">
        <label>
          Duration (at most {formatLength(longestMs)})
          <input
            value={length}
            aria-invalid={isBadLength}
            onInput={({ currentTarget }) => setLength(currentTarget.value)}
          />
          {isBadLength && (
            <span role="alert">Enter a duration such as 30m or 1h30m, at most {formatDuration(longestMs)}.</span>
          )}
        </label>
        <label>
          Start (default: now)
          <input
            value={start}
            placeholder="2026-11-30T22:00"
            aria-invalid={isBadStart}
            onInput={({ currentTarget }) => setStart(currentTarget.value)}
          />
          {isBadStart && <span role="alert">Enter a date and a time, such as 2026-11-30T22:00.</span>}
        </label>
      </div>
      {filled !== undefined && <p class="small soft">A link filled in this form. Check it before you send it.</p>}
      {error !== undefined && <Problem error={error} />}
      <div class="row actions">
        <button type="submit" class="primary" disabled={!canSend}>
          {action}
        </button>
        <button type="button" onClick={close}>
          Cancel
        </button>
      </div>
    </form>
  )
}
