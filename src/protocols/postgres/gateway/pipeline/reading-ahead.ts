import { sessionEndReason } from '../../../../gateway/session-end-reason.ts'
import type { CatalogPlace } from '../../catalog/catalog-shelf.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { OwnQueryFailed, shieldedOnce } from './gateway-query.ts'
import type { InFlight } from './in-flight.ts'
import { namesOf, STATE_VALUES, type KnownDefinitions, type ReadingPort } from './known-definitions.ts'
import { causeOf } from './own-changes.ts'
import type { OwnRows, Pending } from './pending.ts'
import { changeOf, isRenewed } from './touches.ts'

/** The connection to read on. */
export interface AheadPort extends ReadingPort {
  readonly inFlight: InFlight
  readonly readsForRecordAlone: boolean
  /** Sends bytes together with what the client's side has collected, after it. */
  collect(bytes: Buffer): void
}

/**
 * Reads what a statement creates directly after it, before it is needed: the server does so while its answer is sent to the client, and the
 * next statement need not wait as long. The reading follows the statement on the same connection, so that it sees what was created.
 */
export class ReadingAhead {
  readonly #port: AheadPort
  readonly #place: CatalogPlace
  readonly #known: KnownDefinitions
  #running: Promise<void> | undefined
  /** The names of what the last such statement created. */
  #made: ReadonlySet<string> = new Set()
  /** Whether a later statement rested on that, so that reading ahead was useful. */
  #isRestedOn = true

  constructor(port: AheadPort, place: CatalogPlace, known: KnownDefinitions) {
    this.#port = port
    this.#place = place
    this.#known = known
  }

  /** Resolves, whatever the result, when the current reading is complete; undefined: there is none. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Notes whether the next statement rests on what was last created. */
  noteFacts(facts: StatementFacts): void {
    if (!this.#isRestedOn) this.#isRestedOn = isRenewed(facts, this.#made)
  }

  /** Reads directly after a text that was just sent, if nothing else is in flight; `sent`: the messages whose answers belong to it. */
  readAfter(facts: StatementFacts, sent: readonly Pending[]): void {
    const { renews } = (facts.parsed.length === 1 ? changeOf(facts) : undefined) ?? { renews: 'anything' }
    if (renews === 'anything' || !this.#isPossible(sent)) return
    const isWorthIt = this.#isRestedOn
    this.#isRestedOn = false
    this.#made = renews
    if (!isWorthIt) return
    const running: Promise<void> = this.#read(renews, sent).then(
      () => this.#end(running),
      (error: unknown) => {
        this.#end(running)
        // A statement that rests on it reads it again.
        const { session } = this.#port
        if (!(error instanceof OwnQueryFailed) && !session.ended.aborted) session.end(sessionEndReason(error))
      },
    )
    this.#running = running
  }

  #end(running: Promise<void>): void {
    if (this.#running === running) this.#running = undefined
  }

  /** Only outside a transaction: what was created is committed when it is read, and the gateway's settings do not last. */
  #isPossible(sent: readonly Pending[]): boolean {
    const { status, batchOpen, inFlight, readsForRecordAlone } = this.#port
    if (status !== 'I' || batchOpen || readsForRecordAlone || !this.#known.isReadByName) return false
    return inFlight.all.every((pending) => sent.includes(pending))
  }

  async #read(names: ReadonlySet<string>, sent: readonly Pending[]): Promise<void> {
    const { generation } = this.#known
    const { definitions } = this.#place
    const asked = definitions.changes
    let state: OwnRows | undefined
    const read = await this.#place.readAhead(
      names,
      async (queries) => {
        const answers = await shieldedOnce(this.#port, queries, STATE_VALUES, (bytes) => this.#port.collect(bytes))
        state = answers?.[0]
        return answers?.slice(1)
      },
      (before) => definitions.withNames(before, names, asked, new Set(sent.map(causeOf))),
    )
    if (read !== undefined) await this.#known.take(read, namesOf(state?.[0]?.[0]), generation)
  }
}
