import { wordList } from '../../../shared/word-list.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { Expression } from '../../../sql/query.ts'
import { EXECUTES, PREPARES, RUNS } from './parser/statement.ts'
import { readAlike, type ReadingContext } from './reading-context.ts'
import type { PreparedText, SessionMemory } from './session-memory.ts'

/** Parses texts that a statement runs. */
export interface RunReader {
  /** The context in which they are parsed now. */
  readonly context: ReadingContext
  /** The statements of a text; undefined if it cannot be parsed at once. */
  read(text: string): readonly ParsedStatement[] | undefined
}

/** An EXECUTE, with the statement that it runs. */
export interface Executed {
  /** What rules evaluate: the statement that is run, and that it is run. */
  readonly judged: ParsedStatement
  /** What the server answers: the statement alone. */
  readonly answering: ParsedStatement
  readonly text: string
}

/**
 * The statement that EXECUTE runs, if its text and all its arguments are known; undefined: the effect stays unknown. `hides`: columns are
 * masked, so that arguments may be masked values.
 */
export function executedBy(
  written: ParsedStatement,
  memory: SessionMemory,
  reader: RunReader | undefined,
  hides: boolean,
): Executed | undefined {
  if (reader === undefined || written.tree.kind !== 'utility') return undefined
  const { does, detail, expressions } = written.tree
  const isImmediate = does[0] === 'execute-immediate'
  if (!isImmediate && does[0] !== 'execute') return undefined
  const others = isImmediate ? expressions.slice(1) : expressions
  if (!others.every((given) => isKnown(given, hides ? memory : undefined))) return undefined
  const prepared = isImmediate
    ? preparedText(detail.runs, expressions[0], memory, reader)
    : memory.prepared(detail.executes ?? '')
  if (prepared === undefined) return undefined
  const { context, parsed, text } = prepared
  const { context: now } = reader
  if (!readAlike(context, now) || context.database !== now.database) return undefined
  // The offsets of constants and parameters are those of another text: in this one all are hidden if any is.
  const answering = { ...parsed, literals: written.literals }
  const reason = isImmediate ? RUNS : EXECUTES
  const unknown = [...written.unknown.filter((one) => one !== reason), ...parsed.unknown]
  return { judged: { ...answering, kinds: [...parsed.kinds, ...written.kinds], unknown }, answering, text }
}

/** The statement that PREPARE prepares, if it is known. */
export function preparedBy(
  { tree }: ParsedStatement,
  memory: SessionMemory,
  reader: RunReader | undefined,
): PreparedText | undefined {
  if (reader === undefined || tree.kind !== 'utility' || tree.does[0] !== 'prepare') return undefined
  return preparedText(tree.detail.runs, tree.expressions[0], memory, reader)
}

/** PREPARE of a known text runs nothing. */
export const withoutReason = (statement: ParsedStatement): ParsedStatement => ({
  ...statement,
  unknown: statement.unknown.filter((reason) => reason !== PREPARES),
})

function preparedText(
  written: string | undefined,
  source: Expression | undefined,
  memory: SessionMemory,
  reader: RunReader,
): PreparedText | undefined {
  const { context } = reader
  if (context.keepsAscii !== true) return undefined
  const text = written ?? (source?.kind === 'variable' && source.of === 'user' ? memory.textOf(source.name) : undefined)
  // Other characters may be converted to question marks, which are parameters.
  if (text === undefined || !/^[\t\n\r\x20-\x7e]+$/.test(text)) return undefined
  const [parsed, ...others] = reader.read(text) ?? []
  if (parsed === undefined || others.length > 0 || !parsed.kinds.every((kind) => RUN.has(kind))) return undefined
  return parsed.tree.kind === 'utility' && parsed.tree.statements.length > 0 ? undefined : { text, parsed, context }
}

/** Whether an argument is a constant, or a variable without values of masked columns. */
const isKnown = (given: Expression, memory: SessionMemory | undefined): boolean =>
  given.kind === 'constant' ||
  (given.kind === 'variable' && given.of === 'user' && (memory === undefined || memory.isClean(given.name)))

/** Kinds of statements that servers can prepare, and that return one result. */
const RUN: ReadonlySet<string> = new Set(
  wordList(`
  select select-for-update insert replace update delete truncate set set-user-variable do
  create-table create-table-as create-index create-view alter-table rename-table drop-table drop-column drop-partition drop-view drop-index
`),
)
