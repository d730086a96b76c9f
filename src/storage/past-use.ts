import type { Reader } from './page.ts'

/** What one person did on one target since a time, for whoever decides on what they want next. */
export interface PastUse {
  readonly sessions: number
  readonly commands: number
  /** Of the commands. */
  readonly denied: number
  /** Approvals that they asked for, by what became of them. */
  readonly approved: number
  readonly refused: number
  /** Milliseconds since 1970: when the last session before now began. */
  readonly lastAt: number | undefined
}

/** `since`: milliseconds since 1970. Commands of sessions that are open are not counted yet. */
export async function pastUse(db: Reader, personId: string, target: string, since: number): Promise<PastUse> {
  const [used, asked] = await Promise.all([
    db
      .selectFrom('sessions')
      .select((eb) => [
        eb.fn.countAll<number>().as('sessions'),
        eb.fn.sum<number | string | null>('commands').as('commands'),
        eb.fn.sum<number | string | null>('denied').as('denied'),
        eb.fn.max('opened_at').as('last'),
      ])
      .where('person_id', '=', personId)
      .where('target', '=', target)
      .where('opened_at', '>=', since)
      .executeTakeFirstOrThrow(),
    db
      .selectFrom('approvals')
      .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
      .where('person_id', '=', personId)
      .where('target', '=', target)
      .where('created_at', '>=', since)
      .groupBy('state')
      .execute(),
  ])
  const of = (...states: readonly string[]): number =>
    asked.filter(({ state }) => states.includes(state)).reduce((sum, { count }) => sum + count, 0)
  return {
    sessions: used.sessions,
    // A sum is numeric in PostgreSQL, which its driver gives as text.
    commands: Number(used.commands ?? 0),
    denied: Number(used.denied ?? 0),
    approved: of('approved', 'used'),
    refused: of('denied'),
    lastAt: used.last ?? undefined,
  }
}

/** On several targets together. */
export const addPastUse = ([first, ...others]: readonly PastUse[]): PastUse | undefined =>
  first &&
  others.reduce(
    (sum, one) => ({
      sessions: sum.sessions + one.sessions,
      commands: sum.commands + one.commands,
      denied: sum.denied + one.denied,
      approved: sum.approved + one.approved,
      refused: sum.refused + one.refused,
      lastAt: Math.max(sum.lastAt ?? 0, one.lastAt ?? 0) || undefined,
    }),
    first,
  )
