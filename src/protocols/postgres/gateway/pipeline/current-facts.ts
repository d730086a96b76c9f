import { pause } from '../../../../shared/pause.ts'
import type { Publication } from '../../catalog/shared-definitions.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import { namesAnything } from '../../dialect/command-facts.ts'
import { isTextGuardedByCatalogs } from '../../dialect/guard.ts'
import type { ParsedText } from '../../dialect/sql-parser.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { PipelineState } from './pipeline-state.ts'
import type { ResolvedFacts } from './resolved-facts.ts'
import { isRenewed, namesIn } from './touches.ts'

/** Facts under the current definitions: reads the catalogs again, and waits for changes of other sessions, if the text needs it. */
export class CurrentFacts {
  readonly #pipeline: PipelineState
  readonly #resolved: ResolvedFacts
  /** Texts with unresolved names, which are analysed again once per reading of the catalogs. */
  readonly #seen = new Set<string>()
  readonly #waitedFor = new WeakSet<Publication>()

  constructor(pipeline: PipelineState, resolved: ResolvedFacts) {
    this.#pipeline = pipeline
    this.#resolved = resolved
  }

  of(parsed: ParsedText, sql: string): StatementFacts | Promise<StatementFacts> {
    const { known, inFlight } = this.#pipeline
    // BEGIN, SET TRANSACTION and the like look up no names, and a query of the gateway before them would take the transaction's snapshot.
    if (!looksUp(parsed)) return this.#resolved.of(parsed)
    const { ahead } = this.#pipeline
    if (ahead.running !== undefined) return ahead.running.then(() => this.of(parsed, sql))
    if (this.#pipeline.readsForRecordAlone) return this.#forRecord(parsed, sql)
    if (known.renewed === 'anything') return this.#lookOnce(parsed, sql, false)
    if (!inFlight.isIdle && executesAny(parsed)) return this.#pipeline.settled().then(() => this.of(parsed, sql))
    const facts = this.#resolved.of(parsed)
    ahead.noteFacts(facts)
    if (isRenewed(facts, known.renewed)) return this.#lookOnce(parsed, sql, false)
    if (this.#othersTouching(facts).length > 0) return this.afresh(parsed, false)
    return this.#isNew(facts, sql) ? this.#lookOnce(parsed, sql, true) : facts
  }

  /**
   * Analyses a text again, once everything before it has been answered, because definitions have changed or a name is new. `all`: reads
   * everything again, even definitions that are not known to have changed.
   */
  async afresh(parsed: ParsedText, all = true): Promise<StatementFacts> {
    const pipeline = this.#pipeline
    for (let times = 0; ; times++) {
      await pipeline.settled()
      // In a failed transaction, or before the Sync after an error, the server cannot be asked and will not run anything.
      if (pipeline.isStuck) return this.#resolved.of(parsed)
      await pipeline.known.refresh(all)
      const facts = this.#resolved.of(parsed)
      const changing = this.#othersTouching(facts)
      if (changing.length === 0) return facts
      // It ends soon, unless it waits for a lock of this very session.
      await Promise.race([
        Promise.all(changing.map(({ over }) => over)),
        pause(this.#patienceFor(changing), { keepsAlive: false }),
      ])
      if (this.#othersTouching(facts).some((publication) => this.#waitedFor.has(publication)) || times > MAX_LOOKS)
        return this.#resolved.of(parsed, CHANGING)
    }
  }

  /** Whether definitions that the facts rest on have changed since, or are being changed. */
  isOld(facts: StatementFacts): boolean {
    const { known } = this.#pipeline
    if (known.uncertain !== undefined || this.#pipeline.isStuck || this.#isForRecordAlone(facts)) return false
    if (this.#othersTouching(facts).length > 0) return true
    // If the facts were resolved with an older reading, nothing rests on that reading.
    return facts.lastRead === undefined && isRenewed(facts, known.noted)
  }

  async #lookOnce(parsed: ParsedText, sql: string, all: boolean): Promise<StatementFacts> {
    const first = await this.afresh(parsed, all)
    const facts = !all && this.#isNew(first, sql) ? await this.afresh(parsed) : first
    if (this.#seen.size > MAX_CACHED) this.#seen.clear()
    if (facts.unresolved) this.#seen.add(sql)
    return facts
  }

  /** Whether no decision about it rests on the catalogs, here or in another session. */
  #isForRecordAlone(facts: StatementFacts): boolean {
    return this.#pipeline.readsForRecordAlone && !isTextGuardedByCatalogs(facts)
  }

  /** For the record, the last reading suffices: the catalogs are read again from time to time, and if a refusal may rest on them. */
  #forRecord(parsed: readonly ParsedStatement[], sql: string): StatementFacts | Promise<StatementFacts> {
    const { inFlight, known } = this.#pipeline
    if ((!inFlight.isIdle && executesAny(parsed)) || known.isPathMoved) return this.#forRecordLater(parsed, sql)
    known.adopt()
    const facts = this.#resolved.of(parsed)
    const isChanged = isRenewed(facts, known.redefined) || this.#isNew(facts, sql)
    const by = isChanged ? 'definition' : known.mayHaveChanged
    if (by === undefined) return facts
    if (facts.refusal !== undefined || known.isDueForRecord) return this.#lookOnce(parsed, sql, false)
    const ofLastReading = this.#resolved.ofLastReading(facts, known.isReadLately ? by : 'definition')
    if (!isTextGuardedByCatalogs(facts)) return ofLastReading
    return this.#unlessOfSettings(parsed, sql, ofLastReading)
  }

  /** The same once everything before has been answered. */
  async #forRecordLater(parsed: readonly ParsedStatement[], sql: string): Promise<StatementFacts> {
    const pipeline = this.#pipeline
    await pipeline.settled()
    if (pipeline.isStuck) return this.#resolved.of(parsed)
    if (pipeline.known.isPathMoved) await pipeline.known.readPath()
    return this.#forRecord(parsed, sql)
  }

  /** An UPDATE may apply to pg_settings, through a view. */
  async #unlessOfSettings(
    parsed: readonly ParsedStatement[],
    sql: string,
    facts: StatementFacts,
  ): Promise<StatementFacts> {
    const pipeline = this.#pipeline
    const isNamed = [...parsed, ...(facts.executed ?? [])].some(({ writes }) =>
      writes.some(({ name }) => name === 'pg_settings'),
    )
    if (isNamed) return this.#lookOnce(parsed, sql, false)
    await pipeline.settled()
    if (pipeline.isStuck) return this.#resolved.of(parsed)
    return (await pipeline.known.settingsViews.mayExist()) ? this.#lookOnce(parsed, sql, false) : facts
  }

  #isNew({ unresolved }: StatementFacts, sql: string): boolean {
    return unresolved && !this.#seen.has(sql)
  }

  #othersTouching(facts: StatementFacts): Publication[] {
    if (this.#isForRecordAlone(facts)) return []
    const { definitions, readsForRecordAlone } = this.#pipeline
    // It does not rest on names, only on the absence of views of pg_settings.
    if (readsForRecordAlone && facts.lastRead !== undefined) return definitions.othersMakingRules(this.#pipeline)
    return definitions.othersTouching(this.#pipeline, namesIn(facts))
  }

  #patienceFor(changing: readonly Publication[]): number {
    const milliseconds = changing.every((publication) => this.#waitedFor.has(publication)) ? 0 : CHANGE_WAIT_MS
    for (const publication of changing) this.#waitedFor.add(publication)
    return milliseconds
  }
}

/** Whether the effect of a text depends on the catalogs. */
export const looksUp = (parsed: ParsedText): parsed is readonly ParsedStatement[] =>
  !('failure' in parsed) && parsed.some(namesAnything)

const executesAny = (parsed: readonly ParsedStatement[]): boolean =>
  parsed.some(({ executes }) => executes !== undefined)

const MAX_CACHED = 2000
export const CHANGING = 'another session is changing these definitions: try again'
/** Milliseconds for which a decision waits for another session's change of definitions to be complete. */
const CHANGE_WAIT_MS = 1000
const MAX_LOOKS = 10
