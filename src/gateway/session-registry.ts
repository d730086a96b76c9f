import type { Approval } from '../access/approval.ts'
import type { Person } from '../policy/command.ts'
import { isSamePerson } from '../policy/same-person.ts'
import { PamError } from '../shared/errors.ts'
import { keepsAccess, type Rules } from './keeps-access.ts'

/** A live session, as those see it who list and end sessions. */
export interface LiveSession {
  readonly id: string
  /** As the rules know them in this session. */
  readonly person: Person
  readonly loginId: string
  readonly grantId: string
  readonly target: string
  /** On the target. */
  readonly account: string
  /** Commands so far. */
  commands(): number
  /** For approvers; empty where the record of the session is hidden from everybody here. */
  recent(approvalId: string): readonly RecentCommand[]
  end(reason: PamError): void
  /** An approval of this session was decided. */
  decided(approval: Approval): void
  /** Exactly what a held command would run: kept in memory only. */
  held(approvalId: string): HeldCommand | undefined
}

/** A command that came before, as it is on record. */
export interface RecentCommand {
  readonly id: string
  readonly at: number
  readonly text: string
  readonly verdict: 'allow' | 'deny' | 'hold'
}

export interface HeldCommand {
  readonly text: string
  readonly parameters: readonly (string | null)[]
}

/** Of one person. */
export interface SessionCount {
  readonly live: number
  /** Those that have ended, and that the record or the store does not have in full yet. */
  readonly ending: number
}

/** Who is connected, in the memory of the gateway that holds the sockets. */
export class SessionRegistry {
  readonly #live = new Map<string, LiveSession>()
  /** Those of them that have ended, and whose end the store does not have yet. */
  readonly #over = new Set<string>()
  readonly #counts = new Map<string, { live: number; ending: number }>()
  /** By session, its person as they were proven last, where that was after it began. */
  readonly #proven = new Map<string, Person>()

  add(session: LiveSession): void {
    this.remove(session.id)
    this.#live.set(session.id, session)
    const count = this.#counts.get(session.person.id) ?? { live: 0, ending: 0 }
    this.#counts.set(session.person.id, count)
    count.live++
  }

  /** It has ended: its person may open another one. It stays until the store says so, too. */
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

  /** All of them, those included that have ended and stay for a moment. */
  get size(): number {
    return this.#live.size
  }

  /** Those that have ended and stay until they are on record. */
  get ending(): number {
    return this.#over.size
  }

  has(id: string): boolean {
    return this.#live.has(id)
  }

  find(id: string): LiveSession | undefined {
    return this.#live.get(id)
  }

  countOf(personId: string): SessionCount {
    return this.#counts.get(personId) ?? NONE
  }

  /** Ends every session that fits; how many. */
  endWhere(fits: (session: LiveSession) => boolean, reason: PamError): number {
    const ending = [...this.#live.values()].filter(fits)
    for (const session of ending) session.end(reason)
    return ending.length
  }

  /**
   * A person's groups may have changed: sessions end whose target they may not have any more, and those for which some rule takes them for
   * another person than the one who opened them.
   */
  personChanged(person: Person, rules: Rules): void {
    this.endWhere(
      (session) => session.person.id === person.id && !keepsAccess(session, person, rules),
      new PamError('IDENTITY_LOST', 'your group membership changed; this access was withdrawn'),
    )
    this.endWhere(
      (session) => session.person.id === person.id && !isSamePerson(rules.policy, session.person, person),
      new PamError('IDENTITY_LOST', 'your group membership changed; other rules apply to you now', {
        hint: 'connect again',
      }),
    )
    for (const session of this.#live.values()) if (session.person.id === person.id) this.proven(session.id, person)
  }

  /** The person of a session as they are now: other rules may tell them from the one who opened it. */
  proven(id: string, person: Person): void {
    if (this.#live.has(id)) this.#proven.set(id, person)
  }

  /** Sessions end that nobody could open under these rules, and those for which these rules take their person for another one by now. */
  rulesChanged(rules: Rules): void {
    const now = (session: LiveSession): Person => this.#proven.get(session.id) ?? session.person
    this.endWhere(
      (session) => !keepsAccess(session, now(session), rules),
      new PamError('NO_ACCESS', 'the access rules changed, and no rule grants you this access now'),
    )
    this.endWhere(
      (session) => !isSamePerson(rules.policy, session.person, now(session)),
      new PamError('IDENTITY_LOST', 'the rules changed, and your group membership since this session began', {
        hint: 'connect again',
      }),
    )
  }

  held(approval: Approval): HeldCommand | undefined {
    return this.#live.get(approval.sessionId)?.held(approval.id)
  }

  decided(approval: Approval): void {
    this.#live.get(approval.sessionId)?.decided(approval)
  }
}

const NONE: SessionCount = { live: 0, ending: 0 }
