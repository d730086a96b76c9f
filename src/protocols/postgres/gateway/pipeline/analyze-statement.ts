import { pause } from '../../../../shared/pause.ts'
import type { PipelineState } from './pipeline-state.ts'
import { missingRelations } from '../../dialect/missing-relations.ts'
import { factsOfLastReading, namesAnything, resolveFacts, type FindPrepared } from '../../dialect/command-facts.ts'
import { unparsed } from '../../dialect/resolve-statement.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { isGuardedByCatalogs } from '../../dialect/guard.ts'
import type { ParsedStatement } from '../../../../sql/facts/parsed-statement.ts'
import { FIRST_USER_OID, type Catalog } from '../../catalog/catalog.ts'
import type { ChangedBy, Publication } from '../../catalog/shared-definitions.ts'
import type { Failure, ParsedText, SqlParser } from '../../dialect/sql-parser.ts'
import { agreement } from '../server-reading/agreement.ts'
import { readingOf } from '../server-reading/reading-of.ts'
import { withoutMissing } from './missing-prepared.ts'
import { withMissingRelation } from './missing-relation.ts'
import { isRenewed, namesIn } from './touches.ts'

/** What a text does, against the catalogs as they are now. */
export interface StatementAnalyzer {
  /** `types`: of parameters, as a Parse names them, by number. */
  of(sql: string, types?: readonly number[]): StatementFacts | Promise<StatementFacts>
  /** The same, with the catalogs read again: before something approved is forwarded. */
  again(sql: string, types?: readonly number[]): Promise<StatementFacts>
}

