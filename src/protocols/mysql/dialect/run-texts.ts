import { wordList } from '../../../shared/word-list.ts'
import type { ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import type { Expression } from '../../../sql/query.ts'
import { EXECUTES, PREPARES, RUNS } from './parser/statement.ts'
import { readAlike, type ReadingContext } from './reading-context.ts'
import type { PreparedText, SessionMemory } from './session-memory.ts'

/** Reads the texts that a text runs. */
export interface RunReader {
  /** How they are read now. */
  readonly context: ReadingContext
  /** What a text says that is one statement; undefined where it is not read at once. */
  read(text: string): readonly ParsedStatement[] | undefined
}

/** A statement as it counts for what it runs. */
export interface Executed {
  /** What rules judge: the statement that is run, and that it is run. */
  readonly judged: ParsedStatement
  /** What answers: the statement alone. */
  readonly answering: ParsedStatement
  readonly text: string
}

/**
 * What EXECUTE runs, where the text is known, and all that it is given; undefined: it stays what it is, of unknown effect. `hides`: columns
 * are masked, so that what it is given may be hidden.
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
  // Where constants stand, and parameters, is another text's: of this one all are hidden where any is.
  const answering = { ...parsed, literals: written.literals }
  const reason = isImmediate ? RUNS : EXECUTES
  const unknown = [...written.unknown.filter((one) => one !== reason), ...parsed.unknown]
  return { judged: { ...answering, kinds: [...parsed.kinds, ...written.kinds], unknown }, answering, text }
}

/** The statement that PREPARE makes, where it is known. */
export function preparedBy(
  { tree }: ParsedStatement,
  memory: SessionMemory,
  reader: RunReader | undefined,
): PreparedText | undefined {
  if (reader === undefined || tree.kind !== 'utility' || tree.does[0] !== 'prepare') return undefined
  return preparedText(tree.detail.runs, tree.expressions[0], memory, reader)
}

/** PREPARE of a text that is known runs nothing. */
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
  // Other characters may become question marks on the way, which are parameters.
  if (text === undefined || !/^[\t\n\r\x20-\x7e]+$/.test(text)) return undefined
  const [parsed, ...others] = reader.read(text) ?? []
  if (parsed === undefined || others.length > 0 || !parsed.kinds.every((kind) => RUN.has(kind))) return undefined
  return parsed.tree.kind === 'utility' && parsed.tree.statements.length > 0 ? undefined : { text, parsed, context }
}

/** Constants, and variables that hold nothing of masked columns: as parameters of a statement they are given. */
const isKnown = (given: Expression, memory: SessionMemory | undefined): boolean =>
  given.kind === 'constant' ||
  (given.kind === 'variable' && given.of === 'user' && (memory === undefined || memory.isClean(given.name)))

/** Kinds of statements that servers prepare, and that give one result. */
const RUN: ReadonlySet<string> = new Set(
  wordList(`
  select select-for-update insert replace update delete truncate set set-user-variable do
  create-table create-table-as create-index create-view alter-table rename-table drop-table drop-column drop-partition drop-view drop-index
`),
)
