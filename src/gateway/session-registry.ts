import type { Approval } from '../access/approval.ts'
import { keepsOut, lockedError, type Lock } from '../access/lock.ts'
import type { Person } from '../policy/command.ts'
import { isSamePerson } from '../policy/same-person.ts'
import { PamError } from '../shared/errors.ts'
import type { Activity } from './session-activity.ts'
import { keepsAccess, otherRules, type Rules } from './keeps-access.ts'

/** A live session, as it is listed and ended. */
export interface LiveSession {
  readonly id: string
  /** As the rules know them in this session. */
  readonly person: Person
  readonly loginId: string
  readonly grantId: string
  readonly target: string
  /** On the target. */
  readonly account: string
  /** The break-glass rule that it was opened under. */
  readonly breakGlass?: string | undefined
  /** Commands so far. */
  tally(): CommandTally
  /** What it does now; the text is left out where the record of the session is hidden from everybody here. */
  activity(): Activity | undefined
  /** For approvers; empty where the record of the session is hidden from everybody here. */
  recent(approvalId: string): readonly RecentCommand[]
  /** Whether the rules in force still say what is fixed for as long as it lasts. */
  isAsBegun(): boolean
  end(reason: PamError): void
  /** Its grant ends later now. */
  extend(endsAt: number): void
  /** An approval of this session was decided. */
  decided(approval: Approval): void
  /** The exact text that a held command would run. Kept in memory only. */
  held(approvalId: string): HeldCommand | undefined
}

/** An earlier command, as recorded. */
export interface RecentCommand {
  readonly id: string
  readonly at: number
  readonly text: string
  readonly verdict: 'allow' | 'deny' | 'hold'
}

/** How a session ended, and what it had done. */
export interface SessionEnd extends CommandTally {
  readonly at: number
  readonly code: string
  readonly message: string
}

/** How many commands a session had, and how many of them were denied and held. */
export interface CommandTally {
  readonly commands: number
  readonly denied: number
  readonly held: number
}

export interface HeldCommand {
  readonly text: string
  readonly parameters: readonly (string | null)[]
}

/** Of one person. */
export interface SessionCount {
  /** Those that are being opened included. */
  readonly live: number
  /** Sessions that have ended, but whose record or row in the store is not complete yet. */
  readonly ending: number
}

/** The sessions that are connected. Kept in memory: the gateway that holds the sockets is the only one that knows. */
export class SessionRegistry {
  readonly #live = new Map<string, LiveSession>()
  /** Those that have ended, but are not marked as ended in the store yet. */
  readonly #over = new Set<string>()
  readonly #counts = new Map<string, { live: number; ending: number }>()
  /** How many sessions of each person are being opened: many that connect at once are not in the list yet. */
  readonly #opening = new Map<string, number>()
  /** The person of a session as last verified, where that was after it began. */
  readonly #proven = new Map<string, Person>()
  /** How sessions ended whose end the store could not take. */
  readonly #unnoted = new Map<string, SessionEnd>()

