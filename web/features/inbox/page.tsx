import { useEffect, useMemo, useState } from 'preact/hooks'
import type { Review } from '../../../src/api/schemas/review.ts'
import { Link, setQuery, usePlace } from '../../app/router.tsx'
import { Fold } from '../../components/ui/fold.tsx'
import { Empty, Loading, Problem } from '../../components/ui/parts.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api, signIn } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'
import { useStore } from '../../lib/store.ts'
import { useData } from '../../lib/use-data.ts'
import { dueReviews, EmergenciesInUse, EmergenciesToReview, useEmergencies } from './emergencies.tsx'
import { useCardKeys } from './keys.ts'
import { byUrgency, grouped, groupingOf, GROUPINGS, KINDS, matching, type Asked, type Grouping } from './order.ts'
import { ReviewCard } from './review-card.tsx'
import { dropDecided, loadWaiting, noteReview, useWaiting } from './waiting.ts'

/** Reviews that wait for the user, the most urgent first; the user's own; then those that the user may see but not decide. */
export function InboxPage() {
  const { reviews, fresh, loaded, error } = useWaiting()
  const { query } = usePlace()
  const me = useStore(signIn)
  const asked: Asked = {
    filter: query.get('filter') ?? '',
    kind: query.get('kind') ?? '',
    by: groupingOf(query.get('by')),
  }
  const myId = me.state === 'in' ? me.me.person.id : ''
  const { mine, own, others } = useMemo(() => {
    const all = byUrgency([...reviews.values()])
    return {
      mine: all.filter(isForMe),
      own: all.filter((review) => !isForMe(review) && review.requester.id === myId),
      others: all.filter((review) => !isForMe(review) && review.requester.id !== myId),
    }
  }, [reviews, myId])
  useEffect(() => dropDecided, [])
  useCardKeys()
  const emergencies = useEmergencies()
  const waitingForMe = mine.filter(({ state }) => state === 'pending').length + dueReviews(emergencies.data ?? [])
  const isCounted = loaded && (emergencies.data !== undefined || emergencies.error !== undefined)
  const found = matching(mine, asked)
  return (
    <>
      <div class="head">
        <h1>Inbox</h1>
        <p class="soft small" role="status">
          {!isCounted ? '' : waitingForMe === 0 ? 'Nothing is waiting for you' : `${waitingForMe} waiting for you`}
        </p>
      </div>
      <EmergenciesInUse found={emergencies} />
      {reviews.size > FEW && (
        <Fold label="Filter and group" inUse={asked.filter !== '' || asked.kind !== '' || asked.by !== ''}>
          <Controls asked={asked} />
        </Fold>
      )}
      {error !== undefined && <Problem error={error} retry={() => void loadWaiting()} />}
      {!loaded && <Loading what="the inbox" />}
      {loaded && mine.length === 0 && error === undefined && (
        <Empty>New requests for access and held commands appear here automatically.</Empty>
      )}
      {mine.length > 0 && found.length === 0 && <Empty>Nothing that waits for you matches.</Empty>}
      <Cards label="Waiting for you" reviews={found} by={asked.by} fresh={fresh} />
      <EmergenciesToReview found={emergencies} />
      {own.length > 0 && (
        <section class="stack">
          <h2>Your own, waiting for others ({own.length})</h2>
          <Cards label="Your own" reviews={matching(own, asked)} by="" fresh={fresh} />
        </section>
      )}
      {others.length > 0 && (
        <section class="stack">
          <h2>Waiting for others ({others.length})</h2>
          <Cards label="Waiting for others" reviews={matching(others, asked)} by={asked.by} fresh={fresh} />
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

function Controls({ asked }: { asked: Asked }) {
  const change = (changed: Partial<Asked>): void => setQuery({ ...asked, ...changed })
  return (
    <form class="row controls" role="search" aria-label="Inbox" onSubmit={(event) => event.preventDefault()}>
      <label>
        <span class="visually-hidden">Filter</span>
        <input
          type="search"
          value={asked.filter}
          placeholder="person, target, command, reason"
          onInput={({ currentTarget }) => change({ filter: currentTarget.value })}
        />
      </label>
      <label>
        <span class="visually-hidden">Show</span>
        <select value={asked.kind} onChange={({ currentTarget }) => change({ kind: currentTarget.value })}>
          {Object.entries(KINDS).map(([kind, label]) => (
            <option key={kind} value={kind}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span class="visually-hidden">Group by</span>
        <select value={asked.by} onChange={({ currentTarget }) => change({ by: groupingOf(currentTarget.value) })}>
          {Object.entries(GROUPINGS).map(([by, label]) => (
            <option key={by} value={by}>
              {label}
            </option>
          ))}
        </select>
      </label>
    </form>
  )
}

/** Cards, a few at a time, under the names of their groups. */
function Cards(props: { label: string; reviews: readonly Review[]; by: Grouping; fresh: ReadonlySet<string> }) {
  const { label, reviews, by, fresh } = props
  const [shown, setShown] = useState(PAGE)
  if (reviews.length === 0) return null
  const groups = grouped(reviews, by)
  const sizes = new Map(groups.map(([name, { length }]) => [name, length]))
  const first = new Set(groups.flatMap(([, of]) => of).slice(0, shown))
  return (
    <>
      {groups.map(([name, of]) => {
        const visible = of.filter((review) => first.has(review))
        if (visible.length === 0) return null
        return (
          <div class="stack" key={name}>
            {by !== '' && (
              <h2 class="group">
                <Text>{name}</Text> <span class="soft">({sizes.get(name)})</span>
              </h2>
            )}
            <ul class="list" aria-label={by === '' ? label : `${label}: ${name}`}>
              {visible.map((review) => (
                <li key={review.id}>
                  <ReviewCard review={review} fresh={fresh.has(review.id)} />
                </li>
              ))}
            </ul>
          </div>
        )
      })}
      {reviews.length > shown && (
        <div class="row">
          <button type="button" onClick={() => setShown(shown + PAGE)}>
            Show more ({reviews.length - shown})
          </button>
        </div>
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

/** Reviews up to which nobody needs a filter. */
const FEW = 3
/** Cards rendered at a time: hundreds would make the page slow. */
const PAGE = 25
