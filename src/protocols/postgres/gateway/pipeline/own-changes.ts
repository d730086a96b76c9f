import { bothOf, type Cause, type Change } from '../../catalog/change-log.ts'
import type { Participant, Publication, SharedDefinitions } from '../../catalog/shared-definitions.ts'
import type { KnownDefinitions } from './known-definitions.ts'
import type { Pending } from './pending.ts'

/** What is remembered of a message when it is long forgotten. */
export function causeOf(sent: Pending): Cause {
  const known = causes.get(sent) ?? ++lastCause
  causes.set(sent, known)
  return known
}

const causes = new WeakMap<Pending, Cause>()
let lastCause = 0

/** What one session changes of the target's definitions: when the others are told, and what they wait for. */
export class OwnChanges {
  /** What the open transaction has changed, and nobody else sees yet. */
  uncommitted: (Change & { readonly named: boolean }) | undefined

  readonly #by: Participant
  readonly #definitions: SharedDefinitions
  readonly #known: KnownDefinitions
  /** Published and not answered yet, by the message whose answer ends it. */
  readonly #publications = new Map<Pending, Publication>()
  #announced: Publication | undefined

  constructor(by: Participant, definitions: SharedDefinitions, known: KnownDefinitions) {
    this.#by = by
    this.#definitions = definitions
    this.#known = known
  }

  /** Noted when a change is sent, since what is sent after it is judged before it is done; and again when it is done. `answered`: what says that. */
  note(change: Change, isInTransaction: boolean, answered?: Pending): void {
    // What is within a transaction is nobody else's concern before it ends.
    if (isInTransaction) this.#known.noteStale(change.renews, change.by)
    else this.#definitions.note(change.renews, change.by, answered && causeOf(answered), change.makesRules)
  }

  /** From here until it is answered, decisions of others about what it touches wait. */
  publish(pending: Pending, change: Change, waitFor: boolean): void {
    this.#publications.set(pending, this.#definitions.publish(this.#by, change, waitFor, causeOf(pending)))
  }

  /** Answered, or never run: nobody need wait for it any more. */
  finish(pending: Pending): void {
    if (this.#publications.size === 0) return
    this.#publications.get(pending)?.finish()
    this.#publications.delete(pending)
  }

  /** Decisions of others about what a change touches wait from now on, until it is sent or is not sent after all. */
  announce(change: Change): void {
    this.#announced ??= this.#definitions.publish(this.#by, change)
  }

  endAnnouncement(): void {
    this.#announced?.finish()
    this.#announced = undefined
  }

  /** `named`: by statements that say so, and not by code of unknown effect. */
  noteUncommitted(change: Change | undefined, named: boolean): void {
    const all = bothOf(this.uncommitted, change)
    if (change !== undefined && all !== undefined)
      this.uncommitted = { ...all, named: named || this.uncommitted?.named === true }
  }

  /** The session is over. */
  leave(): void {
    this.#definitions.leave(this.#by)
    this.#publications.clear()
  }
}