  /** A session of this person is being opened, and counted until what this returns is called: once it is added, or could not be opened. */
  begin(personId: string): () => void {
    const change = (by: number): void => {
      const count = (this.#opening.get(personId) ?? 0) + by
      if (count === 0) this.#opening.delete(personId)
      else this.#opening.set(personId, count)
    }
    change(1)
    let isOver = false
    return () => {
      if (!isOver) change(-1)
      isOver = true
    }
  }

  add(session: LiveSession): void {
    this.remove(session.id)
    this.#live.set(session.id, session)
    const count = this.#counts.get(session.person.id) ?? { live: 0, ending: 0 }
    this.#counts.set(session.person.id, count)
    count.live++
  }

  /** Marks a session as ended: its person may open another one. It stays listed until the store says so, too. */
  over(id: string): void {
    const count = this.#counts.get(this.#live.get(id)?.person.id ?? '')
    if (count === undefined || this.#over.has(id)) return
    this.#over.add(id)
    count.live--
    count.ending++
  }

  remove(id: string): void {
    const session = this.#live.get(id)
    if (session === undefined) return
    this.#live.delete(id)
    this.#proven.delete(id)
    const wasOver = this.#over.delete(id)
    const count = this.#counts.get(session.person.id)
    if (count === undefined) return
    count[wasOver ? 'ending' : 'live']--
    if (count.live + count.ending === 0) this.#counts.delete(session.person.id)
  }

  /** The store could not take the end of this session: it is written down later. */
  unnoted(id: string, end: SessionEnd): void {
    this.#unnoted.set(id, end)
  }

  endOf(id: string): SessionEnd | undefined {
    return this.#unnoted.get(id)
  }

  /** It is written down. */
  noted(id: string): void {
    this.#unnoted.delete(id)
  }

  /** All sessions, including those that have ended and are still being recorded. */
  get size(): number {
    return this.#live.size
  }

  /** Sessions that have ended and stay until they are on record. */
  get ending(): number {
    return this.#over.size
  }

  has(id: string): boolean {
    return this.#live.has(id)
  }

  find(id: string): LiveSession | undefined {
    return this.#live.get(id)
  }

  /** Whether a session under this grant is connected, or still being put on record. */
  hasGrant(grantId: string | undefined): boolean {
    return [...this.#live.values()].some((session) => session.grantId === grantId)
  }

  countOf(personId: string): SessionCount {
    const { live, ending } = this.#counts.get(personId) ?? NONE
    return { live: live + (this.#opening.get(personId) ?? 0), ending }
  }

  /** Ends every matching session; returns how many. */
  endWhere(matches: (session: LiveSession) => boolean, reason: PamError): number {
    const ending = [...this.#live.values()].filter(matches)
    for (const session of ending) session.end(reason)
    return ending.length
  }

  /**
   * The groups of these logins may have changed; a person has others at another issuer. Ends the sessions whose target they no longer have
   * access to, and those in which some rule would treat them differently than when the session was opened.
   */
  personChanged(person: Person, rules: Rules, loginIds: ReadonlySet<string>): void {
    const isTheirs = (session: LiveSession): boolean => session.person.id === person.id && loginIds.has(session.loginId)
    this.endWhere(
      (session) => isTheirs(session) && !keepsAccess(session, person, rules),
      new PamError('IDENTITY_LOST', 'your group membership changed; this access was withdrawn'),
    )
    this.endWhere(
      (session) => isTheirs(session) && !isSamePerson(rules.policy, session.person, person),
      new PamError('IDENTITY_LOST', 'your group membership changed; other rules apply to you now', {
        hint: 'connect again',
      }),
    )
    for (const session of this.#live.values()) if (isTheirs(session)) this.proven(session.id, person)
  }

  /** The person of a session as they are now, which rules may treat differently from when they opened it. */
  proven(id: string, person: Person): void {
    if (this.#live.has(id)) this.#proven.set(id, person)
  }

  /** Ends the sessions that could not be opened under these rules, and those whose person these rules now treat differently. */
  rulesChanged(rules: Rules): void {
    const now = (session: LiveSession): Person => this.#proven.get(session.id) ?? session.person
    this.endWhere(
      (session) => !keepsAccess(session, now(session), rules),
      new PamError('NO_ACCESS', 'the access rules changed, and no rule grants you this access now'),
    )
    this.endWhere(
      (session) => !isSamePerson(rules.policy, session.person, now(session)),
      new PamError('IDENTITY_LOST', 'the rules changed, and so has your group membership since this session began', {
        hint: 'connect again',
      }),
    )
    this.endWhere((session) => !session.isAsBegun(), otherRules())
  }

  /** A grant ends later: its sessions live on until then. */
  extended(grantId: string, endsAt: number): void {
    for (const session of this.#live.values()) if (session.grantId === grantId) session.extend(endsAt)
  }

  /** Ends the sessions that locks keep out: of a person, or on a target as it is configured now. Returns how many. */
  locked(locks: readonly Lock[], targets: Rules['targets']): number {
    let ended = 0
    for (const lock of locks)
      ended += this.endWhere(
        ({ person, target }) =>
          keepsOut(lock, person.id, targets.find(({ name }) => name === target) ?? { name: target, labels: {} }),
        lockedError(lock),
      )
    return ended
  }

  held(approval: Approval): HeldCommand | undefined {
    return this.#live.get(approval.sessionId)?.held(approval.id)
  }

  decided(approval: Approval): void {
    this.#live.get(approval.sessionId)?.decided(approval)
  }
}

const NONE: SessionCount = { live: 0, ending: 0 }
