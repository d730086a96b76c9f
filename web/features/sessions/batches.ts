import type { RecordedEvent, ResultEvent } from '../../../src/recording/event.ts'
import { batchOf, statesOf, type BatchText, type StatementState } from '../../lib/batch.ts'

/** A text of several statements that was held, and what became of each. */
export interface ShownBatch extends BatchText {
  readonly states: readonly StatementState[]
  /** From 1: the statement that failed. */
  readonly failed: number | undefined
}

/** The batches among these events, by the id of their command. */
export function batchesIn(protocol: string, events: readonly RecordedEvent[]): ReadonlyMap<string, ShownBatch> {
  const approvals = new Map(events.flatMap((event) => (event.type === 'approval' ? [[event.command, event]] : [])))
  const results = new Map<string, ResultEvent[]>()
  for (const event of events)
    if (event.type === 'result') {
      const known = results.get(event.command)
      if (known === undefined) results.set(event.command, [event])
      else known.push(event)
    }
  return new Map(
    events.flatMap((event): [string, ShownBatch][] => {
      if (event.type !== 'command' || event.verdict !== 'hold') return []
      const approval = approvals.get(event.id)
      const batch = approval && batchOf(protocol, event.text, effectOf(approval))
      if (approval === undefined || batch === undefined) return []
      const states = statesOf(batch.statements.length, results.get(event.id) ?? [], approval.state === 'approved')
      const failed = states.findIndex(({ state }) => state === 'failed') + 1
      return [[event.id, { ...batch, states, failed: failed === 0 ? undefined : failed }]]
    }),
  )
}

/** What approvers were told that it does: the API adds it from the store. */
const effectOf = (approval: object): string =>
  'effect' in approval && typeof approval.effect === 'string' ? approval.effect : ''
