import type { Session } from '../../../src/api/schemas/session.ts'
import { wordsOf } from '../../../src/protocols/names.ts'
import { visible } from '../../../src/shared/visible.ts'
import { Link } from '../../app/router.tsx'
import { Tokens } from '../../components/ui/code.tsx'
import { Text } from '../../components/ui/text.tsx'
import { count, formatDateTime, formatLength, formatShort } from '../../lib/format.ts'
import type { Group, Grouping } from './rows.ts'

export interface LiveRows {
  readonly groups: readonly Group[]
  readonly by: Grouping
  /** Milliseconds since the epoch. */
  readonly now: number
  readonly mayWatch: (session: Session) => boolean
  readonly mayEnd: (session: Session) => boolean
  readonly end: (session: Session) => void
}

/** One line for each session; groups have a line of their own above. */
export function LiveTable({ groups, by, now, ...acts }: LiveRows) {
  return (
    <table class="dense">
      <caption class="visually-hidden">Open sessions</caption>
      <thead>
        <tr>
          <th scope="col">Person</th>
          <th scope="col">Target</th>
          <th scope="col" class="doing">
            Now
          </th>
          <th scope="col">Left</th>
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      {groups.map(({ name, sessions }) => (
        <tbody key={name}>
          {by !== '' && (
            <tr class="group">
              <th scope="rowgroup" colSpan={5}>
                <Text>{name}</Text> <span class="soft">{summary(sessions)}</span>
              </th>
            </tr>
          )}
          {sessions.map((session) => (
            <tr
              key={session.id}
              data-testid={session.id}
              class={session.ended === undefined ? (session.activity?.state ?? '') : 'over'}
            >
              <td title={visible(session.person.label)}>
                <Text>{session.person.label}</Text>
                {session.person.kind === 'service' && <span class="soft"> (service)</span>}
              </td>
              <td title={titleOf(session)}>
                <Text>{session.target}</Text>
              </td>
              <td class="doing">
                <Doing session={session} now={now} />
              </td>
              <td>
                <Left session={session} now={now} />
              </td>
              <td class="acts">
                <Acts session={session} {...acts} />
              </td>
            </tr>
          ))}
        </tbody>
      ))}
    </table>
  )
}

/** What can be done with a session. */
export function Acts({
  session,
  mayWatch,
  mayEnd,
  end,
}: { session: Session } & Omit<LiveRows, 'groups' | 'by' | 'now'>) {
  if (session.ended !== undefined) return <Link to={`/sessions/${encodeURIComponent(session.id)}`}>Recording</Link>
  const whose = <span class="visually-hidden">{` ${session.person.label} on ${session.target}`}</span>
  return (
    <>
      {mayWatch(session) && <Link to={`/live/${encodeURIComponent(session.id)}`}>Watch{whose}</Link>}
      {mayEnd(session) && (
        <button type="button" class="link" onClick={() => end(session)}>
          End…{whose}
        </button>
      )}
    </>
  )
}

export function summary(sessions: readonly Session[]): string {
  const of = (state: string): number =>
    sessions.filter(({ ended, activity }) => ended === undefined && activity?.state === state).length
  const parts = [of('held') > 0 ? `${of('held')} held` : '', of('running') > 0 ? `${of('running')} running` : '']
  return [count(sessions.length, 'session'), ...parts.filter(Boolean)].join(', ')
}

const titleOf = ({ target, protocol, openedAt, reason, commands, id }: Session): string =>
  visible(
    `${target} (${protocol}), opened ${formatDateTime(openedAt)}, ${count(commands, 'command')}${reason === undefined || reason === '' ? '' : `: ${reason}`} (${id})`,
  )

/** What a session does now, since when. */
function Doing({ session: { activity, ended, openedAt, protocol }, now }: { session: Session; now: number }) {
  if (ended !== undefined)
    return (
      <>
        <b>ended</b> <Text>{ended.message}</Text>
      </>
    )
  if (activity === undefined)
    return <span class="soft">no command since {formatShort(now - Date.parse(openedAt))}</span>
  const { state, since, text, approval } = activity
  return (
    <>
      {approval === undefined ? (
        <b>{state}</b>
      ) : (
        <Link to={`/reviews/${encodeURIComponent(approval)}`} title={approval}>
          <b>{state}</b>
        </Link>
      )}{' '}
      <time dateTime={since} title={formatDateTime(since)}>
        {formatShort(now - Date.parse(since))}
      </time>{' '}
      {text !== undefined && (
        <code title={visible(text)}>
          <Tokens text={text.replaceAll(/\s+/g, ' ')} language={wordsOf(protocol).language} recorded />
        </code>
      )}
    </>
  )
}

/** The time until the access ends. */
export function Left({ session: { grantEndsAt, ended }, now }: { session: Session; now: number }) {
  if (grantEndsAt === undefined || ended !== undefined) return null
  const left = Date.parse(grantEndsAt) - now
  return (
    <span
      class={left < 300_000 ? 'badge warn' : ''}
      title={`access ends ${formatDateTime(grantEndsAt)}, in ${formatLength(left)}`}
    >
      {formatShort(left)}
    </span>
  )
}
