import { PamError } from '../../../../shared/errors.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import { MAX_READING_AGE_MS } from '../../catalog/catalog-shelf.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import { portalsOf } from './command-draft.ts'
import type { Bound, Portal, Prepared } from './name-table.ts'
import type { PipelineState } from './pipeline-state.ts'

export const boundNow = ({ known }: PipelineState, facts: StatementFacts): Bound => ({
  facts,
  changes: known.changes,
  at: performance.now(),
})

/** Whether definitions may have changed since. */
const isOld = ({ known }: PipelineState, { changes, at }: Bound): boolean =>
  known.changes !== changes || performance.now() - at > MAX_READING_AGE_MS

/** The facts of a prepared statement under the current definitions, if they may differ from those of its Parse. */
export function* factsSinceParse(
  pipeline: PipelineState,
  analyzer: StatementAnalyzer,
  { sql, parameterTypes, bound }: Prepared,
): Steps<StatementFacts | undefined> {
  if (bound !== undefined && !isOld(pipeline, bound)) return undefined
  return yield* settledValue(analyzer.of(sql, parameterTypes))
}

/**
 * Why a portal must not be executed: it would do something else now than what was decided at its Bind. The server has planned a SELECT or
 * DML statement by then, but looks up everything else at the Execute: what COPY, EXECUTE, CREATE TABLE AS or TRUNCATE names, triggers,
 * the checks of domains. Undefined: it does the same.
 */
export function* changedSinceBind(
  pipeline: PipelineState,
  analyzer: StatementAnalyzer,
  { prepared, bound }: Portal,
): Steps<PamError | undefined> {
  if (!isOld(pipeline, bound)) return undefined
  const facts = yield* settledValue(analyzer.of(prepared.sql, prepared.parameterTypes))
  if (facts.refusal !== undefined) return facts.refusal
  // Where decisions rest on the text alone, what else is known of the definitions may differ.
  if (pipeline.dependsOnDefinitions && facts !== bound.facts && meaningOf(facts) !== meaningOf(bound.facts))
    return BOUND_BEFORE
  Object.assign(bound, boundNow(pipeline, bound.facts))
  return undefined
}

/** Everything that decides what a statement does, and how its result is masked. */
const meaningOf = ({ objects, statements, lineage }: StatementFacts): string =>
  JSON.stringify([objects, statements, lineage])

/**
 * Why a FETCH or MOVE is refused: the portal that it names runs a statement that the server analyses only now, perhaps after others in the
 * same text. Undefined: it is not refused.
 */
export const refusedFetch = (pipeline: PipelineState, facts: StatementFacts): PamError | undefined =>
  portalsOf(facts, pipeline).some(({ parsed }) => parsed.some(({ tree }) => tree.kind === 'utility'))
    ? FETCHED_UTILITY
    : undefined

const BOUND_BEFORE = new PamError('APPROVAL_VOID', 'definitions changed after the portal was bound', {
  hint: 'bind it again',
})
const FETCHED_UTILITY = new PamError(
  'FEATURE_REFUSED',
  'FETCH and MOVE are supported for portals of SELECT statements only',
  { hint: 'execute the portal instead' },
)
