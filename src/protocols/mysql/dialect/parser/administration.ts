import type { Name, Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { readAccount } from './accounts.ts'
import { utility } from './build.ts'
import type { Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { readCacheIndex, readLock, readMaintenance, readUnlock } from './tables.ts'

/**
 * Statements that administer the server, accounts and replication. They only have kinds; rules do not refer to their other parts. Source:
 * MySQL manual, Database Administration Statements; MariaDB, Administrative SQL Statements.
 */
export function readAdministration(cursor: Cursor): Utility {
  switch (cursor.word) {
    case 'LOCK':
      return readLock(cursor)
    case 'UNLOCK':
      return readUnlock(cursor)
    case 'ANALYZE':
    case 'CHECK':
    case 'OPTIMIZE':
    case 'REPAIR':
    case 'CHECKSUM':
      return readMaintenance(cursor)
    case 'CACHE':
      return readCacheIndex(cursor)
    case 'KILL':
      return readKill(cursor)
    case 'GRANT':
    case 'REVOKE':
      return readGrant(cursor)
    case 'SIGNAL':
    case 'RESIGNAL':
      return readSignal(cursor)
    case 'GET':
      return rest('get-diagnostics', cursor)
    case 'HELP':
      cursor.at++
      if (cursor.takeText() === undefined) cursor.name()
      return utility('help')
    case 'FLUSH':
      return rest('flush', cursor)
    case 'RESET':
      return readReset(cursor)
    case 'PURGE':
      cursor.at++
      cursor.expectAny('BINARY', 'MASTER')
      cursor.expect('LOGS')
      return rest('purge-binary-logs', cursor, false)
    case 'CHANGE':
      return readChange(cursor)
    case 'START':
    case 'STOP':
      return readReplica(cursor)
    case 'INSTALL':
    case 'UNINSTALL':
      return readInstall(cursor)
    case 'IMPORT':
      cursor.at++
      cursor.expect('TABLE', 'FROM')
      cursor.list(() => cursor.text())
      return utility('import-table', { unknown: ['the statement does not say which tables are in the files'] })
    case 'BACKUP':
      if (!cursor.isMariadb) return cursor.fail('a statement')
      return rest('backup', cursor)
    case 'BINLOG':
      cursor.at++
      if (cursor.kind === Kind.userVariable) cursor.at++
      else cursor.text()
      return utility('binlog', { unknown: ['BINLOG writes whatever is in the events'] })
    case 'CLONE':
      if (cursor.isMariadb) return cursor.fail('a statement')
      return secret(rest('clone', cursor))
    case 'SHUTDOWN':
      cursor.at++
      if (cursor.isMariadb && cursor.take('WAIT')) cursor.expect('FOR', 'ALL', 'SLAVES')
      return utility('shutdown')
    case 'RESTART':
      if (cursor.isMariadb) return cursor.fail('a statement')
      cursor.at++
      return utility('restart')
    default:
      return cursor.fail('a statement')
  }
}

/** A statement whose first word determines its kind, whatever follows. */
function rest(kind: string, cursor: Cursor, skipsWord = true): Utility {
  if (skipsWord) cursor.at++
  if (cursor.isAtStatementEnd) cursor.fail('more')
  cursor.skipRest()
  return utility(kind)
}

const secret = (node: Utility): Utility => ({ ...node, detail: { ...node.detail, secret: true } })

function readKill(cursor: Cursor): Utility {
  cursor.expect('KILL')
  if (cursor.isMariadb) cursor.takeAny('HARD', 'SOFT')
  const isQuery = cursor.takeAny('CONNECTION', 'QUERY') === 'QUERY'
  if (cursor.isMariadb && cursor.is('USER') && !cursor.isSignAt(1, '(')) {
    cursor.at++
    readAccount(cursor)
    return utility('kill', { unknown: ['KILL USER ends all connections of that account'] })
  }
  if (cursor.isMariadb && isQuery) cursor.take('ID')
  return utility('kill', { expressions: [readExpression(cursor)] })
}

/** Privileges on something, or roles. */
function readGrant(cursor: Cursor): Utility {
  const isGrant = cursor.expectAny('GRANT', 'REVOKE') === 'GRANT'
  const kind = isGrant ? 'grant' : 'revoke'
  let on: Name | undefined
  let isOn = false
  let open = 0
  for (; !cursor.isAtStatementEnd; cursor.at++) {
    const { sign } = cursor
    if (sign === '(') open++
    if (sign === ')') open--
    if (open === 0 && cursor.isAny('TO', 'FROM')) break
    if (open !== 0 || isOn || !cursor.is('ON')) continue
    isOn = true
    if (cursor.isAny('ON') && ['TABLE', 'FUNCTION', 'PROCEDURE', 'PACKAGE'].includes(cursor.wordAt(1))) cursor.at++
    on = objectAt(cursor)
  }
  const isAll = !isGrant && !isOn && cursor.is('FROM')
  if (cursor.isAtStatementEnd) cursor.fail('TO or FROM')
  cursor.skipRest()
  return utility(isOn || isAll ? kind : `${kind}-role`, {
    writes: on === undefined ? [] : [on],
    detail: { secret: true },
  })
}

/** The table after ON, if it is a table. */
function objectAt(cursor: Cursor): Name | undefined {
  if (!cursor.isNameAt(1)) return undefined
  const first = cursor.foldTable(cursor.tokens.value(cursor.at + 1))
  if (!cursor.isSignAt(2, '.')) return { schema: undefined, name: first }
  return cursor.isNameAt(3) ? { schema: first, name: cursor.foldTable(cursor.tokens.value(cursor.at + 3)) } : undefined
}

function readSignal(cursor: Cursor): Utility {
  cursor.at++
  if (cursor.take('SQLSTATE')) {
    cursor.take('VALUE')
    cursor.text()
  } else if (!cursor.is('SET') && !cursor.isAtStatementEnd) cursor.name()
  const expressions = cursor.take('SET')
    ? cursor.list(() => {
        cursor.name()
        cursor.expectSign('=')
        return readExpression(cursor)
      })
    : []
  return utility('signal', { expressions })
}

function readReset(cursor: Cursor): Utility {
  cursor.expect('RESET')
  const kinds = cursor.list(() => {
    if (!cursor.isMariadb && cursor.take('PERSIST')) {
      cursor.take('IF', 'EXISTS')
      if (cursor.isName()) cursor.name()
      if (cursor.takeSign('.')) cursor.name()
      return 'reset-persist'
    }
    if (cursor.take('QUERY', 'CACHE')) return 'reset'
    if (cursor.take('MASTER') || cursor.take('BINARY', 'LOGS', 'AND', 'GTIDS')) {
      if (cursor.take('TO')) cursor.integer()
      return 'reset-master'
    }
    cursor.expectAny('SLAVE', 'REPLICA')
    cursor.takeText()
    cursor.take('ALL')
    if (cursor.take('FOR', 'CHANNEL')) cursor.text()
    return 'reset-replica'
  })
  return utility(kinds)
}

function readChange(cursor: Cursor): Utility {
  cursor.expect('CHANGE')
  if (cursor.take('REPLICATION', 'FILTER')) return rest('change-replication-filter', cursor, false)
  if (!cursor.take('REPLICATION', 'SOURCE')) cursor.expect('MASTER')
  if (cursor.isText) cursor.at++
  cursor.expect('TO')
  return secret(rest('change-master', cursor, false))
}

function readReplica(cursor: Cursor): Utility {
  const isStart = cursor.expectAny('START', 'STOP') === 'START'
  cursor.take('ALL')
  cursor.expectAny('SLAVE', 'SLAVES', 'REPLICA', 'REPLICAS', 'GROUP_REPLICATION')
  cursor.skipRest()
  return secret(utility(isStart ? 'start-replica' : 'stop-replica'))
}

/** INSTALL and UNINSTALL: library code that the server runs from then on. */
function readInstall(cursor: Cursor): Utility {
  const isInstall = cursor.expectAny('INSTALL', 'UNINSTALL') === 'INSTALL'
  const prefix = isInstall ? 'install' : 'uninstall'
  const kind = `${prefix}-${cursor.expectAny('PLUGIN', 'SONAME', ...(cursor.isMariadb ? [] : ['COMPONENT'])) === 'COMPONENT' ? 'component' : 'plugin'}`
  if (cursor.isAtStatementEnd) cursor.fail('a name')
  cursor.skipRest()
  return utility(kind, { unknown: isInstall ? ['it runs code from a library'] : [] })
}
