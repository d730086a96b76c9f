import { bothOf, type Cause, type Change } from '../../catalog/change-log.ts'
import type { Participant, Publication, SharedDefinitions } from '../../catalog/shared-definitions.ts'
import type { KnownDefinitions } from './known-definitions.ts'
import type { Pending, Run } from './pending.ts'

/** Identifies a message even after it has been forgotten. */
export function causeOf(sent: Pending): Cause {
  const known = causes.get(sent) ?? ++lastCause
  causes.set(sent, known)
  return known
}

const causes = new WeakMap<Pending, Cause>()
let lastCause = 0

type Effect = Pick<Run, 'change' | 'endsTransaction' | 'runsEarlierCode'>

/** One session's changes of the target's definitions: when other sessions are told, and what they wait for. */
export class OwnChanges {
  /**
   * The changes of the open transaction, which no other session sees yet. `byCode`: code of unknown effect may have made some of them, and
   * may make more at any moment, as a deferred trigger does. `isUnseen`: the catalogs were found unchanged, so that only code that the next
   * message runs may still change them.
   */
  uncommitted: (Change & { readonly named: boolean; readonly byCode: boolean; readonly isUnseen?: boolean }) | undefined

  readonly #by: Participant
  readonly #definitions: SharedDefinitions
  readonly #known: KnownDefinitions
  /** Changes that are published and not answered yet, by the message whose answer ends them. */
  readonly #publications = new Map<Pending, Publication>()
  #announced: Publication | undefined

  constructor(by: Participant, definitions: SharedDefinitions, known: KnownDefinitions) {
    this.#by = by
    this.#definitions = definitions
    this.#known = known
  }

  /**
   * Notes a change when it is sent, since later messages are evaluated before it is done; and again when it is done. `answered`: the
   * message whose answer says so.
   */
  note(change: Change, isInTransaction: boolean, answered?: Pending): void {
    // A change within a transaction does not concern other sessions before it ends.
    if (isInTransaction) this.#known.noteStale(change.renews, change.by)
    else this.#definitions.note(change.renews, change.by, answered && causeOf(answered), change.makesRules)
  }

  /**
   * What a statement may change: besides its own change those that it may end, and where code of unknown effect has run, whatever more that
   * code does when the statement runs it.
   */
  withEarlier({ change, endsTransaction, runsEarlierCode }: Effect): Change | undefined {
    const concernsEarlier = endsTransaction || (runsEarlierCode && this.uncommitted?.byCode === true)
    return concernsEarlier ? bothOf(this.uncommitted, change) : change
  }

  /** From now until it is answered, decisions of other sessions about what it touches wait. */
  publish(pending: Pending, change: Change, waitFor: boolean): void {
    this.#publications.set(pending, this.#definitions.publish(this.#by, change, waitFor, causeOf(pending)))
  }

  /** The message was answered, or never ran: no session need wait for it any longer. */
  finish(pending: Pending): void {
    if (this.#publications.size === 0) return
    this.#publications.get(pending)?.finish()
    this.#publications.delete(pending)
  }

  /** From now on decisions of other sessions about what a change touches wait, until it is sent or abandoned. */
  announce(change: Change): void {
    this.#announced ??= this.#definitions.publish(this.#by, change)
  }

  endAnnouncement(): void {
    this.#announced?.finish()
    this.#announced = undefined
  }

  /** `named`: changed by defining statements, not by code of unknown effect. */
  noteUncommitted(change: Change | undefined, named: boolean): void {
    if (this.uncommitted?.isUnseen === true) this.uncommitted = { ...this.uncommitted, isUnseen: false }
    const all = bothOf(this.uncommitted, change)
    if (change === undefined || all === undefined) return
    const { named: wasNamed = false, byCode = false } = this.uncommitted ?? {}
    this.uncommitted = {
      ...all,
      named: named || wasNamed,
      byCode: byCode || !named || change.by !== 'definition',
    }
  }

  /** The session has ended. */
  leave(): void {
    this.#definitions.leave(this.#by)
    this.#publications.clear()
  }
}
