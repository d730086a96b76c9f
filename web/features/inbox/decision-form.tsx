import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Assertion } from '../../../src/api/schemas/passkey.ts'
import type { Review } from '../../../src/api/schemas/review.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { Link } from '../../app/router.tsx'
import { Problem } from '../../components/ui/parts.tsx'
import { api, asProblem, signInLink } from '../../lib/client.ts'
import { formatDuration, formatLength, parseDuration } from '../../lib/format.ts'
import { noteReview } from './waiting.ts'

interface DecisionProps {
  review: Review
  verdict: Verdict
  back: () => void
  decided?: ((review: Review) => void) | undefined
}
type Verdict = 'approve' | 'deny'

/** The second step of a decision: the card above shows what is decided in full, the form says what the decision does. */
export function DecisionForm(props: DecisionProps) {
  const { review, verdict, back } = props
  const [comment, setComment] = useDraft(review.id)
  const [length, setLength] = useState(formatDuration(review.lengthMs ?? 0))
  const { busy, error, decide } = useDecision(props)
  const isTimed = verdict === 'approve' && review.kind === 'request'
  const lengthMs = isTimed ? parseDuration(length) : undefined
  const isTooLong = isTimed && (lengthMs === undefined || lengthMs > (review.lengthMs ?? 0))

  const send = (event: Event): void => {
    event.preventDefault()
    if (!busy && !isTooLong) decide(comment.trim(), lengthMs)
  }
  const keys = (event: KeyboardEvent): void => {
    if (event.key === 'Escape') back()
    if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) send(event)
  }
  return (
    <form class="stack note" onSubmit={send} onKeyDown={keys} aria-label={verdict === 'approve' ? 'Approve' : 'Deny'}>
      <CommentField requester={review.requester.label} comment={comment} change={setComment} />
      {isTimed && <DurationField asked={review.lengthMs ?? 0} length={length} isWrong={isTooLong} change={setLength} />}
      {needsPasskey(review, verdict) && <p class="small soft">Your browser will ask for your passkey.</p>}
      {error !== undefined && <DecisionProblem error={error} review={review} hasComment={comment !== ''} />}
      <div class="row actions">
        <button type="submit" class={verdict === 'approve' ? 'primary' : 'danger'} disabled={busy || isTooLong}>
          {EFFECTS[review.kind][verdict]}
        </button>
        <button type="button" onClick={back}>
          Back
        </button>
      </div>
    </form>
  )
}

/** The label of the button. */
const EFFECTS: Readonly<Record<Review['kind'], Readonly<Record<Verdict, string>>>> = {
  request: { approve: 'Approve access', deny: 'Deny access' },
  command: { approve: 'Approve and run once', deny: 'Deny command' },
}

const draftOf = (id: string): string => `pam comment ${id}`

/** Keeps a comment across a new sign-in, until the decision is made. */
function useDraft(id: string): [string, (comment: string) => void] {
  const [comment, setComment] = useState(sessionStorage.getItem(draftOf(id)) ?? '')
  const change = (text: string): void => {
    setComment(text)
    sessionStorage.setItem(draftOf(id), text)
  }
  return [comment, change]
}

/** Sends the decision, and returns the review's state, even if somebody else decided first. */
function useDecision({ review, verdict, decided }: DecisionProps) {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  const settle = (now: Review): void => {
    noteReview(now)
    decided?.(now)
  }
  const decide = (comment: string, lengthMs: number | undefined): void => {
    setBusy(true)
    setError(undefined)
    // The digest binds the approval to exactly what was shown here.
    const approved = {
      ...(lengthMs === undefined ? {} : { lengthMs }),
      ...(review.digest === undefined ? {} : { digest: review.digest }),
    }
    const asked = needsPasskey(review, verdict) ? askForPasskey(review.id, approved) : Promise.resolve(undefined)
    asked
      .then((passkey) =>
        api.reviews.decide(review.id, {
          verdict,
          comment,
          ...approved,
          ...(passkey === undefined ? {} : { passkey }),
        }),
      )
      .then(
        ({ review: now }) => {
          sessionStorage.removeItem(draftOf(review.id))
          settle(now)
        },
        (problem: unknown) => {
          const known = asProblem(problem)
          setError(known)
          setBusy(false)
          // Somebody else decided first, or it expired: the outcome is shown.
          if (known.code === 'ALREADY_DECIDED' || known.code === 'APPROVAL_VOID')
            // If this fails as well, the error of the decision is shown already.
            void api.reviews.get(review.id).then(settle, () => {})
        },
      )
  }
  return { busy, error, decide }
}

const needsPasskey = ({ approvers }: Review, verdict: Verdict): boolean =>
  verdict === 'approve' && approvers.stepUp === 'passkey'

/** What this person's authenticator signs for this one approval. */
async function askForPasskey(review: string, approved: { lengthMs?: number; digest?: string }): Promise<Assertion> {
  const { getPasskey } = await import('../../lib/passkeys.ts')
  return getPasskey(await api.reviews.passkeyChallenge(review, approved))
}

function CommentField(props: { requester: string; comment: string; change: (comment: string) => void }) {
  const first = useRef<HTMLTextAreaElement>(null)
  // The focus moves before the next key press.
  useLayoutEffect(() => first.current?.focus(), [])
  return (
    <label>
      Comment, shown to {props.requester}
      <textarea
        ref={first}
        value={props.comment}
        maxLength={1000}
        onInput={({ currentTarget }) => props.change(currentTarget.value)}
      />
    </label>
  )
}

/** The duration to grant: as requested, or shorter. */
function DurationField(props: { asked: number; length: string; isWrong: boolean; change: (length: string) => void }) {
  return (
    <label>
      Duration (at most {formatLength(props.asked)})
      <input
        value={props.length}
        aria-invalid={props.isWrong}
        onInput={({ currentTarget }) => props.change(currentTarget.value)}
      />
      {props.isWrong && (
        <span role="alert">
          Enter a duration such as 30m or 1h30m. You can shorten the request of {formatDuration(props.asked)}, not
          extend it.
        </span>
      )}
    </label>
  )
}

function DecisionProblem({ error, review, hasComment }: { error: PamError; review: Review; hasComment: boolean }) {
  if (error.code === 'PASSKEY_MISSING')
    return (
      <p class="note warn" role="alert">
        Approving this needs a passkey, and you have registered none. <Link to="/account">Register one</Link> on your
        account page, then come back.
      </p>
    )
  if (error.code !== 'SIGN_IN_TOO_OLD') return <Problem error={error} />
  return (
    <p class="note warn" role="alert">
      Approving needs a recent sign-in.{' '}
      <a href={signInLink(`/reviews/${encodeURIComponent(review.id)}`, true)}>Sign in again</a>; you will return to this
      page{hasComment ? ', and your comment is kept' : ''}.
    </p>
  )
}
