import type { Expression, Name, Utility, UtilityDetail } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { readAccount } from './accounts.ts'
import { utility } from './build.ts'
import { constantAt } from './constants.ts'
import type { Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { readLimit } from './queries.ts'

/**
 * SHOW in all its forms, by name. Forms that only list definitions and settings are `show`; those that show statements of others, rows in
 * errors, or secrets have kinds of their own. Source: MySQL manual, SHOW Statements; MariaDB, SHOW.
 */
export function readShow(cursor: Cursor): Utility {
  cursor.expect('SHOW')
  if (cursor.take('CREATE')) return readShowCreate(cursor)
  if (cursor.isAny('COUNT')) return readCount(cursor)
  const isOfStatements = cursor.isMariadb && cursor.isAny('EXPLAIN', 'ANALYZE')
  if (isOfStatements) return readOfOthers(cursor)
  const full = cursor.takeAny('FULL', 'EXTENDED', 'GLOBAL', 'SESSION', 'LOCAL')
  if (full === 'EXTENDED') cursor.take('FULL')
  for (const [words, read] of FORMS) if (cursor.take(...words)) return read(cursor)
  return cursor.fail('a form of SHOW')
}

type Form = (cursor: Cursor) => Utility

/** LIKE, or WHERE over the columns that it shows. */
function readFilter(cursor: Cursor): readonly Expression[] {
  if (cursor.take('LIKE')) return [cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('a text')]
  return cursor.take('WHERE') ? [readExpression(cursor)] : []
}

/** `FROM database`. */
function readDatabase(cursor: Cursor): string | undefined {
  return cursor.takeAny('FROM', 'IN') === undefined ? undefined : cursor.tableName()
}

const filtered: Form = (cursor) => utility('show', { expressions: readFilter(cursor) })

const listed: Form = (cursor) => {
  readDatabase(cursor)
  return filtered(cursor)
}
const listing =
  (lists: UtilityDetail['lists']): Form =>
  (cursor) =>
    utility('show', { expressions: readFilter(cursor), detail: { lists } })
const alone =
  (kind: string): Form =>
  () =>
    utility(kind)

/** SHOW for one table. */
const ofTable: Form = (cursor) => {
  cursor.expectAny('FROM', 'IN')
  const named = cursor.qualifiedName()
  const schema = readDatabase(cursor) ?? named.schema
  return utility('show', { reads: [{ ...named, schema }], expressions: readFilter(cursor) })
}

const logEvents: Form = (cursor) => {
  const given: Expression[] = []
  if (!cursor.isMariadb && cursor.take('FOR', 'CHANNEL')) cursor.text()
  if (cursor.take('IN')) given.push(cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('a text'))
  if (cursor.take('FROM')) given.push(cursor.kind === Kind.integer ? constantAt(cursor) : cursor.fail('a number'))
  const { limit, offset } = readLimit(cursor)
  return utility('show-binlog', { expressions: [...given, ...limit, ...offset] })
}

const warnings: Form = (cursor) => {
  const { limit, offset } = readLimit(cursor)
  return utility('show-warnings', { expressions: [...limit, ...offset] })
}

/** SHOW for replication; the connection or channel does not matter. */
const replication: Form = (cursor) => {
  if (cursor.take('FOR', 'CHANNEL') || cursor.kind === Kind.text) cursor.text()
  return utility('show-replication')
}

const profile: Form = (cursor) => {
  const types = ['ALL', 'BLOCK', 'CONTEXT', 'CPU', 'IPC', 'MEMORY', 'PAGE', 'SOURCE', 'SWAPS']
  while (cursor.takeAny(...types) !== undefined) {
    cursor.takeAny('IO', 'SWITCHES', 'FAULTS')
    cursor.takeSign(',')
  }
  const given = cursor.take('FOR', 'QUERY') ? [readExpression(cursor)] : []
  const { limit, offset } = readLimit(cursor)
  return utility('show-profile', { expressions: [...given, ...limit, ...offset] })
}

const FORMS: readonly (readonly [readonly string[], Form])[] = [
  [['DATABASES'], filtered],
  [['SCHEMAS'], filtered],
  [['TABLES'], listed],
  [['OPEN', 'TABLES'], listed],
  [['TABLE', 'STATUS'], listed],
  [['TRIGGERS'], listed],
  [['EVENTS'], listed],
  [['COLUMNS'], ofTable],
  [['FIELDS'], ofTable],
  [['INDEX'], ofTable],
  [['INDEXES'], ofTable],
  [['KEYS'], ofTable],
  [['VARIABLES'], listing('settings')],
  [['STATUS'], listing('status')],
  [['COLLATION'], filtered],
  [['CHARACTER', 'SET'], filtered],
  [['CHAR', 'SET'], filtered],
  [['CHARSET'], filtered],
  [['ENGINES'], alone('show')],
  [['STORAGE', 'ENGINES'], alone('show')],
  [['PRIVILEGES'], alone('show')],
  [['AUTHORS'], alone('show')],
  [['CONTRIBUTORS'], alone('show')],
  [
    ['PLUGINS'],
    (cursor) => {
      if (cursor.take('SONAME') && cursor.takeText() === undefined) readFilter(cursor)
      return utility('show', { expressions: readFilter(cursor) })
    },
  ],
  [['PROCEDURE', 'STATUS'], filtered],
  [['FUNCTION', 'STATUS'], filtered],
  [
    ['PROCEDURE', 'CODE'],
    (cursor) => {
      cursor.qualifiedName()
      return utility('show')
    },
  ],
  [
    ['FUNCTION', 'CODE'],
    (cursor) => {
      cursor.qualifiedName()
      return utility('show')
    },
  ],
  [['PACKAGE', 'STATUS'], filtered],
  [['PACKAGE', 'BODY', 'STATUS'], filtered],
  [['PROCESSLIST'], alone('show-processlist')],
  [['WARNINGS'], warnings],
  [['ERRORS'], warnings],
  [['BINARY', 'LOGS'], alone('show-binlog')],
  [['MASTER', 'LOGS'], alone('show-binlog')],
  [['BINLOG', 'EVENTS'], logEvents],
  [
    ['RELAYLOG'],
    (cursor) => {
      cursor.takeText()
      cursor.expect('EVENTS')
      return logEvents(cursor)
    },
  ],
  [['MASTER', 'STATUS'], replication],
  [['BINLOG', 'STATUS'], replication],
  [['BINARY', 'LOG', 'STATUS'], replication],
  [['SLAVE', 'STATUS'], replication],
  [['REPLICA', 'STATUS'], replication],
  [['ALL', 'SLAVES', 'STATUS'], replication],
  [['ALL', 'REPLICAS', 'STATUS'], replication],
  [['SLAVE', 'HOSTS'], replication],
  [['REPLICA', 'HOSTS'], replication],
  [['REPLICAS'], replication],
  [
    ['SLAVE'],
    (cursor) => {
      cursor.text()
      cursor.expect('STATUS')
      return utility('show-replication')
    },
  ],
  [
    ['ENGINE'],
    (cursor) => {
      if (!cursor.take('ALL') && cursor.takeText() === undefined) cursor.name()
      cursor.expectAny('STATUS', 'MUTEX', 'LOGS')
      return utility('show-engine')
    },
  ],
  [
    ['GRANTS'],
    (cursor) => {
      if (cursor.take('FOR')) {
        readAccount(cursor)
        if (!cursor.isMariadb && cursor.take('USING')) cursor.list(() => readAccount(cursor))
      }
      return utility('show-grants')
    },
  ],
  [['PROFILES'], alone('show-profile')],
  [['PROFILE'], profile],
  [['USER_STATISTICS'], listing('counts')],
  [['CLIENT_STATISTICS'], listing('counts')],
  [['INDEX_STATISTICS'], listing('counts')],
  [['TABLE_STATISTICS'], listing('counts')],
]

function readCount(cursor: Cursor): Utility {
  cursor.at++
  for (const sign of ['(', '*', ')']) cursor.expectSign(sign)
  cursor.expectAny('WARNINGS', 'ERRORS')
  return utility('show-warnings')
}

/** SHOW EXPLAIN FOR a thread: for a statement that another session runs. */
function readOfOthers(cursor: Cursor): Utility {
  cursor.at++
  if (cursor.take('FORMAT')) {
    cursor.expectSign('=')
    cursor.name()
  }
  cursor.expect('FOR')
  return utility('show-processlist', { expressions: [readExpression(cursor)] })
}

function readShowCreate(cursor: Cursor): Utility {
  const what = cursor.expectAny(
    'DATABASE',
    'SCHEMA',
    'TABLE',
    'VIEW',
    'SEQUENCE',
    'TRIGGER',
    'PROCEDURE',
    'FUNCTION',
    'PACKAGE',
    'EVENT',
    'USER',
    'SERVER',
  )
  switch (what) {
    case 'DATABASE':
    case 'SCHEMA':
      cursor.take('IF', 'NOT', 'EXISTS')
      cursor.name()
      return utility('show')
    case 'TABLE':
    case 'VIEW':
    case 'SEQUENCE': {
      const read: Name = cursor.qualifiedName()
      return utility('show', { reads: [read] })
    }
    case 'USER':
      if (!cursor.isAtStatementEnd) readAccount(cursor)
      return utility('show-create-user')
    case 'SERVER':
      if (cursor.takeText() === undefined) cursor.name()
      return utility('show-create-user')
    default:
      if (what === 'PACKAGE') cursor.take('BODY')
      cursor.qualifiedName()
      return utility('show')
  }
}
