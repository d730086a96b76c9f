import type { Expression } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { ADJACENT_FUNCTIONS, NOT_CALLABLE } from '../words.ts'
import { isAggregate, readAggregate } from './aggregates.ts'
import { built, call, column, opaque } from './build.ts'
import { isCalled, readArguments, readColumn, readNoPredicate } from './clauses.ts'
import { fold, type Cursor } from './cursor.ts'
import { FORMS } from './function-forms.ts'

/**
 * A call, or a function that is called without parentheses. Undefined if there is a plain name. Source: MySQL manual, Functions and
 * Operators; MariaDB, Built-in Functions.
 */
export function readCall(cursor: Cursor): Expression | undefined {
  if (cursor.kind === Kind.quotedName) {
    if (cursor.isSignAt(1, '(')) return readQuoted(cursor)
    return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  }
  if (cursor.kind === Kind.name) {
    if (cursor.isSignAt(1, '(')) cursor.fail('a name that is not a function')
    return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  }
  const { word } = cursor
  const bareWord = BARE.get(word)
  if (bareWord !== undefined) return bareWord(cursor)
  if (!cursor.isSignAt(1, '(')) return isQualifiedCall(cursor) ? readQualified(cursor) : undefined
  if (ADJACENT_FUNCTIONS.has(word) && !isCalled(cursor)) return readDetached(cursor)
  const form = FORMS.get(word)
  if (form !== undefined) {
    cursor.at++
    return form(cursor)
  }
  if (isAggregate(word)) return readAggregate(word, cursor)
  if (cursor.words.isReserved(word) && !RESERVED_CALLS.has(word)) return undefined
  if (NOT_CALLABLE.has(word)) cursor.fail('a function')
  cursor.at++
  const args = readArguments(cursor)
  const count = COUNTS.get(word)
  if (count !== undefined && args.length !== count) cursor.fail(`${count} arguments`)
  return call(word.toLowerCase(), args)
}

/** A function with a schema is a stored function. */
const isQualifiedCall = (cursor: Cursor): boolean =>
  cursor.isNameAt(0) && cursor.isSignAt(1, '.') && cursor.isNameAt(2) && cursor.isSignAt(3, '(')

function readQualified(cursor: Cursor): Expression {
  const schema = cursor.tableName()
  cursor.expectSign('.')
  const name = fold(cursor.name())
  return call({ schema, name }, readArguments(cursor))
}

/** For a quoted name the server looks for a stored function even if a keyword has that name. */
function readQuoted(cursor: Cursor): Expression {
  cursor.at++
  readArguments(cursor)
  return opaque('a function whose name is quoted')
}

function readDetached(cursor: Cursor): Expression {
  cursor.at++
  readArguments(cursor)
  return opaque('a built-in function whose name is followed by a space')
}

// ── functions with optional parentheses ────────────────────────────────────────────────────────────────────────────

const systemValue = (cursor: Cursor): Expression => {
  cursor.at++
  // CURRENT_TIMESTAMP(6).
  if (cursor.takeSign('(')) {
    if (cursor.kind === Kind.integer) cursor.at++
    cursor.expectSign(')')
  }
  return { kind: 'system-value' }
}

const BARE: ReadonlyMap<string, (cursor: Cursor) => Expression | undefined> = new Map(
  Object.entries({
    ...Object.fromEntries(
      `CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP CURRENT_USER LOCALTIME LOCALTIMESTAMP UTC_DATE UTC_TIME UTC_TIMESTAMP`
        .split(' ')
        .map((word) => [word, systemValue]),
    ),
    CURRENT_ROLE: (cursor: Cursor) => (cursor.isMariadb || cursor.isSignAt(1, '(') ? systemValue(cursor) : undefined),
    MATCH: readMatchAgainst,
    NEXT: readSequence,
    PREVIOUS: readSequence,
    DEFAULT: (cursor: Cursor) => {
      // The default of a column, not one of its values.
      cursor.at++
      cursor.expectSign('(')
      readColumn(cursor, false)
      cursor.expectSign(')')
      return { kind: 'default' } as const
    },
    VALUES: readGiven,
    VALUE: (cursor: Cursor) => (cursor.isMariadb && cursor.isSignAt(1, '(') ? readGiven(cursor) : undefined),
  }),
)

/** `VALUES(column)`: the value that would have been inserted into it. */
function readGiven(cursor: Cursor): Expression {
  cursor.at++
  cursor.expectSign('(')
  const named = readColumn(cursor, false)
  cursor.expectSign(')')
  return column(cursor.given, named.kind === 'column' ? (named.path.at(-1) ?? '') : '')
}

/** `NEXT VALUE FOR sequence` writes to the sequence, which an expression cannot express. */
function readSequence(cursor: Cursor): Expression | undefined {
  if (!cursor.isMariadb || cursor.wordAt(1) !== 'VALUE' || cursor.wordAt(2) !== 'FOR') return undefined
  cursor.at += 3
  return opaque('a value of a sequence', [cursor.qualifiedName()])
}

function readMatchAgainst(cursor: Cursor): Expression {
  cursor.at++
  const read = (): Expression => readColumn(cursor, false)
  const columns = cursor.isSign('(') ? cursor.parenthesized(read) : cursor.list(read)
  cursor.expect('AGAINST')
  cursor.expectSign('(')
  const text = readNoPredicate(cursor)
  if (cursor.take('IN', 'NATURAL', 'LANGUAGE', 'MODE')) cursor.take('WITH', 'QUERY', 'EXPANSION')
  else if (!cursor.take('IN', 'BOOLEAN', 'MODE')) cursor.take('WITH', 'QUERY', 'EXPANSION')
  cursor.expectSign(')')
  return built('MATCH … AGAINST', [...columns, text])
}

/** Functions in the grammar, with the number of their arguments. */
const COUNTS: ReadonlyMap<string, number> = new Map([
  ['LEFT', 2],
  ['RIGHT', 2],
  ['REPEAT', 2],
  ['MOD', 2],
  ['TRUNCATE', 2],
  ['REPLACE', 3],
  ['INSERT', 4],
])

/** Reserved words that are also functions. */
const RESERVED_CALLS = new Set('LEFT RIGHT REPLACE INSERT MOD REPEAT DATABASE SCHEMA INTERVAL'.split(' '))
