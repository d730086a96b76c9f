import { sessionEndReason } from '../../../../gateway/session-end-reason.ts'
import type { CatalogPlace, SharedReading } from '../../catalog/catalog-shelf.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { CatalogQuery } from '../../catalog/catalog-mirror.ts'
import type { Touches } from '../../catalog/change-log.ts'
import { OwnQueryFailed, shieldedOnce } from './gateway-query.ts'
import type { InFlight } from './in-flight.ts'
import { namesOf, STATE_VALUES, type KnownDefinitions, type ReadingPort } from './known-definitions.ts'
import { causeOf } from './own-changes.ts'
import type { OwnRows, Pending } from './pending.ts'
import { changeOf, isNamed, isRenewed } from './touches.ts'

/** The connection to read on. */
export interface AheadPort extends ReadingPort {
  readonly inFlight: InFlight
  readonly readsForRecordAlone: boolean
  /** Sends bytes together with what the client's side has collected, after it. */
  collect(bytes: Buffer): void
}

/**
 * Reads what a statement changes directly after it, before it is needed: the server does so while its answer is sent to the client, and the
 * next statement need not wait as long. The reading follows the statement on the same connection, so that it sees what was changed: relations
 * that were created by their names, otherwise all changes.
 */
export class ReadingAhead {
  readonly #port: AheadPort
  readonly #place: CatalogPlace
  readonly #known: KnownDefinitions
  #running: Promise<void> | undefined
  /** What the last such statement changed. */
  #changed: Touches = new Set()
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

  /** Notes whether the next statement rests on what was last changed. */
  noteFacts(facts: StatementFacts): void {
    if (!this.#isRestedOn) this.#isRestedOn = isRenewed(facts, this.#changed)
  }

  /** Reads directly after a text that was just sent, if nothing else is in flight; `sent`: the messages whose answers belong to it. */
  readAfter(facts: StatementFacts, sent: readonly Pending[]): void {
    const change = facts.parsed.length === 1 && isNamed(facts) ? changeOf(facts) : undefined
    // Code of unknown effect may take any time, and change nothing.
    if (change === undefined || change.by !== 'definition' || !this.#isPossible(change.renews, sent)) return
    const isWorthIt = this.#isRestedOn
    this.#isRestedOn = false
    this.#changed = change.renews
    if (!isWorthIt) return
    const { generation } = this.#known
    const reading =
      change.renews === 'anything' ? this.#readAll(mayRemove(facts), sent) : this.#readNamed(change.renews, sent)
    const running: Promise<void> = reading
      .then((read) => read && this.#known.take(read.reading, read.searchPath, generation))
      .then(
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

  /** Only outside a transaction: what was changed is committed when it is read, and the gateway's settings do not last. */
  #isPossible(renews: Touches, sent: readonly Pending[]): boolean {
    const { status, batchOpen, inFlight, readsForRecordAlone } = this.#port
    if (status !== 'I' || batchOpen || readsForRecordAlone || !this.#known.canReadAfter(renews)) return false
    return inFlight.all.every((pending) => sent.includes(pending))
  }

  #readNamed(names: ReadonlySet<string>, sent: readonly Pending[]): Promise<Ahead | undefined> {
    const { definitions } = this.#place
    const asked = definitions.changes
    const causes = new Set(sent.map(causeOf))
    return this.#read((ask) =>
      this.#place.readAhead(names, ask, (before) => definitions.withNames(before, names, asked, causes)),
    )
  }

  #readAll(removes: (catalog: string) => boolean, sent: readonly Pending[]): Promise<Ahead | undefined> {
    const { definitions } = this.#place
    const asked = definitions.changes
    const causes = new Set(sent.map(causeOf))
    return this.#read((ask) => this.#place.readAllAhead(removes, ask, () => definitions.withAll(asked, causes)))
  }

  /** Sends the queries together with the statement; the state is part of their answer. */
  async #read(
    read: (
      ask: (queries: readonly CatalogQuery[]) => Promise<OwnRows[] | undefined>,
    ) => Promise<SharedReading | undefined>,
  ): Promise<Ahead | undefined> {
    let state: OwnRows | undefined
    const reading = await read(async (queries) => {
      const answers = await shieldedOnce(this.#port, queries, STATE_VALUES, (bytes) => this.#port.collect(bytes))
      state = answers?.[0]
      return answers?.slice(1)
    })
    return reading && { reading, searchPath: namesOf(state?.[0]?.[0]) }
  }
}

interface Ahead {
  readonly reading: SharedReading
  readonly searchPath: readonly string[]
}

/** The catalogs from which a statement may remove rows; every other definition may replace dependencies only. */
const mayRemove = ({ parsed }: StatementFacts): ((catalog: string) => boolean) =>
  parsed.some(({ kinds }) => kinds.some((kind) => kind.startsWith('drop-')))
    ? () => true
    : (catalog) => catalog === 'pg_depend'
