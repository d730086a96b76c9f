import { PamError } from '../../../../shared/errors.ts'
import { formatDuration } from '../../../../shared/duration.ts'
import { isWellFormed, toWellFormed } from '../../../../shared/well-formed.ts'
import type { CommandDraft } from '../../../../gateway/engine.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { ReadingContext } from '../../dialect/reading-context.ts'
import { variablesIn } from '../../dialect/variable-effects.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { Pipeline } from './pipeline.ts'
import { recordable } from '../../../../sql/record/recordable.ts'
import type { Ahead, RecordedText } from '../../../../sql/record/text-recorder.ts'
import { cutText } from './cut-text.ts'
import type { StatementRecorder } from './statement-recorder.ts'

/** A statement with its facts; parameters are in readable form. */
export interface Command {
  readonly sql: string
  /** How the server reads it; undefined if it is in a way that the gateway does not support. */
  readonly context: ReadingContext | undefined
  readonly parameters: readonly (string | null)[]
  readonly facts: StatementFacts
  /** The part of its record that was prepared in advance. */
  readonly ahead: Ahead | undefined
}

/** What a draft is made from. */
export interface DraftParts {
  readonly pipeline: Pipeline
  readonly analyzer: StatementAnalyzer
  readonly recorder: StatementRecorder
}

/** A statement as the session evaluates, records and holds it. */
export function draftCommand(parts: DraftParts, command: Command): CommandDraft {
  const { pipeline, analyzer, recorder } = parts
  const { sql, context, parameters, facts } = command
  const text = recordedText(pipeline, command)
  return {
    text: text.sql,
    parameters,
    facts: { type: 'sql', statements: facts.statements },
    recorded: recorder.record(text, facts, command.ahead),
    comparisons: facts.comparisons,
    notes: () => notesOf(command, pipeline),
    estimate: () => analyzer.sizes(facts),
    refusal: facts.refusal,
    refusedFor: facts.refusedFor && {
      error: new PamError(
        'MASKING_REFUSED',
        `${facts.refusedFor.reason}, so the gateway cannot determine which masked values this could reveal`,
        { hint: 'check the name and its database' },
      ),
      at: facts.refusedFor.at,
      facts: { type: 'sql', statements: [facts.refusedFor.statement] },
    },
    missing: facts.missing && {
      error: new PamError('RELATION_MISSING', `Table '${facts.missing.relation}' doesn't exist`),
      facts: { type: 'sql', statements: [facts.missing.statement] },
    },
    unread:
      facts.syntaxError === undefined
        ? undefined
        : new PamError('SYNTAX_ERROR', `the statement cannot be parsed: ${facts.syntaxError}`),
    context: {
      objects: facts.objects,
      database: context?.database ?? '',
      texts: facts.texts.join('\n'),
      sqlMode: [...(context?.sqlMode ?? [])].toSorted().join(),
    },
    inTransaction: pipeline.isInTransaction,
    again: async () => draftCommand(parts, { ...command, facts: await analyzer.again(sql, context) }),
  }
}

/** The recorded text. Bytes that are not characters are replaced. */
export const recordedText = (
  { session }: Pipeline,
  { sql, parameters, context }: Pick<Command, 'sql' | 'parameters' | 'context'>,
): RecordedText<ReadingContext | undefined> => ({
  sql: isWellFormed(sql) ? sql : toWellFormed(sql),
  parameters,
  session,
  context,
})

/** What an approver needs to know besides the effect. */
function notesOf({ facts, context }: Command, pipeline: Pipeline): string[] {
  const masks = facts.lineage.flatMap(({ outputs, leaks }) => [
    ...outputs.flatMap(({ origin }) => origin.masks),
    ...leaks.map(({ mask }) => mask),
  ])
  const names = [...new Set(masks.map(({ name }) => name))]
  const since = Math.round((Date.now() - pipeline.transactionSince) / 1000) * 1000
  const variables = new Set(facts.parsed.flatMap(({ tree }) => [...variablesIn(tree).reads]))
  return [
    ...facts.texts.map(
      (text) => `runs ${recordable(text, [], { ...facts }, pipeline.session, (cut) => cutText(cut, context)).text}`,
    ),
    ...(variables.size > 0
      ? [`depends on ${[...variables].map((name) => `@${name}`).join(', ')}, set in the session`]
      : []),
    ...(names.length > 0 ? [`shows masked ${names.join(', ')}`] : []),
    ...(pipeline.isInTransaction ? [`within a transaction, open for ${formatDuration(since)}`] : []),
  ]
}
