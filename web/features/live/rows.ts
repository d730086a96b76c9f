import type { Session } from '../../../src/api/schemas/session.ts'

export type Grouping = '' | 'person' | 'target'

export interface Group {
  readonly name: string
  readonly sessions: readonly Session[]
}

/** Those in which every word is somewhere: in the person, the target, the protocol, the reason, the command, or an id. */
export function matching(sessions: readonly Session[], filter: string): Session[] {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean)
  if (words.length === 0) return [...sessions]
  return sessions.filter(({ id, person, target, protocol, reason, activity, grantId }) => {
    const text = [
      id,
      person.label,
      target,
      protocol,
      reason,
      activity?.state,
      activity?.text,
      activity?.approval,
      grantId,
    ]
      .join('\n')
      .toLowerCase()
    return words.every((word) => text.includes(word))
  })
}

/** What needs a look first: held, then running, each the longest first; then idle ones, the last to do something first. */
export function byUrgency(sessions: readonly Session[]): Session[] {
  return sessions.toSorted((a, b) => rank(a) - rank(b) || sinceOf(a) - sinceOf(b) || (a.id < b.id ? -1 : 1))
}

/** The groups that have most to look at first. */
export function grouped(sessions: readonly Session[], by: Grouping): Group[] {
  const sorted = byUrgency(sessions)
  if (by === '') return sorted.length === 0 ? [] : [{ name: '', sessions: sorted }]
  const groups = new Map<string, Session[]>()
  for (const session of sorted) {
    const name = by === 'person' ? session.person.label : session.target
    const known = groups.get(name)
    if (known === undefined) groups.set(name, [session])
    else known.push(session)
  }
  return [...groups].map(([name, of]) => ({ name, sessions: of }))
}

/** The groups in `columns` columns of about the same height, in their order; a group goes on in the next column. */
export function inColumns(groups: readonly Group[], columns: number): Group[][] {
  const total = groups.reduce((sum, { sessions }) => sum + sessions.length, 0)
  const height = Math.max(1, Math.ceil(total / columns))
  const made: Group[][] = [[]]
  let room = height
  for (const { name, sessions } of groups)
    for (let at = 0; at < sessions.length;) {
      if (room === 0) {
        made.push([])
        room = height
      }
      const part = sessions.slice(at, at + room)
      made.at(-1)?.push({ name, sessions: part })
      at += part.length
      room -= part.length
    }
  return made
}

const rank = ({ ended, activity }: Session): number => {
  if (ended !== undefined) return 3
  return activity === undefined ? 2 : { held: 0, running: 1, idle: 2 }[activity.state]
}

const sinceOf = (session: Session): number => {
  const since = Date.parse(session.activity?.since ?? session.openedAt)
  return rank(session) >= 2 ? -since : since
}
