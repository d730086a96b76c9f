import { useState } from 'preact/hooks'
import type { BreakGlass } from '../../../src/api/schemas/break-glass.ts'
import { Link } from '../../app/router.tsx'
import { Problem, TwoSteps } from '../../components/ui/parts.tsx'
import { StateBadge, wordOfBreakGlass } from '../../components/ui/state.tsx'
import { Text } from '../../components/ui/text.tsx'
import { api } from '../../lib/client.ts'
import { formatDateTime } from '../../lib/format.ts'
import { useLive } from '../../lib/live.ts'
import { useData } from '../../lib/use-data.ts'

/** Emergencies that are in use, or await a review, of those that the user may see. */
export function useEmergencies() {
  const found = useData('emergencies', () => api.breakGlass.list(true))
  useLive((message) => {
    if (message.type === 'resync' || message.kind === 'break-glass' || message.kind === 'grant') found.reload()
  })
  return found
}

/** How many of them wait for the user's review. */
export const dueReviews = (uses: readonly BreakGlass[]): number =>
  uses.filter(({ mayReview, state }) => mayReview && state === 'review').length

/** On every page, while somebody has access that nobody approved. */
export function EmergencyBanner({ uses }: { uses: readonly BreakGlass[] }) {
  const active = uses.filter(isInUse)
  if (active.length === 0) return null
  return (
    <div class="banner bad" role="alert" data-testid="emergency">
      {active.map(({ id, person, target, endsAt }) => (
        <p key={id}>
          <Text>{person.label}</Text> has emergency access to <Text>{target}</Text>
          {endsAt === undefined ? '' : ` until ${formatDateTime(endsAt)}`}. <Link to="/">Details</Link>
        </p>
      ))}
    </div>
  )
}

const isInUse = ({ state }: BreakGlass): boolean => state === 'active' || state === 'announcing'

/** In the inbox, first: emergency access that somebody has now. */
export function EmergenciesInUse({ found }: { found: ReturnType<typeof useEmergencies> }) {
  if (found.error !== undefined) return <Problem error={found.error} retry={found.reload} />
  return <Emergencies title="Emergency access" uses={found.data?.filter(isInUse) ?? []} reviewed={found.reload} />
}

/** In the inbox, below what blocks a client: what was done in emergencies, until somebody else has reviewed it. */
export function EmergenciesToReview({ found: { data = [], reload } }: { found: ReturnType<typeof useEmergencies> }) {
  return <Emergencies title="Emergency access to review" uses={data.filter((use) => !isInUse(use))} reviewed={reload} />
}

function Emergencies({ title, uses, reviewed }: { title: string; uses: readonly BreakGlass[]; reviewed: () => void }) {
  if (uses.length === 0) return null
  return (
    <section class="stack" aria-label={title}>
      <div class="head">
        <h2>
          {title} ({uses.length})
        </h2>
        <Link to="/sessions?show=emergency">All emergency access</Link>
      </div>
      <ul class="list">
        {uses.map((use) => (
          <li key={use.id}>
            <Emergency use={use} reviewed={reviewed} />
          </li>
        ))}
      </ul>
    </section>
  )
}

function Emergency({ use, reviewed }: { use: BreakGlass; reviewed: () => void }) {
  const { id, person, target, rule, reason, state, endsAt, reviewers, mayReview, whyNot } = use
  return (
    <article class="card stack" data-testid={id} aria-label={`${person.label} on ${target}`}>
      <div class="row spread">
        <h3>
          <Text>{`${person.label} on ${target}`}</Text>
        </h3>
        <StateBadge state={wordOfBreakGlass(state)} />
      </div>
      <p>
        <Text>{reason}</Text>
      </p>
      <p class="small soft">
        <span class="mono">{id}</span>, rule <Text>{`"${rule}"`}</Text>
        {endsAt === undefined ? '' : `, until ${formatDateTime(endsAt)}`}, to be reviewed by{' '}
        <Text>{reviewers.join(' or ')}</Text>. <Link to={sessionsOf(use)}>Sessions</Link>
      </p>
      {mayReview ? <Review id={id} reviewed={reviewed} /> : <p class="small soft">{whyNot}</p>}
    </article>
  )
}

const sessionsOf = ({ person, target }: BreakGlass): string =>
  `/sessions?person=${encodeURIComponent(person.label)}&target=${encodeURIComponent(target)}`

/** Its form is opened by a button: several of them would push what blocks a client off the screen. */
function Review({ id, reviewed }: { id: string; reviewed: () => void }) {
  const [comment, setComment] = useState('')
  return (
    <TwoSteps
      label="Review…"
      confirm="Close the review"
      danger={false}
      act={() => api.breakGlass.review(id, comment).then(reviewed)}
    >
      <label>
        What was done, and whether it was right
        <textarea
          value={comment}
          required
          minLength={10}
          maxLength={2000}
          onInput={({ currentTarget }) => setComment(currentTarget.value)}
        />
      </label>
    </TwoSteps>
  )
}
