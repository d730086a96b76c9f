import type { Output } from '../../../../sql/lineage/origin.ts'
import type { NameTable, Portal, Prepared } from '../pipeline/name-table.ts'
import { startRun, type Pending } from '../pipeline/pending.ts'
import { dependenciesOf, dependenciesOfExecute } from '../pipeline/touches.ts'
import type { KnownStatement } from './known-statement.ts'
import { firstStep, shapes, steps, type Answered, type LaneQueue } from './lane-queue.ts'

/** The names of a connection as the slow path keeps them. */
export interface Names {
  readonly statements: NameTable<Prepared>
  readonly portals: NameTable<Portal>
  readonly cursors: Map<string, readonly Output[]>
}

/**
 * Hands the lane's statements over to the slow path, as if it had sent them itself: names refer to what was bound under them, and each
 * unanswered message is in the queue.
 */
export function handOver(lane: LaneQueue, names: Names, expect: (pending: Pending) => void): void {
  const { answered, answeredParse } = lane
  let parsed: Prepared | undefined
  if (answeredParse !== undefined) {
    const { statement, shape, batch } = answeredParse
    parsed = freshly(statement, shape)
    if ((shape & shapes.describe) !== 0) describe(parsed, statement)
    names.statements.set('', parsed, batch).confirm()
  }
  if (answered !== undefined) bindAnswered(answered, answered === answeredParse ? parsed : undefined, names)
  for (let index = 0; index < lane.length; index++)
    expectOne(lane, index, index === 0 ? lane.step : firstStep(lane.shape(index)), names, expect)
  lane.clear()
}

function bindAnswered({ statement, decision, batch }: Answered, parsed: Prepared | undefined, names: Names): void {
  names.portals.set('', portalOf(statement, parsed ?? statement.prepared, decision), batch).confirm()
  noteCursor(statement, names)
}

/** Queues the messages of one statement that are not answered yet. */
function expectOne(
  lane: LaneQueue,
  index: number,
  step: number,
  names: Names,
  expect: (pending: Pending) => void,
): void {
  const statement = lane.statement(index)
  const shape = lane.shape(index)
  const batch = lane.batch(index)
  const decision = lane.decision(index)
  const startedAt = lane.startedAt(index)
  const { facts } = statement
  if (statement.comesAs === 'query') return expect(queryAt(lane, index, step))
  const { errorExposure } = facts
  let { prepared } = statement
  if (statement.comesAs === 'text') {
    prepared = freshly(statement, shape)
    const change = names.statements.set('', prepared, batch)
    if (step > steps.parse) change.confirm()
    else expect({ type: 'parse', change, errorExposure, rests: dependenciesOf(facts, startedAt) })
  }
  const portal = portalOf(statement, prepared, decision)
  const change = names.portals.set('', portal, batch)
  if (step > steps.bind) {
    change.confirm()
    noteCursor(statement, names)
  } else
    expect({
      type: 'bind',
      change,
      errorExposure,
      portal: { name: '', facts, bound: portal.bound },
      rests: dependenciesOf(facts, startedAt),
    })
  if ((shape & shapes.describe) !== 0) {
    if (step > steps.describe) describe(prepared, statement)
    else expect({ type: 'describe', of: prepared, hidden: false, errorExposure, names: statement.names })
  }
  if (step <= steps.run) {
    const run = startRun(decision, prepared.sql, facts, undefined, startedAt)
    if (index === 0) {
      run.rows = lane.rows
      run.bytes = lane.bytes
    }
    expect({ type: 'execute', run, portal, rests: dependenciesOfExecute(facts, startedAt) })
  }
  if ((shape & shapes.sync) !== 0) expect({ type: 'sync' })
}

/** A simple query, in the state that its answers have reached. */
function queryAt(lane: LaneQueue, index: number, step: number): Pending {
  const { facts, prepared, rows } = lane.statement(index)
  const startedAt = lane.startedAt(index)
  const run = startRun(lane.decision(index), lane.text(index) ?? prepared.sql, facts, undefined, startedAt)
  // Its result is recorded already.
  if (step === steps.sync) run.index++
  else if (index === 0) {
    run.rows = lane.rows
    run.bytes = lane.bytes
    if (step > steps.describe) run.rewrites = rows?.rewrites
  }
  return { type: 'query', run, of: prepared, rests: dependenciesOf(facts, startedAt) }
}

/** A statement that was prepared again, before the server has described its columns. */
const freshly = ({ prepared, generation }: KnownStatement, shape: number): Prepared => ({
  sql: prepared.sql,
  parameterTypes: prepared.parameterTypes,
  columns: undefined,
  described: (shape & shapes.describe) === 0 ? undefined : generation,
  names: prepared.names,
})

/** The server has described it as before. */
function describe(prepared: Prepared, { prepared: before }: KnownStatement): void {
  if (prepared === before) return
  prepared.columns = before.columns
  if (before.description !== undefined) prepared.description = before.description
}

/** An Execute on the slow path determines the facts again. */
const NOT_KNOWN = -1

const portalOf = ({ facts, resultFormats }: KnownStatement, prepared: Prepared, decision: string): Portal => ({
  decision,
  prepared,
  facts,
  bound: { facts, changes: NOT_KNOWN, at: 0 },
  resultFormats,
})

function noteCursor({ facts }: KnownStatement, { cursors }: Names): void {
  const [lineage] = facts.lineage
  if (lineage === undefined) cursors.delete('')
  else cursors.set('', lineage.outputs)
}
