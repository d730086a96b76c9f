import type { Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { utility } from './build.ts'
import { type Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { readType } from './types.ts'

/**
 * Blocks of statements are read to find their end, since they contain semicolons; their effect is not analysed. Source: MySQL manual,
 * Compound Statement Syntax; MariaDB, Programmatic & Compound Statements.
 */
export function isCompound(cursor: Cursor): boolean {
  if (cursor.isInBody)
    return cursor.isAny('BEGIN', 'IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR', ...SIMPLE) || isLabel(cursor)
  if (!cursor.isMariadb) return false
  return (
    cursor.are('BEGIN', 'NOT', 'ATOMIC') ||
    cursor.isAny('IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR') ||
    isLabel(cursor)
  )
}

const SIMPLE = ['RETURN', 'LEAVE', 'ITERATE', 'OPEN', 'FETCH', 'CLOSE']

const isLabel = (cursor: Cursor): boolean => cursor.isName() && cursor.isSignAt(1, ':')

export function readCompound(cursor: Cursor): Utility {
  const outside = cursor.isInBody
  cursor.isInBody = true
  if (!outside && cursor.take('BEGIN', 'NOT', 'ATOMIC')) readBlock(cursor)
  else readCompoundStatement(cursor)
  cursor.isInBody = outside
  return utility('compound', { unknown: ['a block of statements cannot be analysed'] })
}

/** The body of a stored program. */
export function readBody(cursor: Cursor): void {
  const outside = cursor.isInBody
  const { into } = cursor
  cursor.isInBody = true
  cursor.nest(() => cursor.read.statement(cursor))
  cursor.isInBody = outside
  cursor.into = into
}

function readCompoundStatement(cursor: Cursor): void {
  if (isLabel(cursor)) cursor.at += 2
  const word = cursor.expectAny('BEGIN', 'IF', 'CASE', 'LOOP', 'WHILE', 'REPEAT', 'FOR', ...SIMPLE)
  switch (word) {
    case 'BEGIN':
      return readBlock(cursor)
    case 'IF':
      return readIf(cursor)
    case 'CASE':
      return readCase(cursor)
    case 'LOOP':
      readStatements(cursor, 'END')
      return end('LOOP', cursor)
    case 'WHILE':
      readExpression(cursor)
      cursor.expect('DO')
      readStatements(cursor, 'END')
      return end('WHILE', cursor)
    case 'REPEAT':
      readStatements(cursor, 'UNTIL')
      cursor.expect('UNTIL')
      readExpression(cursor)
      return end('REPEAT', cursor)
    case 'RETURN':
      readExpression(cursor)
      return
    case 'FETCH':
      if (cursor.take('NEXT')) cursor.expect('FROM')
      else cursor.take('FROM')
      cursor.name()
      cursor.expect('INTO')
      cursor.list(() => (cursor.kind === Kind.userVariable ? cursor.at++ : cursor.name()))
      return
    case 'FOR':
      // `1..10` is split into tokens in a special way.
      return cursor.fail('a loop other than FOR')
    default:
      cursor.name()
  }
}

function end(word: string, cursor: Cursor): void {
  cursor.expect('END', word)
  cursor.maybeName()
}

/** A block, from after BEGIN. */
function readBlock(cursor: Cursor): void {
  while (cursor.is('DECLARE')) {
    readDeclare(cursor)
    cursor.expectSign(';')
  }
  readStatements(cursor, 'END')
  cursor.expect('END')
  cursor.maybeName()
}

/** Statements, each with its semicolon, up to one of the words `ends`. */
function readStatements(cursor: Cursor, ...ends: readonly string[]): void {
  while (!cursor.isAny(...ends)) {
    if (cursor.isAtEnd) cursor.fail(ends.join(' or '))
    cursor.nest(() => cursor.read.statement(cursor))
    cursor.into = undefined
    cursor.expectSign(';')
  }
}

function readIf(cursor: Cursor): void {
  do {
    readExpression(cursor)
    cursor.expect('THEN')
    readStatements(cursor, 'ELSEIF', 'ELSE', 'END')
  } while (cursor.take('ELSEIF'))
  if (cursor.take('ELSE')) readStatements(cursor, 'END')
  cursor.expect('END', 'IF')
}

function readCase(cursor: Cursor): void {
  if (!cursor.is('WHEN')) readExpression(cursor)
  while (cursor.take('WHEN')) {
    readExpression(cursor)
    cursor.expect('THEN')
    readStatements(cursor, 'WHEN', 'ELSE', 'END')
  }
  if (cursor.take('ELSE')) readStatements(cursor, 'END')
  cursor.expect('END', 'CASE')
}

function readDeclare(cursor: Cursor): void {
  cursor.expect('DECLARE')
  if (cursor.takeAny('CONTINUE', 'EXIT', 'UNDO') !== undefined) {
    cursor.expect('HANDLER', 'FOR')
    cursor.list(() => readCondition(cursor))
    cursor.nest(() => cursor.read.statement(cursor))
    return
  }
  const names = cursor.list(() => cursor.name())
  if (names.length === 1 && cursor.take('CURSOR')) {
    if (cursor.isSign('(')) cursor.skipParentheses()
    cursor.expect('FOR')
    cursor.read.query(cursor)
    return
  }
  if (names.length === 1 && cursor.take('CONDITION')) {
    cursor.expect('FOR')
    return readCondition(cursor)
  }
  if (cursor.isMariadb && (cursor.is('ROW') || cursor.isAny('TYPE'))) cursor.fail('a type')
  readType(cursor, false)
  while (!cursor.isSign(';') && !cursor.is('DEFAULT')) readTypeAttribute(cursor)
  if (cursor.take('DEFAULT')) readExpression(cursor)
}

function readTypeAttribute(cursor: Cursor): void {
  if (cursor.takeAny('UNSIGNED', 'SIGNED', 'ZEROFILL', 'BINARY') !== undefined) return
  cursor.expect('COLLATE')
  if (cursor.takeText() === undefined) cursor.name()
}

function readCondition(cursor: Cursor): void {
  if (cursor.take('SQLSTATE')) {
    cursor.take('VALUE')
    cursor.text()
  } else if (cursor.kind === Kind.integer) cursor.at++
  else if (cursor.take('NOT')) cursor.expect('FOUND')
  else if (cursor.takeAny('SQLWARNING', 'SQLEXCEPTION') === undefined) cursor.name()
}
