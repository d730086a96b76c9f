import type { Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { readAccount } from './accounts.ts'
import { readAlterTable } from './alter-table.ts'
import { utility } from './build.ts'
import { readBody } from './compound.ts'
import { readCreateTable, readKeyParts } from './create-table.ts'
import type { Cursor } from './cursor.ts'
import { readExpression, readUnit } from './clauses.ts'
import { readQuery } from './queries.ts'
import { readType } from './types.ts'

/** CREATE, ALTER, DROP, RENAME, TRUNCATE. Source: MySQL manual, Data Definition Statements; MariaDB, Data Definition. */
export function readDefinition(cursor: Cursor): Utility {
  switch (cursor.word) {
    case 'CREATE':
      cursor.at++
      return readCreate(cursor)
    case 'ALTER':
      cursor.at++
      return readAlter(cursor)
    case 'DROP':
      cursor.at++
      return readDrop(cursor)
    case 'RENAME':
      cursor.at++
      return readRename(cursor)
    default: {
      cursor.expect('TRUNCATE')
      cursor.take('TABLE')
      const writes = [cursor.qualifiedName()]
      readWait(cursor)
      return utility('truncate', { writes })
    }
  }
}

/** MariaDB: the time to wait for locks. */
function readWait(cursor: Cursor): void {
  if (!cursor.isMariadb) return
  if (cursor.take('WAIT')) cursor.integer()
  else cursor.take('NOWAIT')
}

const takeIf = (cursor: Cursor): boolean => cursor.take('IF', 'NOT', 'EXISTS') || cursor.take('IF', 'EXISTS')

// ── CREATE ─────────────────────────────────────────────────────────────────────────────────────────────────────────

function readCreate(cursor: Cursor): Utility {
  const replaces = cursor.take('OR', 'REPLACE')
  if (cursor.isAny('TEMPORARY', 'TABLE', 'SEQUENCE')) {
    const temporary = cursor.take('TEMPORARY')
    if (cursor.is('SEQUENCE')) return readSequence('create', temporary, cursor)
    cursor.expect('TABLE')
    return readCreateTable(temporary, replaces, cursor)
  }
  const index = cursor.takeAny('UNIQUE', 'FULLTEXT', 'SPATIAL')
  if (index === 'SPATIAL' && cursor.is('REFERENCE')) return reference('create', cursor)
  if (index !== undefined || cursor.is('INDEX')) return readCreateIndex(cursor)
  if (cursor.isAny('DATABASE', 'SCHEMA')) return readDatabase('create', cursor)
  if (cursor.isAny('USER', 'ROLE')) return readAccounts('create', cursor)
  if (cursor.is('SERVER')) return readServer('create', cursor)
  if (cursor.isAny('TABLESPACE', 'LOGFILE', 'UNDO')) return readTablespace('create', cursor)
  if (cursor.is('RESOURCE')) return readResourceGroup('create', cursor)
  readDefiner(cursor)
  const aggregate = cursor.take('AGGREGATE')
  if (aggregate && !cursor.is('FUNCTION')) cursor.fail('FUNCTION')
  switch (cursor.word) {
    case 'VIEW':
      return readView('create-view', replaces, cursor)
    case 'TRIGGER':
      return readTrigger(cursor)
    case 'PROCEDURE':
    case 'FUNCTION':
      return readRoutine(cursor)
    case 'EVENT':
      return readEvent('create-event', cursor)
    default:
      return cursor.fail('something that can be created')
  }
}

/** ALGORITHM, DEFINER and SQL SECURITY. */
function readDefiner(cursor: Cursor): void {
  if (cursor.take('ALGORITHM')) {
    cursor.expectSign('=')
    cursor.expectAny('UNDEFINED', 'MERGE', 'TEMPTABLE')
  }
  if (cursor.take('DEFINER')) {
    cursor.expectSign('=')
    readAccount(cursor)
  }
  if (cursor.take('SQL', 'SECURITY')) cursor.expectAny('DEFINER', 'INVOKER')
}

function readView(kind: string, replaces: boolean, cursor: Cursor): Utility {
  cursor.expect('VIEW')
  takeIf(cursor)
  const name = cursor.qualifiedName()
  if (cursor.isSign('(')) cursor.parenthesized(() => cursor.name())
  cursor.expect('AS')
  const { into } = cursor
  const query = cursor.nest(() => readQuery(cursor))
  if (cursor.into !== into) cursor.fail('a query without INTO')
  if (cursor.take('WITH')) {
    cursor.takeAny('CASCADED', 'LOCAL')
    cursor.expect('CHECK', 'OPTION')
  }
  // A view that is replaced exists already.
  const isNew = kind === 'create-view' && !replaces
  return utility(kind, { [isNew ? 'makes' : 'writes']: [name], statements: [query] })
}

const CODE = 'code runs at later statements and cannot be analysed'

function readTrigger(cursor: Cursor): Utility {
  cursor.expect('TRIGGER')
  takeIf(cursor)
  cursor.qualifiedName()
  cursor.expectAny('BEFORE', 'AFTER')
  cursor.list(() => cursor.expectAny('INSERT', 'UPDATE', 'DELETE'))
  cursor.expect('ON')
  const on = cursor.qualifiedName()
  cursor.expect('FOR', 'EACH', 'ROW')
  if (cursor.takeAny('FOLLOWS', 'PRECEDES') !== undefined) cursor.name()
  readBody(cursor)
  return utility('create-trigger', { writes: [on], on, unknown: [CODE] })
}

function readRoutine(cursor: Cursor): Utility {
  const kind = `create-${cursor.expectAny('PROCEDURE', 'FUNCTION').toLowerCase()}`
  takeIf(cursor)
  cursor.qualifiedName()
  if (cursor.take('RETURNS')) {
    cursor.expectAny('STRING', 'INTEGER', 'INT', 'REAL', 'DECIMAL')
    cursor.expect('SONAME')
    cursor.text()
    return utility('create-loadable-function', { unknown: ['it runs code from a library'] })
  }
  cursor.skipParentheses()
  if (kind === 'create-function') {
    cursor.expect('RETURNS')
    readType(cursor, false)
    while (cursor.takeAny('UNSIGNED', 'SIGNED', 'ZEROFILL', 'BINARY', 'ASCII', 'UNICODE') !== undefined);
    if (cursor.take('COLLATE') && cursor.takeText() === undefined) cursor.name()
  }
  readCharacteristics(cursor)
  readBody(cursor)
  return utility(kind, { unknown: [CODE] })
}

function readCharacteristics(cursor: Cursor): void {
  for (;;) {
    if (cursor.take('COMMENT')) cursor.text()
    else if (cursor.take('LANGUAGE')) cursor.expect('SQL')
    else if (cursor.take('NOT')) cursor.expect('DETERMINISTIC')
    else if (cursor.take('SQL', 'SECURITY')) cursor.expectAny('DEFINER', 'INVOKER')
    else if (
      !cursor.take('DETERMINISTIC') &&
      !cursor.take('CONTAINS', 'SQL') &&
      !cursor.take('NO', 'SQL') &&
      !cursor.take('READS', 'SQL', 'DATA') &&
      !cursor.take('MODIFIES', 'SQL', 'DATA')
    )
      return
  }
}

function readEvent(kind: string, cursor: Cursor): Utility {
  cursor.expect('EVENT')
  takeIf(cursor)
  cursor.qualifiedName()
  const expressions = []
  if (cursor.take('ON', 'SCHEDULE')) {
    if (cursor.take('AT')) expressions.push(readExpression(cursor))
    else {
      cursor.expect('EVERY')
      expressions.push(readExpression(cursor))
      readUnit(cursor)
    }
    for (const word of ['STARTS', 'ENDS']) if (cursor.take(word)) expressions.push(readExpression(cursor))
  }
  if (cursor.take('ON', 'COMPLETION')) {
    cursor.take('NOT')
    cursor.expect('PRESERVE')
  }
  if (cursor.take('RENAME')) {
    cursor.expect('TO')
    cursor.qualifiedName()
  }
  if (cursor.take('DISABLE')) {
    if (cursor.take('ON')) cursor.expectAny('SLAVE', 'REPLICA')
  } else cursor.take('ENABLE')
  if (cursor.take('COMMENT')) cursor.text()
  if (cursor.take('DO')) readBody(cursor)
  else if (kind === 'create-event') cursor.fail('DO')
  return utility(kind, { expressions, unknown: [CODE] })
}

function readCreateIndex(cursor: Cursor): Utility {
  cursor.expect('INDEX')
  takeIf(cursor)
  const name = cursor.name()
  if (cursor.takeAny('USING', 'TYPE') !== undefined) cursor.expectAny('BTREE', 'HASH', 'RTREE')
  cursor.expect('ON')
  const on = cursor.qualifiedName()
  const { columns, expressions } = readKeyParts(cursor)
  // Storage options.
  cursor.skipRest()
  return utility('create-index', {
    writes: [on],
    on,
    expressions,
    detail: { gives: [name], index: { columns, predicate: undefined } },
  })
}

// ── objects that may be created, altered and dropped ───────────────────────────────────────────────────────────────

function readDatabase(verb: string, cursor: Cursor): Utility {
  cursor.expectAny('DATABASE', 'SCHEMA')
  takeIf(cursor)
  const named = cursor.isName() ? cursor.tableName() : cursor.context.database
  cursor.skipRest()
  return utility(`${verb}-database`, { detail: { names: named === undefined ? [] : [named] } })
}

function readAccounts(verb: string, cursor: Cursor): Utility {
  const kind = cursor.expectAny('USER', 'ROLE').toLowerCase()
  takeIf(cursor)
  readAccount(cursor)
  cursor.skipRest()
  return utility(`${verb}-${kind}`, { detail: { secret: true } })
}

/** A server object names another database, with its password. */
function readServer(verb: string, cursor: Cursor): Utility {
  cursor.expect('SERVER')
  takeIf(cursor)
  if (cursor.takeText() === undefined) cursor.name()
  cursor.skipRest()
  return utility(`${verb}-server`, { detail: { secret: true } })
}

function readTablespace(verb: string, cursor: Cursor): Utility {
  if (cursor.isMariadb) cursor.fail('something that can be created')
  if (!cursor.take('UNDO', 'TABLESPACE') && !cursor.take('LOGFILE', 'GROUP')) cursor.expect('TABLESPACE')
  cursor.name()
  cursor.skipRest()
  return utility(`${verb}-tablespace`, { unknown: verb === 'drop' ? [] : ['it names files of the server'] })
}

function readResourceGroup(verb: string, cursor: Cursor): Utility {
  cursor.expect('RESOURCE', 'GROUP')
  cursor.name()
  cursor.skipRest()
  return utility(`${verb}-resource-group`)
}

function reference(verb: string, cursor: Cursor): Utility {
  cursor.expect('REFERENCE', 'SYSTEM')
  takeIf(cursor)
  if (cursor.kind !== Kind.integer) cursor.fail('a number')
  cursor.skipRest()
  return utility(`${verb}-spatial-reference-system`)
}

function readSequence(verb: string, temporary: boolean, cursor: Cursor): Utility {
  if (!cursor.isMariadb) cursor.fail('TABLE')
  cursor.expect('SEQUENCE')
  takeIf(cursor)
  const named = cursor.qualifiedName()
  cursor.skipRest()
  return utility(`${verb}-sequence`, { [verb === 'create' ? 'makes' : 'writes']: [named], detail: { temporary } })
}

// ── ALTER ──────────────────────────────────────────────────────────────────────────────────────────────────────────

function readAlter(cursor: Cursor): Utility {
  if (cursor.isAny('ONLINE', 'OFFLINE', 'IGNORE', 'TABLE')) return readAlterTable(cursor)
  switch (cursor.word) {
    case 'DATABASE':
    case 'SCHEMA':
      return readDatabase('alter', cursor)
    case 'USER':
      return readAccounts('alter', cursor)
    case 'SERVER':
      return readServer('alter', cursor)
    case 'SEQUENCE':
      return readSequence('alter', false, cursor)
    case 'TABLESPACE':
    case 'LOGFILE':
    case 'UNDO':
      return readTablespace('alter', cursor)
    case 'RESOURCE':
      return readResourceGroup('alter', cursor)
    case 'INSTANCE':
      if (cursor.isMariadb) return cursor.fail('something that can be changed')
      cursor.at++
      cursor.skipRest()
      return utility('alter-instance')
    case 'PROCEDURE':
    case 'FUNCTION': {
      const kind = `alter-${cursor.word.toLowerCase()}`
      cursor.at++
      cursor.qualifiedName()
      readCharacteristics(cursor)
      return utility(kind, { unknown: [CODE] })
    }
  }
  readDefiner(cursor)
  return cursor.is('EVENT') ? readEvent('alter-event', cursor) : readView('alter-view', true, cursor)
}

// ── DROP, RENAME ───────────────────────────────────────────────────────────────────────────────────────────────────

function readDrop(cursor: Cursor): Utility {
  const temporary = cursor.take('TEMPORARY')
  if (cursor.takeAny('TABLE', 'TABLES', 'VIEW', 'SEQUENCE') !== undefined) return readDropRelations(temporary, cursor)
  if (temporary) cursor.fail('TABLE')
  if (cursor.take('INDEX')) {
    takeIf(cursor)
    const name = cursor.name()
    cursor.expect('ON')
    const writes = [cursor.qualifiedName()]
    cursor.skipRest()
    return utility('drop-index', { writes, detail: { gives: [name] } })
  }
  switch (cursor.word) {
    case 'DATABASE':
    case 'SCHEMA':
      return readDatabase('drop', cursor)
    case 'USER':
    case 'ROLE':
      return readAccounts('drop', cursor)
    case 'SERVER':
      return readServer('drop', cursor)
    case 'TABLESPACE':
    case 'LOGFILE':
    case 'UNDO':
      return readTablespace('drop', cursor)
    case 'RESOURCE':
      return readResourceGroup('drop', cursor)
    case 'SPATIAL':
      cursor.at++
      return reference('drop', cursor)
    case 'TRIGGER':
    case 'PROCEDURE':
    case 'FUNCTION':
    case 'EVENT': {
      const kind = `drop-${cursor.word.toLowerCase()}`
      cursor.at++
      takeIf(cursor)
      cursor.qualifiedName()
      return utility(kind)
    }
    default:
      return cursor.fail('something that can be dropped')
  }
}

function readDropRelations(temporary: boolean, cursor: Cursor): Utility {
  const word = cursor.wordAt(-1)
  const kind = word === 'TABLES' ? 'table' : word.toLowerCase()
  if (kind === 'sequence' && !cursor.isMariadb) cursor.fail('something that can be dropped')
  takeIf(cursor)
  const writes = cursor.list(() => cursor.qualifiedName())
  readWait(cursor)
  // Neither word has an effect.
  cursor.takeAny('RESTRICT', 'CASCADE')
  return utility(`drop-${kind}`, { writes, detail: { temporary } })
}

function readRename(cursor: Cursor): Utility {
  if (cursor.take('USER')) {
    cursor.list(() => {
      readAccount(cursor)
      cursor.expect('TO')
      readAccount(cursor)
    })
    return utility('rename-user')
  }
  cursor.expectAny('TABLE', 'TABLES')
  takeIf(cursor)
  const pairs = cursor.list(() => {
    const from = cursor.qualifiedName()
    readWait(cursor)
    cursor.expect('TO')
    return { from, to: cursor.qualifiedName() }
  })
  return utility('rename-table', { writes: pairs.map(({ from }) => from), makes: pairs.map(({ to }) => to) })
}
