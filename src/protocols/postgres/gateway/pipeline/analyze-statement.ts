import type { PipelineState } from './pipeline-state.ts'
import { missingRelations } from '../../dialect/missing-relations.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { SqlParser } from '../../dialect/sql-parser.ts'
import { agreement } from '../server-reading/agreement.ts'
import { readingOf } from '../server-reading/reading-of.ts'
import { CHANGING, CurrentFacts, looksUp } from './current-facts.ts'
import { withoutMissing } from './missing-prepared.ts'
import { withMissingRelation } from './missing-relation.ts'
import { ResolvedFacts } from './resolved-facts.ts'

/** Determines what a text does, under the current catalogs. */
export interface StatementAnalyzer {
  /** `types`: the types of parameters, as a Parse declares them, by object id. */
  of(sql: string, types?: readonly number[]): StatementFacts | Promise<StatementFacts>
  /** The same, with the catalogs read again: before something approved is forwarded. */
  again(sql: string, types?: readonly number[]): Promise<StatementFacts>
}

export function statementAnalyzer(pipeline: PipelineState, parser: SqlParser): StatementAnalyzer {
  const resolved = new ResolvedFacts(pipeline, parser)
  const current = new CurrentFacts(pipeline, resolved)
  /** Compares the facts of a text with the target's reading of it, unless the target is not to be asked. */
  const agree =
    readingOf(pipeline.session) === 'ours'
      ? undefined
      : agreement(pipeline, parser, { afresh: (parsed) => current.afresh(parsed), ours: (sql) => ours(sql) })
  const ours = (sql: string, types = NO_TYPES): StatementFacts | Promise<StatementFacts> => {
    const parsed = parser.parse(sql)
    const facts = parsed instanceof Promise ? parsed.then((done) => current.of(done, sql)) : current.of(parsed, sql)
    if (types.length === 0) return facts
    return facts instanceof Promise
      ? facts.then((known) => resolved.withTypes(known, types))
      : resolved.withTypes(facts, types)
  }
  const judge = (sql: string, types: readonly number[]): StatementFacts | Promise<StatementFacts> => {
    const facts = ours(sql, types)
    if (agree === undefined) return facts
    const parsed = parser.parse(sql)
    return parsed instanceof Promise || facts instanceof Promise
      ? Promise.all([parsed, facts]).then(([done, known]) => agree(done, sql, types, known))
      : agree(parsed, sql, types, facts)
  }
  /** While the target was being asked, the definitions behind the answer may have changed. */
  const untilCurrent = async (
    sql: string,
    types: readonly number[],
    first: Promise<StatementFacts>,
  ): Promise<StatementFacts> => {
    let facts = await first
    for (let times = 0; current.isOld(facts); times++) {
      const parsed = await parser.parse(sql)
      if (!looksUp(parsed)) break
      if (times === MAX_ROUNDS) return resolved.withTypes(resolved.of(parsed, CHANGING), types)
      facts = await judge(sql, types)
    }
    return facts
  }
  /** Whether rules decide the same whether or not its relations exist: if they allow it, the target itself reports what is missing. */
  const isKnownToRun = ({ refusal }: StatementFacts): boolean => !pipeline.dependsOnDefinitions && refusal === undefined
  const answerable = (facts: StatementFacts): StatementFacts | Promise<StatementFacts> =>
    isKnownToRun(facts) || missingRelations(facts, pipeline.known.catalog) === undefined
      ? withoutMissing(pipeline, facts)
      : withMissingRelation(pipeline, facts)
  return {
    of(sql, types = NO_TYPES) {
      const judged = judge(sql, types)
      const facts = judged instanceof Promise ? untilCurrent(sql, types, judged) : judged
      return facts instanceof Promise ? facts.then(answerable) : answerable(facts)
    },
    async again(sql, types = NO_TYPES) {
      const parsed = await parser.parse(sql)
      const facts = resolved.withTypes(await current.afresh(parsed), types)
      const agreed = agree === undefined ? facts : agree(parsed, sql, types, facts)
      return untilCurrent(sql, types, Promise.resolve(agreed))
    },
  }
}

const NO_TYPES: readonly number[] = []

/** How often a text is analysed again because definitions have changed meanwhile. */
const MAX_ROUNDS = 5
