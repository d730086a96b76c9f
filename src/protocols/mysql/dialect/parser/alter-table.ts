import type { Name, Utility } from '../../../../sql/query.ts'
import { utility } from './build.ts'
import {
  Definition,
  detailOf,
  partsOf,
  readColumn,
  readElement,
  readPartitions,
  readTableOption,
} from './create-table.ts'
import type { Cursor } from './cursor.ts'
import { readExpression, readOrder } from './clauses.ts'

/** What ALTER TABLE does besides its definitions. */
class Alteration extends Definition {
  readonly does = new Set(['alter-table'])
  readonly makes: Name[] = []
  readonly writes: Name[] = []
}

/** Source: MySQL manual, ALTER TABLE Statement; MariaDB, ALTER TABLE. */
export function readAlterTable(cursor: Cursor): Utility {
  while (cursor.takeAny('ONLINE', 'OFFLINE', 'IGNORE') !== undefined);
  cursor.expect('TABLE')
  if (cursor.isMariadb) cursor.take('IF', 'EXISTS')
  const on = cursor.qualifiedName()
  if (cursor.isMariadb && cursor.take('WAIT')) cursor.integer()
  else if (cursor.isMariadb) cursor.take('NOWAIT')
  const found = new Alteration()
  if (!cursor.isAtStatementEnd) cursor.list(() => readAlteration(found, cursor))
  // After the other parts, without a comma.
  if (cursor.take('PARTITION')) readPartitions(found, cursor)
  else if (cursor.take('REMOVE')) cursor.expect('PARTITIONING')
  return utility([...found.does], {
    writes: [on, ...found.writes],
    makes: found.makes,
    on,
    ...partsOf(found),
    detail: detailOf(found),
  })
}

function readAlteration(found: Alteration, cursor: Cursor): void {
  switch (cursor.word) {
    case 'ADD':
      cursor.at++
      return readAdd(found, cursor)
    case 'DROP':
      cursor.at++
      return readDrop(found, cursor)
    case 'ALTER':
      cursor.at++
      return readAlter(found, cursor)
    case 'CHANGE':
    case 'MODIFY': {
      const renames = cursor.is('CHANGE')
      cursor.at++
      cursor.take('COLUMN')
      cursor.take('IF', 'EXISTS')
      if (renames) cursor.name()
      readColumn(found, cursor)
      return readPlace(cursor)
    }
    case 'RENAME':
      cursor.at++
      return readRename(found, cursor)
    case 'CONVERT':
      cursor.at++
      return readConvert(found, cursor)
    case 'ORDER':
      cursor.at++
      cursor.expect('BY')
      found.expressions.push(...readOrder(cursor).map(({ by }) => by))
      return
    case 'DISABLE':
    case 'ENABLE':
      cursor.at++
      return cursor.expect('KEYS')
    case 'FORCE':
      cursor.at++
      return
    case 'ALGORITHM':
    case 'LOCK':
      cursor.at++
      cursor.takeSign('=')
      if (!cursor.take('DEFAULT')) cursor.name()
      return
    case 'WITH':
    case 'WITHOUT':
      if (cursor.wordAt(1) === 'SYSTEM') break
      cursor.at++
      return cursor.expect('VALIDATION')
    case 'PARTITION':
      // The caller reads it.
      return
    case 'REMOVE':
      return
    case 'DISCARD':
    case 'IMPORT':
      cursor.at++
      if (cursor.take('PARTITION')) readPartitionNames(cursor)
      found.unknown.push('the rows of a tablespace are not in the text')
      return cursor.expect('TABLESPACE')
    case 'EXCHANGE':
      cursor.at++
      cursor.expect('PARTITION')
      cursor.name()
      cursor.expect('WITH', 'TABLE')
      found.writes.push(cursor.qualifiedName())
      if (cursor.takeAny('WITH', 'WITHOUT') !== undefined) cursor.expect('VALIDATION')
      return
    case 'TRUNCATE':
      cursor.at++
      cursor.expect('PARTITION')
      found.does.add('truncate')
      return readPartitionNames(cursor)
    case 'COALESCE':
    case 'ANALYZE':
    case 'CHECK':
    case 'OPTIMIZE':
    case 'REBUILD':
    case 'REPAIR':
    case 'REORGANIZE':
      cursor.at++
      cursor.expect('PARTITION')
      return skipAlteration(cursor)
  }
  if (!readTableOption(found, cursor)) cursor.fail('a change of the table')
  while (readTableOption(found, cursor));
}

/** To the next comma outside of parentheses. */
function skipAlteration(cursor: Cursor): void {
  for (let open = 0; !cursor.isAtStatementEnd; cursor.at++) {
    const { sign } = cursor
    if (sign === '(') open++
    if (sign === ')' && --open < 0) cursor.fail('(')
    if (cursor.isAny('DIRECTORY', 'CONNECTION', 'SELECT')) cursor.fail('no directory')
  }
}

