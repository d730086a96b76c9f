import { PamError } from '../../../../shared/errors.ts'
import { formatDuration } from '../../../../shared/duration.ts'
import type { CommandDraft } from '../../../../gateway/engine.ts'
import { movesNames, type StatementFacts } from '../../dialect/command-facts.ts'
import type { Conversation } from './pipeline-state.ts'
import { estimateRows } from './estimate.ts'
import { recordable } from './recordable.ts'
import { changesOf, endsTransaction, isNamed } from './touches.ts'
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
