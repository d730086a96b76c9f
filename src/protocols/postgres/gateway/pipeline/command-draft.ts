import { PamError } from '../../../../shared/errors.ts'
import { formatDuration } from '../../../../shared/duration.ts'
import type { CommandDraft } from '../../../../gateway/engine.ts'
import { bothOf, type Change } from '../../catalog/change-log.ts'
import type { StatementFacts } from '../../dialect/statement-facts.ts'
import type { SqlStatement } from '../../../../sql/statement.ts'
import type { PipelineState } from './pipeline-state.ts'
import { estimateRows } from './estimate.ts'
import { describeSizes } from './relation-sizes.ts'
import { changeOf, endsTransaction, isNamed, runsEarlierCode } from './touches.ts'
import type { Ahead } from '../../../../sql/record/text-recorder.ts'
import type { StatementAnalyzer } from './analyze-statement.ts'
import type { StatementRecorder } from './statement-recorder.ts'

/** A statement with its facts; parameters are in readable form. */
export interface Command {
  readonly sql: string
  readonly parameters: readonly (string | null)[]
  readonly facts: StatementFacts
  /** The part of its record that was prepared in advance. */
  readonly ahead?: Ahead | undefined
}

/** What a draft is made from. */
export interface DraftParts {
  readonly pipeline: PipelineState
  readonly analyzer: StatementAnalyzer
  readonly recorder: StatementRecorder
}

/** A statement as the session evaluates, records and holds it. */
export function draftCommand(parts: DraftParts, { sql, parameters, facts, ahead }: Command): CommandDraft {
  const { pipeline, analyzer, recorder } = parts
  const { session, status } = pipeline
  return {
    text: sql,
    parameters,
    facts: asSql(facts, pipeline),
    recorded: recorder.record({ sql, parameters, session, context: undefined }, facts, ahead),
    comparisons: facts.comparisons,
    notes: () => notesOf(facts, pipeline),
    estimate: async () =>
      (await estimateRows(pipeline, sql, facts, parameters.length)) ??
      (await describeSizes(pipeline, facts)) ??
      'no estimate of rows',
    refusal: facts.refusal ?? (session.readOnly ? mayLift(facts) : undefined),
    refusedFor: facts.refusedFor && {
      error: new PamError(
        'MASKING_REFUSED',
        `${facts.refusedFor.reason}, so the gateway cannot determine which masked values this could reveal`,
        { hint: 'check the name and its schema' },
      ),
      at: facts.refusedFor.at,
      facts: { type: 'sql', statements: [facts.refusedFor.statement] },
    },
    missing: facts.missing && {
      error: new PamError('RELATION_MISSING', `relation "${facts.missing.relation}" does not exist`),
      facts: { type: 'sql', statements: [facts.missing.statement] },
    },
    unread: facts.syntaxError && new PamError('SYNTAX_ERROR', facts.syntaxError.failure),
    context: { objects: facts.objects },
    inTransaction: status !== 'I',
    again: async () =>
      draftCommand(parts, { sql, parameters, ahead, facts: await analyzer.again(sql, facts.declared) }),
  }
}

/**
 * Code that is not analysed may make a read-only session read-write: up to PostgreSQL 15 in its own transaction, by RESET; in later
 * versions in the next transaction, which may begin in the same text or pipeline. A session that is read-only on the server must stay so,
 * whatever rules say about unknown effects.
 */
function mayLift({ statements, syntaxError }: StatementFacts): PamError | undefined {
  const reason = statements.flatMap(({ unknown }) => unknown)[0]
  if (reason === undefined) return undefined
  // The client gets the server's own message.
  if (syntaxError !== undefined) return new PamError('SYNTAX_ERROR', syntaxError.failure)
  return new PamError(
    'SETTING_REFUSED',
    `this session is read-only, and the effect of this statement cannot be determined (${reason})`,
    {
      hint: 'ask your administrator to list functions that are known to be safe in safeFunctions of this target',
    },
  )
}

/** Returns the same objects for every statement of the same text, so that code that knows them need not inspect them again. */
function asSql(
  { statements, lastRead }: StatementFacts,
  { dependsOnDefinitions }: PipelineState,
): CommandDraft['facts'] {
  // Rules that depend on more than the text may have been added meanwhile.
  const isOld = lastRead === 'definition' || (lastRead !== undefined && dependsOnDefinitions)
  const facts = isOld ? oldFacts : knownFacts
  const known = facts.get(statements)
  if (known !== undefined) return known
  const made = { type: 'sql', statements: isOld ? statements.map(ofLastReading) : statements } as const
  facts.set(statements, made)
  return made
}

/** Names and effects according to the last reading. */
const ofLastReading = (statement: SqlStatement): SqlStatement => ({
  ...statement,
  unknown: [...statement.unknown, OLD],
})
const OLD = 'definitions may have changed since they were read; no rule depended on them'

const knownFacts = new WeakMap<StatementFacts['statements'], CommandDraft['facts']>()
const oldFacts: typeof knownFacts = new WeakMap()

/** What an approver needs to know besides the effect. */
function notesOf(facts: StatementFacts, { status, transactionSince }: PipelineState): string[] {
  const masks = facts.lineage.flatMap(({ outputs, leaks }) => [
    ...outputs.flatMap(({ origin }) => origin.masks),
    ...leaks.map(({ mask }) => mask),
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

/** Notes that what is sent now may change how the next statement is evaluated. */
export function noteChanges(pipeline: PipelineState, facts: StatementFacts): void {
  const { batch } = pipeline
  for (const { kinds } of facts.parsed)
    if (kinds.some((kind) => IN_BLOCK.has(kind))) pipeline.block = { batch, isOpen: true }
    else if (kinds.some((kind) => ENDS_BLOCK.has(kind))) pipeline.block = { batch, isOpen: false }
  const portals = portalsOf(facts, pipeline)
  const change = portals.reduce<Change | undefined>((all, portal) => bothOf(all, changeOf(portal)), changeOf(facts))
  const ends = facts.parsed.some(endsTransaction)
  pipeline.noteDefinitionsChange(
    pipeline.changes.withEarlier({
      change,
      endsTransaction: ends,
      runsEarlierCode: facts.parsed.some(runsEarlierCode),
    }),
  )
  pipeline.changes.noteUncommitted(change, isNamed(facts) && portals.every(isNamed))
  if ([facts, ...portals].some(({ movesNames }) => movesNames === true)) pipeline.known.notePathChange()
  if (ends) pipeline.known.noteEnd()
  if (facts.errorExposure === 'any') pipeline.ranUnread = true
  for (const { tree } of facts.parsed)
    if (tree.kind === 'utility' && tree.detail.notifies !== undefined) pipeline.noteNotify(tree.detail.notifies)
}

/** What is known of the portals that FETCH and MOVE run: the protocol may have bound them under the name of a cursor. */
export const portalsOf = ({ parsed }: StatementFacts, pipeline: PipelineState): StatementFacts[] =>
  parsed
    .filter(({ kinds }) => kinds.some((kind) => kind === 'fetch' || kind === 'move'))
    .flatMap(({ names }) =>
      names.flatMap((name) => pipeline.names.portals.lookUp(name, pipeline.batch).value?.facts ?? []),
    )

/** Kinds after which a transaction block is open. */
const IN_BLOCK = new Set(['begin', 'start', 'rollback-to'])
const ENDS_BLOCK = new Set(['commit', 'rollback', 'prepare-transaction'])
