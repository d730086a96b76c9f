import type { Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { utility } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, type Cursor } from './cursor.ts'

/** The BEGIN of a block of statements is followed by more words. */
export const isTransaction = (cursor: Cursor): boolean =>
  cursor.isAny('COMMIT', 'ROLLBACK', 'SAVEPOINT', 'RELEASE', 'XA') ||
  cursor.are('START', 'TRANSACTION') ||
  (cursor.is('BEGIN') && !cursor.isInBody && cursor.wordAt(1) !== 'NOT')

/** Source: MySQL manual, Transactional and Locking Statements; MariaDB, Transactions. */
export function readTransaction(cursor: Cursor): Utility {
  switch (cursor.word) {
    case 'BEGIN':
      cursor.at++
      cursor.take('WORK')
      return utility('begin')
    case 'START':
      return readStart(cursor)
    case 'COMMIT':
      cursor.at++
      cursor.take('WORK')
      return withChain('commit', cursor)
    case 'ROLLBACK':
      cursor.at++
      cursor.take('WORK')
      if (cursor.take('TO')) {
        cursor.take('SAVEPOINT')
        return utility('rollback-to', { detail: { names: [fold(cursor.name())] } })
      }
      return withChain('rollback', cursor)
    case 'SAVEPOINT':
      cursor.at++
      return utility('savepoint', { detail: { names: [fold(cursor.name())] } })
    case 'RELEASE':
      cursor.at++
      cursor.expect('SAVEPOINT')
      return utility('release', { detail: { names: [fold(cursor.name())] } })
    default:
      return readXa(cursor)
  }
}

function readStart(cursor: Cursor): Utility {
  cursor.expect('START', 'TRANSACTION')
  let readWrite = false
  if (!cursor.isAtStatementEnd)
    cursor.list(() => {
      if (cursor.take('WITH', 'CONSISTENT', 'SNAPSHOT')) return
      cursor.expect('READ')
      if (cursor.expectAny('WRITE', 'ONLY') === 'WRITE') readWrite = true
    })
  return utility('begin', { detail: { readWrite } })
}

/** AND CHAIN begins another transaction, RELEASE ends the connection. */
function withChain(does: string, cursor: Cursor): Utility {
  const kinds = [does]
  if (cursor.take('AND')) {
    const isNot = cursor.take('NO')
    cursor.expect('CHAIN')
    if (!isNot) kinds.push('begin')
  }
  if (cursor.take('NO')) cursor.expect('RELEASE')
  else cursor.take('RELEASE')
  return utility(kinds)
}

/** Transactions over several servers, which may outlive the connection. */
function readXa(cursor: Cursor): Utility {
  cursor.expect('XA')
  if (cursor.take('RECOVER')) {
    if (cursor.take('FORMAT')) {
      cursor.expectSign('=')
      cursor.text()
    } else if (cursor.take('CONVERT')) cursor.expect('XID')
    return utility('xa')
  }
  const does = cursor.expectAny('START', 'BEGIN', 'END', 'PREPARE', 'COMMIT', 'ROLLBACK')
  const xid = cursor.list(() =>
    cursor.kind === Kind.text || cursor.kind === Kind.hex || cursor.kind === Kind.bits || cursor.kind === Kind.integer
      ? constantAt(cursor)
      : cursor.fail('an identifier of a transaction'),
  )
  if ((does === 'START' || does === 'BEGIN') && cursor.takeAny('JOIN', 'RESUME') !== undefined) return utility('xa')
  if (does === 'END' && cursor.take('SUSPEND')) cursor.take('FOR', 'MIGRATE')
  if (does === 'COMMIT') cursor.take('ONE', 'PHASE')
  return utility('xa', { expressions: xid })
}
