import type { Name, Utility } from '../../../../sql/query.ts'
import { utility } from './build.ts'
import type { Cursor } from './cursor.ts'

/** LOCK TABLES, and statements that maintain tables: ANALYZE, CHECK, OPTIMIZE, REPAIR, CHECKSUM, CACHE INDEX, LOAD INDEX. */
export function readLock(cursor: Cursor): Utility {
  cursor.expect('LOCK')
  if (!cursor.isMariadb && cursor.take('INSTANCE', 'FOR', 'BACKUP')) return utility('lock-instance')
  cursor.expectAny('TABLES', 'TABLE')
  const reads: Name[] = []
  const writes: Name[] = []
  cursor.list(() => {
    const named = cursor.qualifiedName()
    const isWord = cursor.isAny('READ', 'WRITE', 'LOW_PRIORITY')
    if (cursor.take('AS') || !isWord) cursor.tableName()
    if (cursor.take('READ')) {
      cursor.take('LOCAL')
      reads.push(named)
      return
    }
    cursor.take('LOW_PRIORITY')
    cursor.expect('WRITE')
    if (cursor.isMariadb) cursor.take('CONCURRENT')
    writes.push(named)
  })
  if (cursor.isMariadb && cursor.take('WAIT')) cursor.integer()
  else if (cursor.isMariadb) cursor.take('NOWAIT')
  // The statement only locks, and does not write.
  return utility('lock', { reads: [...reads, ...writes] })
}

export function readUnlock(cursor: Cursor): Utility {
  cursor.expect('UNLOCK')
  if (!cursor.isMariadb && cursor.take('INSTANCE')) return utility('unlock-instance')
  cursor.expectAny('TABLES', 'TABLE')
  return utility('unlock')
}

/** Source: MySQL manual, Table Maintenance Statements; MariaDB, Table Statements. */
export function readMaintenance(cursor: Cursor): Utility {
  const word = cursor.expectAny('ANALYZE', 'CHECK', 'OPTIMIZE', 'REPAIR', 'CHECKSUM')
  if (word !== 'CHECKSUM') cursor.takeAny('NO_WRITE_TO_BINLOG', 'LOCAL')
  const isView = cursor.isMariadb && (word === 'CHECK' || word === 'REPAIR') && cursor.take('VIEW')
  if (!isView) cursor.expectAny('TABLE', 'TABLES')
  const reads: Name[] = []
  cursor.list(() => {
    reads.push(cursor.qualifiedName())
    if (word === 'ANALYZE') readPersistent(cursor)
  })
  switch (word) {
    case 'ANALYZE':
      readHistogram(cursor)
      break
    case 'OPTIMIZE':
      if (cursor.isMariadb && !cursor.take('NOWAIT') && cursor.take('WAIT')) cursor.integer()
      break
    default:
      for (;;) {
        if (cursor.take('FOR')) cursor.expectAny('UPGRADE', 'MYSQL')
        else if (cursor.take('FROM')) cursor.expect('MYSQL')
        else if (cursor.takeAny('QUICK', 'FAST', 'MEDIUM', 'EXTENDED', 'CHANGED', 'USE_FRM', 'FORCE') === undefined)
          break
      }
  }
  return utility(`${word.toLowerCase()}-table`, { reads })
}

/** MariaDB's statistics, for all columns or some. */
function readPersistent(cursor: Cursor): void {
  if (!cursor.isMariadb || !cursor.take('PERSISTENT')) return
  cursor.expect('FOR')
  if (cursor.take('ALL')) return
  const names = (): void => {
    if (cursor.take('ALL')) return
    cursor.expectSign('(')
    if (cursor.takeSign(')')) return
    cursor.list(() => (cursor.take('PRIMARY') ? 'PRIMARY' : cursor.name()))
    cursor.expectSign(')')
  }
  cursor.expect('COLUMNS')
  names()
  cursor.expectAny('INDEXES')
  names()
}

/** Histograms: system tables show values of the columns. */
function readHistogram(cursor: Cursor): void {
  if (cursor.isMariadb || !cursor.isAny('UPDATE', 'DROP')) return
  const isUpdate = cursor.is('UPDATE')
  cursor.at++
  cursor.expect('HISTOGRAM', 'ON')
  cursor.list(() => cursor.name())
  if (!isUpdate) return
  if (cursor.take('WITH')) {
    cursor.integer()
    cursor.expect('BUCKETS')
  }
  if (cursor.takeAny('AUTO', 'MANUAL') !== undefined) cursor.expect('UPDATE')
}

/** CACHE INDEX. */
export function readCacheIndex(cursor: Cursor): Utility {
  cursor.expect('CACHE', 'INDEX')
  const reads = cursor.list(() => readIndexes(cursor))
  cursor.expect('IN')
  if (!cursor.take('DEFAULT')) cursor.name()
  return utility('cache-index', { reads })
}

/** LOAD INDEX INTO CACHE. */
export function readIndexLoad(cursor: Cursor): Utility {
  cursor.expect('INDEX', 'INTO', 'CACHE')
  const reads = cursor.list(() => {
    const named = readIndexes(cursor)
    if (cursor.take('IGNORE')) cursor.expect('LEAVES')
    return named
  })
  return utility('load-index', { reads })
}

function readIndexes(cursor: Cursor): Name {
  const named = cursor.qualifiedName()
  if (cursor.take('PARTITION')) cursor.parenthesized(() => (cursor.take('ALL') ? 'ALL' : cursor.name()))
  if (cursor.takeAny('INDEX', 'KEY') !== undefined)
    cursor.parenthesized(() => (cursor.take('PRIMARY') ? 'PRIMARY' : cursor.name()))
  return named
}