export function statementAnalyzer(pipeline: PipelineState, parser: SqlParser): StatementAnalyzer {
  /** By what the text says: texts that say the same share it. */
  let cache = new WeakMap<ParsedText, StatementFacts>()
  let generation = pipeline.known.generation

  const resolve = (parsed: ParsedText, uncertain = pipeline.known.uncertain): StatementFacts => {
    if (generation !== pipeline.known.generation) {
      cache = new WeakMap()
      generation = pipeline.known.generation
    }
    const known = uncertain === undefined ? cache.get(parsed) : undefined
    if (known !== undefined) return known
    const facts =
      'failure' in parsed
        ? notRead(parsed)
        : resolveFacts(parsed, pipeline.known.catalog, pipeline.known.masking, prepared, {
            readOnly: pipeline.session.readOnly,
            ownAccount: pipeline.session.config.ownAccount,
            uncertain,
          })
    // What EXECUTE runs depends on what has its name now.
    if (uncertain !== undefined || facts.parsed.some(({ executes }) => executes !== undefined)) return facts
    cache.set(parsed, facts)
    return facts
  }
  /** What SQL or the protocol prepared under a name, where that is certain. */
  const prepared: FindPrepared = (name) => {
    const { value } = pipeline.names.statements.lookUp(name, pipeline.batch)
    if (value === undefined || !pipeline.inFlight.isIdle) return undefined
    const parsed = parser.parse(value.sql)
    return parsed instanceof Promise ? undefined : resolve(parsed)
  }
  const notRead = ({ failure, syntax }: Failure): StatementFacts => ({
    ...(syntax === undefined ? {} : { syntaxError: { ...syntax, failure } }),
    statements: [unparsed(failure)],
    parsed: [],
    refusal: undefined,
    errorExposure: pipeline.known.masking.plan.columns.length > 0 ? 'any' : 'none',
    lineage: [],
    comparisons: [],
    changesCatalog: true,
    objects: '',
    unresolved: false,
  })
  /**
   * Definitions have changed, or a name is new: look again, once everything before has been worked through. `all`: also at what nobody is
   * known to have changed.
   */
  const lookAgain = async (parsed: ParsedText, all = true): Promise<StatementFacts> => {
    for (let times = 0; ; times++) {
      await pipeline.settled()
      // In a failed transaction, or before the Sync after an error, nothing can be asked and nothing will run.
      if (pipeline.isStuck) return resolve(parsed)
      await pipeline.known.refresh(all)
      const facts = resolve(parsed)
      const changing = othersTouching(facts)
      if (changing.length === 0) return facts
      // It ends soon, but for one that waits for a lock of this very session.
      await Promise.race([
        Promise.all(changing.map(({ over }) => over)),
        pause(patienceFor(changing), { keepsAlive: false }),
      ])
      if (othersTouching(facts).some((publication) => waitedFor.has(publication)) || times > MAX_LOOKS)
        return resolve(parsed, CHANGING)
    }
  }
  const othersTouching = (facts: StatementFacts): Publication[] =>
    isForRecordAlone(facts.parsed) ? [] : pipeline.definitions.othersTouching(pipeline, namesIn(facts))
  const waitedFor = new WeakSet<Publication>()
  const patienceFor = (changing: readonly Publication[]): number => {
    const milliseconds = changing.every((publication) => waitedFor.has(publication)) ? 0 : PATIENCE
    for (const publication of changing) waitedFor.add(publication)
    return milliseconds
  }
  const understand = (parsed: ParsedText, sql: string): StatementFacts | Promise<StatementFacts> => {
    // BEGIN, SET TRANSACTION and the like look nothing up, and a query of ours before them would take the snapshot.
    if (!looksUp(parsed)) return resolve(parsed)
    if (isForRecordAlone(parsed)) return forRecord(parsed, sql)
    if (pipeline.known.renewed === 'anything') return lookOnce(parsed, sql, false)
    if (!pipeline.inFlight.isIdle && executesAny(parsed)) return pipeline.settled().then(() => resolve(parsed))
    const facts = resolve(parsed)
    if (isRenewed(facts, pipeline.known.renewed)) return lookOnce(parsed, sql, false)
    if (othersTouching(facts).length > 0) return lookAgain(parsed, false)
    return isNew(facts, sql) ? lookOnce(parsed, sql, true) : facts
  }
  /** Nothing that is decided about it rests on the catalogs, here or in another session. */
  const isForRecordAlone = (parsed: readonly ParsedStatement[]): boolean =>
    pipeline.readsForRecordAlone && !parsed.some(isGuardedByCatalogs)
  /** What goes on record is what the last reading says, while that is less than a second old. */
  const forRecord = (parsed: readonly ParsedStatement[], sql: string): StatementFacts | Promise<StatementFacts> => {
    const { inFlight, known } = pipeline
    if (!inFlight.isIdle && executesAny(parsed)) return pipeline.settled().then(() => forRecord(parsed, sql))
    const facts = resolve(parsed)
    const isChanged = isRenewed(facts, known.redefined) || isNew(facts, sql)
    const by = isChanged ? 'definition' : known.mayHaveChanged
    if (by === undefined) return facts
    if (!known.isReadLately || facts.refusal !== undefined) return lookOnce(parsed, sql, false)
    return withLastReading(facts, by)
  }
  const fromLastReading = new WeakMap<StatementFacts, Partial<Record<ChangedBy, StatementFacts>>>()
  const withLastReading = (facts: StatementFacts, lastRead: ChangedBy): StatementFacts => {
    const known = fromLastReading.get(facts) ?? {}
    fromLastReading.set(facts, known)
    return (known[lastRead] ??= factsOfLastReading(facts, pipeline.known.catalog, lastRead))
  }
  /** A text whose names did not resolve is looked at again once per set of catalogs. */
  const seen = new Set<string>()
  const isNew = ({ unresolved }: StatementFacts, sql: string): boolean => unresolved && !seen.has(sql)
  const lookOnce = async (parsed: ParsedText, sql: string, all: boolean): Promise<StatementFacts> => {
    const first = await lookAgain(parsed, all)
    const facts = !all && isNew(first, sql) ? await lookAgain(parsed) : first
    if (seen.size > MAX_CACHED) seen.clear()
    if (facts.unresolved) seen.add(sql)
    return facts
  }
  /** By types; of facts without them. */
  const typed = new WeakMap<StatementFacts, Map<string, StatementFacts>>()
  /** A parameter may be of a type that no text names; its values are read and checked by what the type is made of. */
  const withTypes = (facts: StatementFacts, types: readonly number[]): StatementFacts => {
    const { catalog } = pipeline.known
    const reasons = types.flatMap((type) => {
      const name = catalog.typesByOid.get(type)
      return [...(name === undefined ? [] : [`the type ${name} runs user-defined code`]), ...castsFrom(type, catalog)]
    })
    if (reasons.length === 0) return facts
    const byTypes = typed.get(facts) ?? new Map<string, StatementFacts>()
    typed.set(facts, byTypes)
    const known = byTypes.get(types.join())
    if (known !== undefined) return known
    const withReasons = {
      ...facts,
      statements: facts.statements.map((statement) => ({
        ...statement,
        unknown: [...new Set([...statement.unknown, ...reasons])],
      })),
      errorExposure: pipeline.known.masking.plan.columns.length > 0 ? 'any' : 'none',
      changesCatalog: true,
    } satisfies StatementFacts
    byTypes.set(types.join(), withReasons)
    return withReasons
  }
  /** What is said of a text, held against how the target reads it; unless nothing is asked of the target. */
  const agree =
    readingOf(pipeline.session) === 'ours'
      ? undefined
      : agreement(pipeline, parser, { afresh: (parsed) => lookAgain(parsed), ours: (sql) => ours(sql) })
  const ours = (sql: string, types = NO_TYPES): StatementFacts | Promise<StatementFacts> => {
    const parsed = parser.parse(sql)
    const facts = parsed instanceof Promise ? parsed.then((done) => understand(done, sql)) : understand(parsed, sql)
    if (types.length === 0) return facts
    return facts instanceof Promise ? facts.then((known) => withTypes(known, types)) : withTypes(facts, types)
  }
  const judge = (sql: string, types: readonly number[]): StatementFacts | Promise<StatementFacts> => {
    const facts = ours(sql, types)
    if (agree === undefined) return facts
    const parsed = parser.parse(sql)
    return parsed instanceof Promise || facts instanceof Promise
      ? Promise.all([parsed, facts]).then(([done, known]) => agree(done, sql, types, known))
      : agree(parsed, sql, types, facts)
  }
  /** While the target was asked, somebody may have changed what the answer rests on. */
  const untilCurrent = async (
    sql: string,
    types: readonly number[],
    first: Promise<StatementFacts>,
  ): Promise<StatementFacts> => {
    let facts = await first
    for (let times = 0; isOld(facts); times++) {
      const parsed = await parser.parse(sql)
      if (!looksUp(parsed)) break
      if (times === MAX_ROUNDS) return withTypes(resolve(parsed, CHANGING), types)
      facts = await judge(sql, types)
    }
    return facts
  }
  const isOld = (facts: StatementFacts): boolean =>
    pipeline.known.uncertain === undefined &&
    !pipeline.isStuck &&
    !isForRecordAlone(facts.parsed) &&
    (isRenewed(facts, pipeline.known.noted) || othersTouching(facts).length > 0)
  /** Rules say the same of it whether its relations are there or not: where they allow it, the target says itself what is missing. */
  const isKnownToRun = ({ refusal }: StatementFacts): boolean => !pipeline.restsOnDefinitions && refusal === undefined
  const answerable = (facts: StatementFacts): StatementFacts | Promise<StatementFacts> =>
    isKnownToRun(facts) || missingRelations(facts, pipeline.known.catalog) === undefined
      ? withoutMissing(pipeline, facts)
      : withMissingRelation(pipeline, facts)
  return {
    of(sql, types = NO_TYPES) {
      const facts = judge(sql, types)
      const current = facts instanceof Promise ? untilCurrent(sql, types, facts) : facts
      return current instanceof Promise ? current.then(answerable) : answerable(current)
    },
    async again(sql, types = NO_TYPES) {
      const parsed = await parser.parse(sql)
      const facts = withTypes(await lookAgain(parsed), types)
      const agreed = agree === undefined ? facts : agree(parsed, sql, types, facts)
      return untilCurrent(sql, types, Promise.resolve(agreed))
    },
  }
}

