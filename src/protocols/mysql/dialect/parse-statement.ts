import type { LiteralPlace, ParsedStatement } from '../../../sql/facts/parsed-statement.ts'
import { readFacts } from '../../../sql/facts/read-facts.ts'
import type { Statement } from '../../../sql/query.ts'
import { hintedLimits } from './comments.ts'
import { dialectOf } from './dialect.ts'
import { tokenize } from './lexer.ts'
import { isLiteral, type Tokens } from './tokens.ts'
import { NotRead } from './not-read.ts'
import { Cursor, type Readers } from './parser/cursor.ts'
import { readAnyExpression, readBits, readNot } from './parser/expressions.ts'
import { readQuery } from './parser/queries.ts'
import { readStatement } from './parser/statement.ts'
import type { ReadingContext } from './reading-context.ts'
import { unreadableMode } from './sql-mode.ts'

export type { ReadingContext } from './reading-context.ts'

/** Why a text is not read, in words without its content. */
export interface ReadingFailure {
  readonly failure: string
}

/** The statements of a text, or why it could not be parsed. */
export type ParsedText = readonly ParsedStatement[] | ReadingFailure

/**
 * Parses the statements of a text. A text is read as a whole or not at all: a text that the server would reject, or that this parser does
 * not support, is a failure. An empty text has no statements.
 */
export function readStatements(text: string, context: ReadingContext): ParsedText {
  try {
    const dialect = dialectOf(context.server)
    const hinted = hintedLimits(text, context.server)
    return readTrees(text, context).map(({ tree, literals }) => {
      const found = readFacts(tree, dialect)
      found.settings.push(...hinted)
      return found.finish(tree, literals)
    })
  } catch (error) {
    if (error instanceof NotRead) return { failure: error.message }
    throw error
  }
}

interface ReadTree {
  readonly tree: Statement
  readonly literals: readonly LiteralPlace[]
}

const READERS: Readers = {
  query: readQuery,
  expression: readAnyExpression,
  operand: readBits,
  conjunct: readNot,
  statement: readStatement,
}

/** Each statement is resolved by itself, all of a text synchronously. */
const MAX_STATEMENTS = 1000

/** Throws NotRead for a text that cannot be read. */
export function readTrees(text: string, context: ReadingContext): readonly ReadTree[] {
  const mode = unreadableMode(context.sqlMode)
  if (mode !== undefined) throw new NotRead(mode)
  const tokens = tokenize(text, context)
  const cursor = new Cursor(tokens, context, READERS)
  // The server ignores semicolons and spaces at the end.
  let count = tokens.count
  while (count > 0 && tokens.source(count - 1) === ';') count--
  const trees: ReadTree[] = []
  while (cursor.at < count) {
    if (trees.length > 0 && !context.multiStatements) throw new NotRead('more than one statement')
    if (trees.length === MAX_STATEMENTS) throw new NotRead(`more than ${MAX_STATEMENTS} statements in one text`)
    const first = cursor.at
    cursor.parameters = 0
    cursor.outerJoins.clear()
    const tree = readStatement(cursor)
    if (cursor.at < count && !cursor.isSign(';')) cursor.fail('the end of the statement')
    trees.push({ tree, literals: literalsIn(tokens, first, cursor.at) })
    if (cursor.at < count) cursor.at++
    if (cursor.at < count && movesReading(tree))
      throw new NotRead(
        'an earlier statement in the text changes how the rest is parsed: send the statements separately',
      )
  }
  return trees
}

function literalsIn(tokens: Tokens, from: number, to: number): readonly LiteralPlace[] {
  const places: LiteralPlace[] = []
  for (let index = from; index < to; index++)
    if (isLiteral(tokens.kind(index))) places.push({ at: tokens.start(index), signAt: undefined })
  return places
}

/** Whether the server may read the text after the statement differently from the text before. */
function movesReading(tree: Statement): boolean {
  if (tree.kind !== 'utility') return false
  const { does, detail, statements } = tree
  return (
    does.some((kind) => RUNS_TEXT.has(kind)) ||
    detail.settings.some(({ name }) => READING.has(name)) ||
    statements.some(movesReading)
  )
}

const READING = new Set([
  'sql_mode',
  'character_set_client',
  'collation_connection',
  'character_set_connection',
  'lower_case_table_names',
])
const RUNS_TEXT = new Set(['execute', 'execute-immediate', 'compound'])
