import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Problem } from '../../components/ui/parts.tsx'
import { api, asProblem, signInLink } from '../../lib/client.ts'
import { formatDuration, formatLength, parseDuration } from '../../lib/format.ts'
import { noteReview } from './waiting.ts'

/** The second step: what is decided stands above it, whole; this says what the decision will do. */
export function DecisionForm({
  review,
  verdict,
  back,
  decided,
}: {
  review: Review
  verdict: 'approve' | 'deny'
  back: () => void
  decided?: ((review: Review) => void) | undefined
}) {
  const draft = `pam comment ${review.id}`
  const [comment, setComment] = useState(sessionStorage.getItem(draft) ?? '')
  const [length, setLength] = useState(formatDuration(review.lengthMs ?? 0))
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const first = useRef<HTMLTextAreaElement>(null)
  // Before the next key is pressed.
  useLayoutEffect(() => first.current?.focus(), [])
  const isRequest = review.kind === 'request'
  const lengthMs = parseDuration(length)
  const badLength = verdict === 'approve' && isRequest && (lengthMs === undefined || lengthMs > (review.lengthMs ?? 0))

  const send = (event: Event): void => {
    event.preventDefault()
    if (busy || badLength) return
    setBusy(true)
    setError(undefined)
    api.reviews
      .decide(review.id, {
        verdict,
        comment: comment.trim(),
        ...(isRequest && verdict === 'approve' && lengthMs !== undefined ? { lengthMs } : {}),
        // What is approved is what was shown here.
        ...(review.digest === undefined ? {} : { digest: review.digest }),
      })
      .then(
        ({ review: now }) => {
          sessionStorage.removeItem(draft)
          noteReview(now)
          decided?.(now)
        },
        (problem: unknown) => {
          const known = asProblem(problem)
          setError(known)
          setBusy(false)
          // Somebody was faster, or its time was over: what became of it is shown.
          if (known.code === 'ALREADY_DECIDED' || known.code === 'APPROVAL_VOID')
            void api.reviews.get(review.id).then(
              (now) => {
                noteReview(now)
                decided?.(now)
              },
              // What went wrong with the decision is said already.
              () => {},
            )
        },
      )
  }
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') back()
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(event)
  }
  return (
    <form class="stack note" onSubmit={send} onKeyDown={keys} aria-label={verdict === 'approve' ? 'Approve' : 'Deny'}>
      <label>
        Comment, shown to {review.requester.label}
        <textarea
          ref={first}
          value={comment}
          maxLength={1000}
          onInput={({ currentTarget }) => {
            setComment(currentTarget.value)
            sessionStorage.setItem(draft, currentTarget.value)
          }}
        />
      </label>
      {isRequest && verdict === 'approve' && (
        <label>
          Duration (at most {formatLength(review.lengthMs ?? 0)})
          <input
            value={length}
            aria-invalid={badLength}
            onInput={({ currentTarget }) => setLength(currentTarget.value)}
          />
          {badLength && (
            <span role="alert">
              Enter a duration such as 30m or 1h30m. You can shorten the request of{' '}
              {formatDuration(review.lengthMs ?? 0)}, not extend it.
            </span>
          )}
        </label>
      )}
      {error !== undefined &&
        (error.code === 'SIGN_IN_TOO_OLD' ? (
          <p class="note warn" role="alert">
            Approving asks for a recent sign-in.{' '}
            <a href={signInLink(`/reviews/${encodeURIComponent(review.id)}`, true)}>Sign in again</a>; you will return
            to this page{comment === '' ? '' : ', and your comment is kept'}.
          </p>
        ) : (
          <Problem error={error} />
        ))}
      <div class="row actions">
        <button type="submit" class={verdict === 'approve' ? 'primary' : 'danger'} disabled={busy || badLength}>
          {verdict === 'approve'
            ? isRequest
              ? 'Approve access'
              : 'Approve and run once'
            : isRequest
              ? 'Deny access'
              : 'Deny command'}
        </button>
        <button type="button" onClick={back}>
          Back
        </button>
      </div>
    </form>
  )
}
