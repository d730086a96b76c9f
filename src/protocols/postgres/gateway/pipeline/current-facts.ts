import { pause } from '../../../../shared/pause.ts'
import type { Publication } from '../../catalog/shared-definitions.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import { namesAnything } from '../../dialect/command-facts.ts'
import { isGuardedByCatalogs } from '../../dialect/guard.ts'
import type { ParsedText } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { PipelineState } from './pipeline-state.ts'
import type { ResolvedFacts } from './resolved-facts.ts'
import { isRenewed, namesIn } from './touches.ts'

/** The same with definitions as they are now: the catalogs are read again, and changes of other sessions waited for, where the text needs it. */
export class CurrentFacts {
  readonly #pipeline: PipelineState
  readonly #resolved: ResolvedFacts
  /** A text whose names did not resolve is looked at again once per set of catalogs. */
  readonly #seen = new Set<string>()
  readonly #waitedFor = new WeakSet<Publication>()

  constructor(pipeline: PipelineState, resolved: ResolvedFacts) {
    this.#pipeline = pipeline
    this.#resolved = resolved
  }

  of(parsed: ParsedText, sql: string): StatementFacts | Promise<StatementFacts> {
    const { known, inFlight } = this.#pipeline
    // BEGIN, SET TRANSACTION and the like look nothing up, and a query of ours before them would take the snapshot.
    if (!looksUp(parsed)) return this.#resolved.of(parsed)
    if (this.#isForRecordAlone(parsed)) return this.#forRecord(parsed, sql)
    if (known.renewed === 'anything') return this.#lookOnce(parsed, sql, false)
    if (!inFlight.isIdle && executesAny(parsed)) return this.#pipeline.settled().then(() => this.#resolved.of(parsed))
    const facts = this.#resolved.of(parsed)
    if (isRenewed(facts, known.renewed)) return this.#lookOnce(parsed, sql, false)
    if (this.#othersTouching(facts).length > 0) return this.afresh(parsed, false)
    return this.#isNew(facts, sql) ? this.#lookOnce(parsed, sql, true) : facts
  }

  /**
   * Definitions have changed, or a name is new: look again, once everything before has been worked through. `all`: also at what nobody is
   * known to have changed.
   */
  async afresh(parsed: ParsedText, all = true): Promise<StatementFacts> {
    const pipeline = this.#pipeline
    for (let times = 0; ; times++) {
      await pipeline.settled()
      // In a failed transaction, or before the Sync after an error, nothing can be asked and nothing will run.
      if (pipeline.isStuck) return this.#resolved.of(parsed)
      await pipeline.known.refresh(all)
      const facts = this.#resolved.of(parsed)
      const changing = this.#othersTouching(facts)
      if (changing.length === 0) return facts
      // It ends soon, but for one that waits for a lock of this very session.
      await Promise.race([
        Promise.all(changing.map(({ over }) => over)),
        pause(this.#patienceFor(changing), { keepsAlive: false }),
      ])
      if (this.#othersTouching(facts).some((publication) => this.#waitedFor.has(publication)) || times > MAX_LOOKS)
        return this.#resolved.of(parsed, CHANGING)
    }
  }

  /** What they rest on has changed since, or is being changed. */
  isOld(facts: StatementFacts): boolean {
    const { known } = this.#pipeline
    return (
      known.uncertain === undefined &&
      !this.#pipeline.isStuck &&
      !this.#isForRecordAlone(facts.parsed) &&
      (isRenewed(facts, known.noted) || this.#othersTouching(facts).length > 0)
    )
  }

  async #lookOnce(parsed: ParsedText, sql: string, all: boolean): Promise<StatementFacts> {
    const first = await this.afresh(parsed, all)
    const facts = !all && this.#isNew(first, sql) ? await this.afresh(parsed) : first
    if (this.#seen.size > MAX_CACHED) this.#seen.clear()
    if (facts.unresolved) this.#seen.add(sql)
    return facts
  }

  /** Nothing that is decided about it rests on the catalogs, here or in another session. */
  #isForRecordAlone(parsed: readonly ParsedStatement[]): boolean {
    return this.#pipeline.readsForRecordAlone && !parsed.some(isGuardedByCatalogs)
  }

  /** What goes on record is what the last reading says, while that is less than a second old. */
  #forRecord(parsed: readonly ParsedStatement[], sql: string): StatementFacts | Promise<StatementFacts> {
    const { inFlight, known } = this.#pipeline
    if (!inFlight.isIdle && executesAny(parsed))
      return this.#pipeline.settled().then(() => this.#forRecord(parsed, sql))
    const facts = this.#resolved.of(parsed)
    const isChanged = isRenewed(facts, known.redefined) || this.#isNew(facts, sql)
    const by = isChanged ? 'definition' : known.mayHaveChanged
    if (by === undefined) return facts
    if (!known.isReadLately || facts.refusal !== undefined) return this.#lookOnce(parsed, sql, false)
    return this.#resolved.ofLastReading(facts, by)
  }

  #isNew({ unresolved }: StatementFacts, sql: string): boolean {
    return unresolved && !this.#seen.has(sql)
  }

  #othersTouching(facts: StatementFacts): Publication[] {
    if (this.#isForRecordAlone(facts.parsed)) return []
    return this.#pipeline.definitions.othersTouching(this.#pipeline, namesIn(facts))
  }

  #patienceFor(changing: readonly Publication[]): number {
    const milliseconds = changing.every((publication) => this.#waitedFor.has(publication)) ? 0 : PATIENCE
    for (const publication of changing) this.#waitedFor.add(publication)
    return milliseconds
  }
}

/** Whether what a text does depends on the catalogs. */
export const looksUp = (parsed: ParsedText): parsed is readonly ParsedStatement[] =>
  !('failure' in parsed) && parsed.some(namesAnything)

const executesAny = (parsed: readonly ParsedStatement[]): boolean =>
  parsed.some(({ executes }) => executes !== undefined)

const MAX_CACHED = 2000
export const CHANGING = 'another session changes these definitions: try again'
/** Milliseconds that a decision waits for the definitions of another session to be what they will be. */
const PATIENCE = 1000
const MAX_LOOKS = 10
