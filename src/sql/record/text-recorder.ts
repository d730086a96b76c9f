import { answerRequests } from '../../shared/answer-requests.ts'
import { commitmentsUnder } from '../../shared/commitment-key.ts'
import { deadlineWorker } from '../../shared/deadline-worker.ts'
import { patternKind } from '../../policy/pattern-kind.ts'
import type { TextFacts } from '../facts/text-facts.ts'
import {
  hideInParameters,
  hideInText,
  hidingOf,
  isUnread,
  recordable,
  withheld,
  type Hiding,
  type RecordableText,
  type RecordingSession,
  type TextPiece,
} from './recordable.ts'

/**
 * Turns statements into what may be recorded. Short ones are done at once; long ones ahead, in a worker with a time limit, so that no
 * statement delays those of other sessions.
 */
export interface TextRecorder<Context> {
  /** Undefined where there is nothing to do ahead. Definitions may change meanwhile: the text must be analysed again afterwards. */
  ahead(text: RecordedText<Context>, facts: TextFacts): Promise<Ahead> | undefined
  /** `ahead`: the result for a long text. */
  record(text: RecordedText<Context>, facts: TextFacts, ahead: Ahead | undefined): RecordableText
  close(): Promise<void>
}

export interface RecordedText<Context> {
  readonly sql: string
  readonly parameters: readonly (string | null)[]
  readonly session: TextSession
  /** How a text is split into constants and the rest. */
  readonly context: Context
}

export interface TextSession extends RecordingSession {
  /** The key of `commitment`. */
  readonly commitmentKey: Uint8Array
}

/** What was to be hidden, and the result. */
export interface Ahead {
  readonly hiding: Hiding
  readonly recorded: RecordableText
}

/** The constants and comments of a text, in order. */
export type CutIn<Context> = (sql: string, context: Context) => readonly TextPiece[]

/** `module` calls `answerTexts` with the same `cut`. */
export function textRecorder<Context>(module: URL, cut: CutIn<Context>): TextRecorder<Context> {
  const worker = deadlineWorker<HidingRequest<Context>, RecordableText>({
    module,
    timeoutMs: MAX_HIDING_MS,
    resourceLimits: { maxOldGenerationSizeMb: 512 },
  })
  const search = async (text: RecordedText<Context>, hiding: Hiding): Promise<Ahead> => {
    const { sql, parameters, session, context } = text
    const patterns = session.masking.kinds.flatMap(({ kind }) =>
      typeof kind === 'string' ? [] : [{ name: kind.name, pattern: kind.pattern }],
    )
    const reply = await worker.run({ sql, parameters, hiding, key: session.commitmentKey, patterns, context })
    const recorded =
      typeof reply === 'object'
        ? reply
        : withheld(sql, parameters, session, 'takes too long to search for values to mask')
    return { hiding, recorded }
  }
  return {
    ahead: (text, facts) => (isSearched(text, facts) ? search(text, hidingOf(facts)) : undefined),
    record(text, facts, ahead) {
      const { sql, parameters, session, context } = text
      if (!isSearched(text, facts)) return recordable(sql, parameters, facts, session, (whole) => cut(whole, context))
      if (ahead !== undefined && hidesTheSame(ahead.hiding, hidingOf(facts))) return ahead.recorded
      return withheld(sql, parameters, session, 'was searched under definitions that have changed since')
    },
    close: () => worker.close(),
  }
}

/** So long that finding what to hide takes more than some milliseconds. */
export const isLong = (sql: string, parameters: readonly (string | null)[]): boolean =>
  parameters.reduce((sum, value) => sum + (value?.length ?? 0), sql.length) > MAX_AT_ONCE_LENGTH

/** A text that cannot be parsed is not searched. */
const isSearched = (
  { sql, parameters }: Pick<RecordedText<unknown>, 'sql' | 'parameters'>,
  facts: TextFacts,
): boolean => isLong(sql, parameters) && !isUnread(facts)

function hidesTheSame(one: Hiding, other: Hiding): boolean {
  if (one === other) return true
  return (
    isSame(one.constants, other.constants) &&
    isSame(one.parameters && [...one.parameters], other.parameters && [...other.parameters])
  )
}

const isSame = (one: readonly unknown[] | undefined, other: readonly unknown[] | undefined): boolean =>
  one?.length === other?.length && (one ?? []).every((value, index) => value === other?.[index])

interface HidingRequest<Context> {
  readonly sql: string
  readonly parameters: readonly (string | null)[]
  readonly hiding: Hiding
  readonly key: Uint8Array
  /** User-defined kinds. */
  readonly patterns: readonly { readonly name: string; readonly pattern: string }[]
  readonly context: Context
}

/** The worker's side. */
export function answerTexts<Context>(cut: CutIn<Context>): void {
  answerRequests(({ sql, parameters, hiding, key, patterns, context }: HidingRequest<Context>): RecordableText => {
    const kinds = patterns.map(
      (pattern) => ({ kind: patternKind(pattern), style: 'redact', hashScope: 'session' }) as const,
    )
    const session = { masking: { kinds }, commitment: commitmentsUnder(key) }
    return {
      text: hideInText(sql, hiding, session, (text) => cut(text, context)),
      parameters: hideInParameters(parameters, hiding, session),
    }
  })
}

/** Characters of a text with its parameters. */
export const MAX_AT_ONCE_LENGTH = 20_000
const MAX_HIDING_MS = 5000
