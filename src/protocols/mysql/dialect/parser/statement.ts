import type { Query, Statement, Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { readAdministration } from './administration.ts'
import { call, utility } from './build.ts'
import { isCompound, readCompound } from './compound.ts'
import { variableName, type Cursor } from './cursor.ts'
import { readDefinition } from './definitions.ts'
import { readExpression } from './clauses.ts'
import { readSimple } from './operands.ts'
import { readLoad } from './load.ts'
import { readQuery, readWith } from './queries.ts'
import { readValue } from './rows.ts'
import { readSet } from './set.ts'
import { readShow } from './show.ts'
import { isTransaction, readTransaction } from './transactions.ts'
import { readDelete, readInsert, readUpdate } from './writes.ts'

/** One statement, to its end. Source: MySQL manual, SQL Statements; MariaDB, SQL Statements. */
export function readStatement(cursor: Cursor): Statement {
  if (isTransaction(cursor)) return readTransaction(cursor)
  if (isCompound(cursor)) return readCompound(cursor)
  if (cursor.isSign('(')) return readTopQuery(cursor)
  switch (cursor.word) {
    case 'SELECT':
    case 'VALUES':
      return readTopQuery(cursor)
    case 'TABLE':
      return cursor.isMariadb ? cursor.fail('a statement') : readTopQuery(cursor)
    case 'WITH':
      return readWithStatement(cursor)
    case 'INSERT':
    case 'REPLACE':
      return readInsert(cursor)
    case 'UPDATE':
      return readUpdate(cursor, undefined)
    case 'DELETE':
      return readDelete(cursor, undefined)
    case 'LOAD':
      return readLoad(cursor)
    case 'SET':
      return readSet(cursor)
    case 'SHOW':
      return readShow(cursor)
    case 'EXPLAIN':
    case 'DESCRIBE':
    case 'DESC':
      return readExplain(cursor)
    case 'CALL':
      return readCallStatement(cursor)
    case 'DO':
      cursor.at++
      return utility('do', { expressions: cursor.list(() => readExpression(cursor)) })
    case 'USE':
      cursor.at++
      return utility('use', { detail: { names: [cursor.tableName()] } })
    case 'PREPARE':
    case 'EXECUTE':
    case 'DEALLOCATE':
      return readPrepared(cursor)
    case 'HANDLER':
      return readHandler(cursor)
    case 'ANALYZE':
      return readAnalyze(cursor) ?? readAdministration(cursor)
    case 'CREATE':
    case 'ALTER':
    case 'RENAME':
    case 'TRUNCATE':
      return readDefinition(cursor)
    case 'DROP':
      return cursor.wordAt(1) === 'PREPARE' ? readPrepared(cursor) : readDefinition(cursor)
    default:
      return readAdministration(cursor)
  }
}

/** A query, whose rows may go into a file or into variables. */
function readTopQuery(cursor: Cursor): Statement {
  cursor.into = undefined
  return withInto(readQuery(cursor), cursor)
}

function withInto(query: Query, cursor: Cursor): Statement {
  const { into } = cursor
  if (into === undefined) return query
  cursor.into = undefined
  return into.where === 'file'
    ? utility('select-into-file', {
        statements: [query],
        expressions: into.path,
        detail: { stores: 'a file of the server' },
      })
    : utility('select-into-variable', {
        statements: [query],
        detail: { stores: 'user variables', assigns: into.variables },
      })
}

/** WITH before UPDATE and DELETE is MySQL's. */
function readWithStatement(cursor: Cursor): Statement {
  if (cursor.isMariadb) return readTopQuery(cursor)
  const start = cursor.at
  const before = cursor.parameters
  const clause = readWith(cursor)
  if (cursor.is('UPDATE')) return readUpdate(cursor, clause)
  if (cursor.is('DELETE')) return readDelete(cursor, clause)
  cursor.at = start
  cursor.parameters = before
  return readTopQuery(cursor)
}

// ── EXPLAIN ────────────────────────────────────────────────────────────────────────────────────────────────────────

const EXPLAINED = ['SELECT', 'INSERT', 'REPLACE', 'UPDATE', 'DELETE', 'WITH', 'VALUES', 'TABLE']

const isExplained = (cursor: Cursor): boolean => cursor.isSign('(') || cursor.isAny(...EXPLAINED)

/** EXPLAIN of a statement, of the statement that another thread runs, or of the columns of a table. */
function readExplain(cursor: Cursor): Utility {
  cursor.at++
  let runs = false
  let isOfStatement = false
  for (;;) {
    if (!cursor.isMariadb && cursor.take('ANALYZE')) runs = true
    else if (cursor.is('FORMAT') && cursor.isSignAt(1, '=')) {
      cursor.at += 2
      if (cursor.takeText() === undefined) cursor.name()
    } else if (cursor.isAny('EXTENDED', 'PARTITIONS') && isAhead(cursor)) cursor.at++
    else break
    isOfStatement = true
  }
  if (cursor.take('FOR', 'CONNECTION') || (cursor.isMariadb && cursor.take('FOR')))
    return utility('show-processlist', { expressions: [readExpression(cursor)] })
  if (isExplained(cursor)) return explained(runs, cursor)
  if (isOfStatement) cursor.fail('a statement')
  const named = cursor.qualifiedName()
  // A column, or a pattern of names.
  if (cursor.takeText() === undefined) cursor.maybeName()
  return utility('describe', { reads: [named] })
}

/** EXTENDED and PARTITIONS may be names of tables. */
const isAhead = (cursor: Cursor): boolean => cursor.isSignAt(1, '(') || EXPLAINED.includes(cursor.wordAt(1))

function explained(runs: boolean, cursor: Cursor): Utility {
  const statement = cursor.nest(() => readStatement(cursor))
  return utility('explain', { statements: [statement], detail: { explain: runs ? 'runs' : 'plans' } })
}

/** MariaDB's ANALYZE of a statement, which runs it. */
function readAnalyze(cursor: Cursor): Utility | undefined {
  if (!cursor.isMariadb) return undefined
  if (cursor.wordAt(1) === 'FORMAT' && cursor.isSignAt(2, '=')) {
    cursor.at += 3
    if (cursor.takeText() === undefined) cursor.name()
    return explained(true, cursor)
  }
  const isStatement = cursor.isSignAt(1, '(') || (EXPLAINED.includes(cursor.wordAt(1)) && cursor.wordAt(1) !== 'TABLE')
  if (!isStatement) return undefined
  cursor.at++
  return explained(true, cursor)
}

// ── stored programs and prepared statements ────────────────────────────────────────────────────────────────────────

function readCallStatement(cursor: Cursor): Utility {
  cursor.at++
  const name = cursor.qualifiedName()
  const args = cursor.isSign('(') ? readArguments(cursor) : []
  return utility('call', {
    expressions: [call(name, args)],
    unknown: ['CALL runs a procedure that cannot be analysed'],
  })
}

function readArguments(cursor: Cursor): ReturnType<typeof readExpression>[] {
  cursor.expectSign('(')
  if (cursor.takeSign(')')) return []
  const args = cursor.list(() => readExpression(cursor))
  cursor.expectSign(')')
  return args
}

/** Why a text that is run is unknown, unless the text itself can be determined. */
export const PREPARES = 'the statement given to PREPARE cannot be analysed'
export const RUNS = 'the statement given to EXECUTE IMMEDIATE cannot be analysed'
export const EXECUTES = 'EXECUTE runs a statement that was prepared earlier'

/** The SQL text is not parsed here, but when the statement is resolved. */
function readPrepared(cursor: Cursor): Utility {
  if (cursor.take('PREPARE')) {
    const name = variableName(cursor.name())
    cursor.expect('FROM')
    const runs = cursor.loneText
    return utility('prepare', {
      expressions: [readSource(cursor)],
      unknown: [PREPARES],
      detail: { names: [name], runs },
    })
  }
  if (cursor.takeAny('DEALLOCATE', 'DROP') !== undefined) {
    cursor.expect('PREPARE')
    return utility('deallocate', { detail: { names: [variableName(cursor.name())] } })
  }
  cursor.expect('EXECUTE')
  if (cursor.isMariadb && cursor.take('IMMEDIATE')) {
    const runs = cursor.loneText
    const source = readSource(cursor)
    return utility('execute-immediate', {
      expressions: [source, ...readUsing(cursor)],
      unknown: [RUNS],
      detail: { runs },
    })
  }
  const name = variableName(cursor.name())
  return utility('execute', {
    expressions: readUsing(cursor),
    unknown: [EXECUTES],
    detail: { executes: name },
  })
}

/** A text or a variable; in MariaDB any expression. */
function readSource(cursor: Cursor): ReturnType<typeof readExpression> {
  if (cursor.isMariadb) return readExpression(cursor)
  return cursor.kind === Kind.text || cursor.kind === Kind.userVariable ? readSimple(cursor) : cursor.fail('a text')
}

function readUsing(cursor: Cursor): readonly ReturnType<typeof readExpression>[] {
  return cursor.take('USING') ? cursor.list(() => readValue(cursor)) : []
}

/** HANDLER reads rows of a table without a query. */
function readHandler(cursor: Cursor): Utility {
  cursor.at++
  const named = cursor.qualifiedName()
  const more = { reads: [named] }
  if (cursor.take('OPEN')) {
    cursor.take('AS')
    if (cursor.isName()) cursor.name()
    return utility('handler', more)
  }
  if (cursor.take('CLOSE')) return utility('handler', more)
  cursor.expect('READ')
  const reason = 'HANDLER reads rows in ways that are not analysed'
  cursor.skipRest()
  return utility('handler', { ...more, unknown: [reason] })
}
