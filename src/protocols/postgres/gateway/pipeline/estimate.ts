import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { PipelineState } from './pipeline-state.ts'
import { ownQueries } from './gateway-query.ts'

/**
 * The number of rows that the planner expects a statement to touch, in words; undefined if the planner is not asked. It is only asked if
 * planning can run nothing but built-in code, outside a transaction, read-only and for two seconds at most: an error would end the client's
 * transaction, and planning runs functions that are declared immutable.
 */
export async function estimateRows(
  pipeline: PipelineState,
  sql: string,
  facts: StatementFacts,
  parameters: number,
): Promise<string | undefined> {
  const [statement, ...more] = facts.statements
  if (statement === undefined || more.length > 0 || parameters > 0) return undefined
  if (statement.unknown.length > 0 || !statement.kinds.every((kind) => PLANNED.has(kind))) return undefined
  if (pipeline.status !== 'I' || pipeline.batchOpen || !pipeline.inFlight.isIdle) return undefined
  pipeline.session.recorder.outcome({ type: 'notice', message: 'the planner is asked how many rows this touches' })
  try {
    const [, plan] = await ownQueries(pipeline, [
      `select pg_catalog.set_config('statement_timeout', '2000', true), pg_catalog.set_config('lock_timeout', '500', true), pg_catalog.set_config('transaction_read_only', 'on', true)`,
      `explain (format json) ${sql}`,
    ])
    const [{ Plan }] = JSON.parse(plan?.[0]?.[0] ?? '') as [{ Plan: PlanNode }]
    const expected = (Plan['Node Type'] === 'ModifyTable' ? Plan.Plans?.[0] : Plan)?.['Plan Rows']
    // Only a number is passed on, because people see it.
    return typeof expected !== 'number'
      ? undefined
      : `about ${expected.toLocaleString('en-US')} ${expected === 1 ? 'row' : 'rows'}`
  } catch {
    return undefined
  }
}

interface PlanNode {
  readonly 'Node Type': string
  readonly 'Plan Rows'?: number
  readonly Plans?: readonly PlanNode[]
}

const PLANNED = new Set(['select', 'insert', 'update', 'delete', 'merge'])
