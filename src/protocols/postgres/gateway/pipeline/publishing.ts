import type { Change } from '../../catalog/change-log.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import { shieldedQueries } from './gateway-query.ts'
import type { PipelineState } from './pipeline-state.ts'
import { settledValue, type Steps } from '../../../../gateway/steps.ts'
import { changeOf, commits, isNamed } from './touches.ts'

/** What a text makes visible to other sessions; `waitFor`: they wait until it is visible. */
export interface Published {
  readonly change: Change
  readonly waitFor: boolean
}

export function publishedBy(pipeline: PipelineState, facts: StatementFacts): Published | undefined {
  const own = changeOf(facts)
  const change = pipeline.publishes(own, commits(facts))
  if (change === undefined) return undefined
  const { uncommitted } = pipeline.changes
  const isMade = uncommitted !== undefined && uncommitted.isUnseen !== true
  return { change, waitFor: isMade || (own !== undefined && isNamed(facts)) }
}

/**
 * Before definitions become visible to others, waits until no other session has messages in flight that were decided with the previous
 * ones. Even if its effect is otherwise unknown, a new view has a rule: statements that rest on the absence of rules are waited for. False:
 * there was nothing to wait for.
 */
export function* beforePublishing(pipeline: PipelineState, published: Published | undefined): Steps<boolean> {
  if (published === undefined || !(published.waitFor || published.change.makesRules)) return false
  const change = published.waitFor ? published.change : { ...published.change, touches: NOTHING }
  const settled = pipeline.definitions.settle(
    pipeline,
    change,
    (pids) => waiting(pipeline, pids),
    () => pipeline.changes.announce(change),
  )
  if (settled === undefined) return false
  yield settled
  return true
}

const NOTHING: ReadonlySet<string> = new Set()

/** Those of these backends that wait for a lock, and for what; undefined if the target cannot be asked. */
async function waiting(pipeline: PipelineState, pids: readonly number[]) {
  await pipeline.settled()
  if (pipeline.isStuck) return undefined
  const [rows] = await shieldedQueries(pipeline, [waitsOf(pids)]).catch(() => [])
  return (
    rows &&
    new Map(rows.map(([pid, relation, here]) => [Number(pid), { relation: relation !== null, here: here !== null }]))
  )
}

/**
 * Those of these backends that wait for a lock: whether it is that of a relation, and whether they wait, directly or indirectly, for this
 * backend.
 */
const waitsOf = (pids: readonly number[]): string =>
  `with recursive waits(pid, at) as (select p, p from pg_catalog.unnest('{${pids.map((pid) => pid | 0).join(',')}}'::pg_catalog.int4[]) p union select w.pid, b from waits w, lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.at)) b) select w.pid::pg_catalog.text, (select pg_catalog.max(l.locktype) from pg_catalog.pg_locks l where l.pid operator(pg_catalog.=) w.pid and not l.granted and l.locktype operator(pg_catalog.=) 'relation'), pg_catalog.max(case when w.at operator(pg_catalog.=) pg_catalog.pg_backend_pid() then 't' end) from waits w where w.at operator(pg_catalog.<>) w.pid group by w.pid`

/**
 * Runs before a text that changes definitions, or commits such changes. True if there was something to wait for. Where code has changed
 * nothing so far, no session is waited for, as with code outside a transaction; but the end of the transaction may run more of it: deferred
 * triggers, and what a cursor WITH HOLD was declared for.
 */
export function* beforeText(pipeline: PipelineState, facts: StatementFacts): Steps<boolean> {
  const { uncommitted } = pipeline.changes
  if (
    uncommitted !== undefined &&
    !uncommitted.named &&
    uncommitted.isUnseen !== true &&
    !facts.changesCatalog &&
    pipeline.definitions.areReliedOn &&
    pipeline.inFlight.isIdle &&
    commits(facts)
  ) {
    const has = yield* settledValue(pipeline.hasChanged())
    pipeline.changes.uncommitted = { ...uncommitted, named: has, isUnseen: !has }
    if (has) yield* beforePublishing(pipeline, publishedBy(pipeline, facts))
    return true
  }
  return yield* beforePublishing(pipeline, publishedBy(pipeline, facts))
}