/** Casts of users that a parameter of this type may be converted by: the text does not say what it is converted from. */
const castsFrom = (type: number, { conversions, valueTypes }: Catalog): string[] => {
  if (type === 0 || conversions.size === 0) return []
  const form = valueTypes.get(type)
  const parts = form !== undefined && 'element' in form ? [type, form.element] : [type]
  const isAny = type >= FIRST_USER_OID
  return [...conversions.values()]
    .flat()
    .filter(({ from }) => from === undefined || isAny || parts.includes(from.oid))
    .map(({ what }) => `${what} converts a parameter`)
}

const NO_TYPES: readonly number[] = []

/** Whether what a text does depends on the catalogs. */
const looksUp = (parsed: ParsedText): parsed is readonly ParsedStatement[] =>
  !('failure' in parsed) && parsed.some(namesAnything)

const executesAny = (parsed: readonly ParsedStatement[]): boolean =>
  parsed.some(({ executes }) => executes !== undefined)

const MAX_CACHED = 2000
const CHANGING = 'another session changes these definitions: try again'
/** Milliseconds that a decision waits for the definitions of another session to be what they will be. */
const PATIENCE = 1000
const MAX_LOOKS = 10
/** How often a text is judged again because definitions have changed meanwhile. */
const MAX_ROUNDS = 5
