import { useState } from 'preact/hooks'
import type { Session } from '../../../src/api/schemas/session.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { Link } from '../../app/router.tsx'
import { Tokens } from '../../components/ui/code.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatDateTime, formatShort } from '../../lib/format.ts'
import { Acts, Left, summary, type LiveRows } from './table.tsx'

/** The live sessions on a phone: a line each, a second one for what runs or is held, and the rest of it on a tap. */
export function LiveList({ groups, by, now, ...acts }: LiveRows) {
  return (
    <>
      {groups.map(({ name, sessions }) => (
        <section key={name} aria-label={name === '' ? 'Open sessions' : name}>
          {by !== '' && (
            <h2 class="small">
              <Text>{name}</Text> <span class="soft">{summary(sessions)}</span>
            </h2>
          )}
          <ul class="lines">
            {sessions.map((session) => (
              <Line key={session.id} session={session} now={now} {...acts} />
            ))}
          </ul>
        </section>
      ))}
    </>
  )
}

function Line({ session, now, ...acts }: { session: Session } & Omit<LiveRows, 'groups' | 'by'>) {
  const [isOpen, setOpen] = useState(false)
  const { id, person, target, protocol, activity, ended, openedAt } = session
  const state = ended === undefined ? (activity?.state ?? 'open') : 'ended'
  return (
    <li data-testid={id} class={ended === undefined ? state : 'over'}>
      <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
        <span>
          <Text>{person.label}</Text>
        </span>
        <span>
          <Text>{target}</Text>
        </span>
        <b>
          {state} {ended === undefined && formatShort(now - Date.parse(activity?.since ?? openedAt))}
        </b>
        {!isOpen && ended === undefined && state !== 'idle' && activity?.text !== undefined && (
          <code>
            <Tokens text={activity.text.replaceAll(/\s+/g, ' ')} language={wordsOf(protocol).language} recorded />
          </code>
        )}
      </button>
      {isOpen && <Details session={session} now={now} {...acts} />}
    </li>
  )
}

function Details({ session, now, ...acts }: { session: Session } & Omit<LiveRows, 'groups' | 'by'>) {
  const { id, person, protocol, activity, ended, openedAt, reason, commands } = session
  return (
    <div class="small stack">
      {activity?.text !== undefined && (
        <pre>
          <Tokens text={activity.text} language={wordsOf(protocol).language} recorded />
        </pre>
      )}
      <p>
        <Text>{person.label}</Text>
        {person.kind === 'service' ? ' (service)' : ''}, {protocol}, opened {formatDateTime(openedAt)},{' '}
        {count(commands, 'command')}
        {reason === undefined || reason === '' ? '' : ': '}
        <Text>{reason ?? ''}</Text>
      </p>
      {ended !== undefined && (
        <p>
          Ended: <Text>{ended.message}</Text>
        </p>
      )}
      <p class="row">
        {activity?.approval !== undefined && (
          <Link to={`/reviews/${encodeURIComponent(activity.approval)}`}>Held command</Link>
        )}
        <Acts session={session} {...acts} />
        {ended === undefined && session.grantEndsAt !== undefined && (
          <span class="soft">
            <Left session={session} now={now} /> of access left
          </span>
        )}
        <span class="mono soft">{id}</span>
      </p>
    </div>
  )
}
