import { useEffect, useMemo, useState } from 'preact/hooks'
import { Link } from '../../app/router.tsx'
import { Empty, Loading, Problem } from '../../components/ui/parts.tsx'
import { api } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'
import { useData } from '../../lib/use-data.ts'
import { Emergencies } from './emergencies.tsx'
import { useCardKeys } from './keys.ts'
import { ReviewCard } from './review-card.tsx'
import { dropDecided, loadWaiting, noteReview, useWaiting } from './waiting.ts'

/** Reviews that wait for the user, oldest first; then those that the user may see but not decide. */
export function InboxPage() {
  const { reviews, fresh, loaded, error } = useWaiting()
  const [shown, setShown] = useState(PAGE)
  const [mine, others] = useMemo(() => {
    const all = [...reviews.values()].toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1))
    return [all.filter(isForMe), all.filter((review) => !isForMe(review))]
  }, [reviews])
  useEffect(() => dropDecided, [])
  useCardKeys()
  const waitingForMe = mine.filter(({ state }) => state === 'pending').length
  return (
    <>
      <div class="head">
        <h1>Inbox</h1>
        <p class="soft small" role="status">
          {!loaded ? '' : waitingForMe === 0 ? 'Nothing is waiting for you' : `${waitingForMe} waiting for you`}
        </p>
      </div>
      <Emergencies />
      {error !== undefined && <Problem error={error} retry={() => void loadWaiting()} />}
      {!loaded && <Loading what="the inbox" />}
      {loaded && mine.length === 0 && error === undefined && (
        <Empty>New requests for access and held commands appear here automatically.</Empty>
      )}
      {mine.length > 0 && (
        <ul class="list" aria-label="Waiting for you">
          {mine.slice(0, shown).map((review) => (
            <li key={review.id}>
              <ReviewCard review={review} fresh={fresh.has(review.id)} />
            </li>
          ))}
        </ul>
      )}
      {mine.length > shown && (
        <div class="row">
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            Show more ({mine.length - shown})
          </button>
        </div>
      )}
      {others.length > 0 && (
        <section class="stack">
          <h2>Waiting for others ({others.length})</h2>
          <ul class="list" aria-label="Waiting for others">
            {others.slice(0, shown).map((review) => (
              <li key={review.id}>
                <ReviewCard review={review} fresh={fresh.has(review.id)} />
              </li>
            ))}
          </ul>
        </section>
      )}
      {mine.length > 0 && (
        <p class="soft small keys">
          Keyboard: <kbd>j</kbd> next, <kbd>k</kbd> previous, <kbd>a</kbd> approve, <kbd>d</kbd> deny, <kbd>Ctrl</kbd>+
          <kbd>Enter</kbd> confirm, <kbd>Esc</kbd> go back.
        </p>
      )}
    </>
  )
}

/** One review by its link: from a message, from an audit entry, or after signing in again. */
export function ReviewPage({ id }: { id: string }) {
  const { data, error, reload } = useData(`review ${id}`, () => api.reviews.get(id))
  const live = useWaiting().reviews.get(data?.id ?? id)
  useLive((message) => {
    if (message.type === 'resync' || message.id === data?.id) reload()
  })
  useCardKeys()
  const review = data ?? live
  return (
    <>
      <p class="small">
        <Link to="/">← Inbox</Link>
      </p>
      <h1>{review === undefined ? 'Review' : review.kind === 'command' ? 'A held command' : 'A request for access'}</h1>
      {error !== undefined && <Problem error={error} retry={reload} />}
      {review === undefined && error === undefined && <Loading what="the review" />}
      {review !== undefined && (
        <ReviewCard
          review={review}
          fresh={false}
          whole
          decided={(now) => {
            noteReview(now)
            reload()
          }}
        />
      )}
    </>
  )
}

const isForMe = ({
  mayDecide,
  state,
  decisions,
}: {
  mayDecide: boolean
  state: string
  decisions: readonly unknown[]
}) => mayDecide || (state !== 'pending' && decisions.length > 0)

/** Cards rendered at a time: hundreds would make the page slow. */
const PAGE = 25
