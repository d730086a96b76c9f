import { PamError } from '../../../../shared/errors.ts'
import { formatDuration } from '../../../../shared/duration.ts'
import type { CommandDraft } from '../../../../gateway/engine.ts'
import { movesNames, type StatementFacts } from '../../dialect/command-facts.ts'
import type { Conversation } from './pipeline-state.ts'
import { estimateRows } from './estimate.ts'
import { shieldedQueries } from './gateway-query.ts'
import { recordable } from './recordable.ts'
import type { Touches } from '../../catalog/shared-definitions.ts'
import { changesOf, commits, endsTransaction, isNamed } from './touches.ts'
import type { Understanding } from './analyze-statement.ts'

/** A statement as the session judges, records and holds it. */
export function draftCommand(
  conversation: Conversation,
  understanding: Understanding,
  sql: string,
  parameters: readonly (string | null)[],
  facts: StatementFacts,
): CommandDraft {
  const { session, status } = conversation
  return {
    text: sql,
    parameters,
    facts: { type: 'sql', statements: facts.statements },
    recorded: recordable(sql, parameters, facts, session),
    guesses: facts.guesses,
    notes: () => notesOf(facts, conversation),
    estimate: async () => (await estimateRows(conversation, sql, facts, parameters.length)) ?? 'no estimate of rows',
    refusal: facts.refusal,
    unread: facts.syntaxError && new PamError('SYNTAX_ERROR', facts.syntaxError.failure),
    context: { objects: facts.objects },
    inTransaction: status !== 'I',
    again: async () =>
      draftCommand(conversation, understanding, sql, parameters, await understanding.again(sql, facts.declared)),
  }
}

/** What an approver wants to know besides the effect. */
function notesOf(facts: StatementFacts, { status, transactionSince }: Conversation): string[] {
  const masks = facts.lineage.flatMap(({ outputs, influences }) => [
    ...outputs.flatMap(({ origin }) => origin.masks),
    ...influences.map(({ mask }) => mask),
  ])
  const names = [...new Set(masks.map(({ name }) => name))]
  return [
    ...(names.length > 0 ? [`shows masked ${names.join(', ')}`] : []),
    ...(status === 'I'
      ? []
      : [
          `within a transaction, open for ${formatDuration(Math.round((Date.now() - transactionSince) / 1000) * 1000)}`,
        ]),
  ]
}

/** What is sent now may change what is judged next. */
export function noteChanges(conversation: Conversation, facts: StatementFacts): void {
  const { batch } = conversation
  for (const { kinds } of facts.parsed)
    if (kinds.some((kind) => IN_BLOCK.has(kind))) conversation.block = { batch, isOpen: true }
    else if (kinds.some((kind) => ENDS_BLOCK.has(kind))) conversation.block = { batch, isOpen: false }
  if (facts.changesCatalog || (conversation.changed !== undefined && facts.parsed.some(endsTransaction)))
    conversation.noteDefinitionsChange()
  conversation.noteChanged(changesOf(facts), isNamed(facts))
  if (facts.parsed.some(movesNames)) conversation.notePathChange()
  if (facts.parsed.some(endsTransaction)) conversation.noteEnd()
  if (facts.tainted === 'all') conversation.ranUnread = true
  for (const { tree } of facts.parsed)
    if (tree.kind === 'utility' && tree.detail.notifies !== undefined) conversation.noteNotify(tree.detail.notifies)
}

/** After these a transaction block is open. */
const IN_BLOCK = new Set(['begin', 'start', 'rollback-to'])
const ENDS_BLOCK = new Set(['commit', 'rollback', 'prepare-transaction'])
/** What a text makes visible to others; `waitFor`: they wait until it has. */
export interface Published {
  readonly touches: Touches
  readonly waitFor: boolean
}

export function publishedBy(conversation: Conversation, facts: StatementFacts): Published | undefined {
  const touches = conversation.publishes(changesOf(facts), commits(facts))
  if (touches === undefined) return undefined
  return { touches, waitFor: conversation.changed !== undefined || isNamed(facts) }
}

/**
 * Before definitions become everybody's: until no other session has something on its way that was decided with those from before.
 * Undefined: there is nothing to wait for.
 */
export function beforePublishing(
  conversation: Conversation,
  published: Published | undefined,
): Promise<void> | undefined {
  if (published?.waitFor !== true) return undefined
  return conversation.definitions.settle(conversation, published.touches, async (pids) => {
    await conversation.settled()
    if (conversation.isStuck) return undefined
    const [rows] = await shieldedQueries(conversation, [waitsOf(pids)]).catch(() => [])
    return (
      rows &&
      new Map(rows.map(([pid, relation, here]) => [Number(pid), { relation: relation !== null, here: here !== null }]))
    )
  })
}

/** Of these backends, those that wait for a lock: whether it is one of a relation, and whether this backend is what they wait for in the end. */
const waitsOf = (pids: readonly number[]): string =>
  `with recursive waits(pid, at) as (select p, p from pg_catalog.unnest('{${pids.map((pid) => pid | 0).join(',')}}'::pg_catalog.int4[]) p union select w.pid, b from waits w, lateral pg_catalog.unnest(pg_catalog.pg_blocking_pids(w.at)) b) select w.pid::pg_catalog.text, (select pg_catalog.max(l.locktype) from pg_catalog.pg_locks l where l.pid operator(pg_catalog.=) w.pid and not l.granted and l.locktype operator(pg_catalog.=) 'relation'), pg_catalog.max(case when w.at operator(pg_catalog.=) pg_catalog.pg_backend_pid() then 't' end) from waits w where w.at operator(pg_catalog.<>) w.pid group by w.pid`