function readPartitionNames(cursor: Cursor): void {
  if (!cursor.take('ALL')) cursor.list(() => cursor.name())
}

function readPlace(cursor: Cursor): void {
  if (cursor.take('AFTER')) cursor.name()
  else cursor.take('FIRST')
}

function readAdd(found: Alteration, cursor: Cursor): void {
  if (cursor.take('PARTITION')) {
    cursor.take('IF', 'NOT', 'EXISTS')
    return skipAlteration(cursor)
  }
  if (cursor.isMariadb && cursor.take('SYSTEM', 'VERSIONING')) return
  if (!cursor.is('COLUMN')) {
    const isColumn = cursor.isSign('(') || cursor.isName() || cursor.is('IF')
    if (!isColumn || cursor.are('PERIOD', 'FOR')) return readElement(found, cursor)
  }
  cursor.take('COLUMN')
  cursor.take('IF', 'NOT', 'EXISTS')
  if (cursor.isSign('(')) {
    cursor.parenthesized(() => readElement(found, cursor))
    return
  }
  readColumn(found, cursor)
  readPlace(cursor)
}

function readDrop(found: Alteration, cursor: Cursor): void {
  const ifExists = (): boolean => cursor.take('IF', 'EXISTS')
  if (cursor.take('PRIMARY', 'KEY')) return
  if (cursor.take('FOREIGN', 'KEY') || cursor.takeAny('INDEX', 'KEY', 'CONSTRAINT', 'CHECK') !== undefined) {
    ifExists()
    if (!cursor.take('PRIMARY')) cursor.name()
    return
  }
  if (cursor.take('PARTITION')) {
    ifExists()
    found.does.add('drop-partition')
    return readPartitionNames(cursor)
  }
  if (cursor.isMariadb && cursor.take('SYSTEM', 'VERSIONING')) return void found.does.add('drop-partition')
  if (cursor.isMariadb && cursor.take('PERIOD')) {
    ifExists()
    cursor.expect('FOR')
    cursor.name()
    return
  }
  cursor.take('COLUMN')
  ifExists()
  found.does.add('drop-column')
  cursor.name()
  cursor.takeAny('RESTRICT', 'CASCADE')
}

function readAlter(found: Alteration, cursor: Cursor): void {
  if (cursor.takeAny('INDEX', 'KEY') !== undefined) {
    cursor.take('IF', 'EXISTS')
    cursor.name()
    if (cursor.take('NOT')) return cursor.expect('IGNORED')
    return void cursor.expectAny('VISIBLE', 'INVISIBLE', 'IGNORED')
  }
  if (!cursor.isMariadb && cursor.takeAny('CHECK', 'CONSTRAINT') !== undefined) {
    cursor.name()
    cursor.take('NOT')
    return cursor.expect('ENFORCED')
  }
  cursor.take('COLUMN')
  cursor.take('IF', 'EXISTS')
  cursor.name()
  if (cursor.take('DROP')) return cursor.expect('DEFAULT')
  cursor.expect('SET')
  if (cursor.takeAny('VISIBLE', 'INVISIBLE') !== undefined) return
  cursor.expect('DEFAULT')
  found.expressions.push(readExpression(cursor))
}

function readRename(found: Alteration, cursor: Cursor): void {
  if (cursor.take('COLUMN') || cursor.takeAny('INDEX', 'KEY') !== undefined) {
    cursor.take('IF', 'EXISTS')
    cursor.name()
    cursor.expect('TO')
    cursor.name()
    return
  }
  if (cursor.takeAny('TO', 'AS') === undefined) cursor.takeSign('=')
  found.does.add('rename-table')
  found.makes.push(cursor.qualifiedName())
}

function readConvert(found: Alteration, cursor: Cursor): void {
  if (cursor.isMariadb && cursor.take('PARTITION')) {
    cursor.name()
    cursor.expect('TO', 'TABLE')
    found.makes.push(cursor.qualifiedName())
    return
  }
  if (cursor.isMariadb && cursor.take('TABLE')) {
    found.writes.push(cursor.qualifiedName())
    cursor.expect('TO')
    return skipAlteration(cursor)
  }
  cursor.expect('TO')
  if (!cursor.take('CHARSET')) {
    cursor.expectAny('CHARACTER', 'CHAR')
    cursor.expect('SET')
  }
  if (!cursor.take('DEFAULT') && !cursor.take('BINARY') && cursor.takeText() === undefined) cursor.name()
  if (cursor.take('COLLATE') && cursor.takeText() === undefined) cursor.name()
}
