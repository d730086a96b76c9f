import type {
  Assignment,
  Change,
  ChangeAssignment,
  ChangeTarget,
  Conflict,
  Delete,
  Expression,
  FromItem,
  Insert,
  Query,
  Returning,
  Statement,
  Table,
  Update,
  With,
} from '../../../../sql/query.ts'
import { column, logic, opaque, operation } from './build.ts'
import { fold, type Cursor } from './cursor.ts'
import { maybeOrder, readExpression } from './clauses.ts'
import { readBits } from './expressions.ts'
import { readAlias, readPartition, readFrom, readTable } from './from.ts'
import { readLimit, readQuery, readTarget } from './queries.ts'
import { readRows, readValue } from './rows.ts'

// ── INSERT and REPLACE ─────────────────────────────────────────────────────────────────────────────────────────────

/** Source: MySQL manual, INSERT Statement, REPLACE Statement; MariaDB, INSERT, INSERT…RETURNING. */
export function readInsert(cursor: Cursor): Insert {
  const replaces = cursor.expectAny('INSERT', 'REPLACE') === 'REPLACE'
  cursor.takeAny('LOW_PRIORITY', 'DELAYED', ...(replaces ? [] : ['HIGH_PRIORITY']))
  if (!replaces) cursor.take('IGNORE')
  cursor.take('INTO')
  const name = cursor.qualifiedName()
  if (cursor.take('PARTITION')) cursor.parenthesized(() => cursor.name())
  const target: Table = { kind: 'table', name, alias: undefined, sample: [], method: undefined }
  const { columns, source } = readSource(cursor)
  const given = readGivenName(cursor)
  const before = cursor.given
  cursor.given = given ?? before
  const conflict = replaces ? undefined : readConflict(source, cursor)
  cursor.given = before
  return {
    kind: 'insert',
    with: undefined,
    target,
    columns,
    subscripts: [],
    source,
    conflict,
    replaces,
    returning: readReturning(cursor),
  }
}

function readSource(cursor: Cursor): Pick<Insert, 'columns' | 'source'> {
  if (cursor.take('SET')) {
    const set = cursor.list(() => readAssignment(cursor))
    const row = set.map(({ value }) => value)
    return { columns: set.map((one) => one.column), source: valuesOf([row]) }
  }
  const columns = isColumnList(cursor) ? readColumns(cursor) : []
  if (cursor.is('VALUES') && cursor.wordAt(1) === 'ROW' && !cursor.isMariadb)
    return { columns, source: readQuery(cursor) }
  if (cursor.takeAny('VALUES', 'VALUE') !== undefined) return { columns, source: valuesOf(readRows(cursor, false)) }
  const { into } = cursor
  const source = readQuery(cursor)
  if (cursor.into !== into) cursor.fail('a query without INTO')
  return { columns, source }
}

const valuesOf = (rows: readonly (readonly Expression[])[]): Query => ({
  kind: 'values',
  rows,
  with: undefined,
  order: [],
  limit: [],
  offset: [],
  locks: false,
})

/** A list in parentheses; a query in parentheses begins with other words. */
const isColumnList = (cursor: Cursor): boolean => cursor.isSign('(') && (cursor.isSignAt(1, ')') || cursor.isNameAt(1))

function readColumns(cursor: Cursor): string[] {
  cursor.expectSign('(')
  if (cursor.takeSign(')')) return []
  const columns = cursor.list(() => readColumnPath(cursor).column)
  cursor.expectSign(')')
  return columns
}

/** `column`, `table.column`, `database.table.column`. */
function readColumnPath(cursor: Cursor): { readonly of: string | undefined; readonly column: string } {
  let of: string | undefined
  let last = cursor.name()
  for (let dots = 0; dots < 2 && cursor.takeSign('.'); dots++) {
    of = last
    last = cursor.name()
  }
  return { of: of === undefined ? undefined : cursor.foldTable(of), column: fold(last) }
}

/** `VALUES (…) AS new`. Names for its columns are not supported: the names that they hide would have to be known. */
function readGivenName(cursor: Cursor): string | undefined {
  if (cursor.isMariadb || !cursor.take('AS')) return undefined
  const name = cursor.tableName()
  if (cursor.isSign('(')) cursor.fail('the end of a row alias without names of columns')
  return name
}

function readConflict(source: Query | undefined, cursor: Cursor): Conflict | undefined {
  if (!cursor.take('ON')) return undefined
  cursor.expect('DUPLICATE', 'KEY', 'UPDATE')
  const set = cursor.list(() => readAssignment(cursor))
  // Code that reads this tree does not see the definitions in a WITH of the query.
  const isHidden = source?.kind === 'select' && source.with !== undefined
  return {
    given: cursor.given,
    columns: [],
    expressions: [],
    predicate: undefined,
    set: isHidden ? set.map((one) => ({ ...one, value: opaque('ON DUPLICATE KEY UPDATE after a WITH') })) : set,
    where: undefined,
    seesSource: source?.kind === 'select',
  }
}

function readAssignment(cursor: Cursor): ChangeAssignment {
  const { of, column: name } = readColumnPath(cursor)
  if (!cursor.takeSign(':=')) cursor.expectSign('=')
  return { of, column: name, subscripts: [], value: readValue(cursor), place: undefined }
}

function readReturning(cursor: Cursor): Returning | undefined {
  if (!cursor.isMariadb || !cursor.take('RETURNING')) return undefined
  return { targets: cursor.list(() => readTarget(cursor)), names: [] }
}

// ── UPDATE ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Source: MySQL manual, UPDATE Statement; MariaDB, UPDATE. */
export function readUpdate(cursor: Cursor, clause: With | undefined): Update | Change {
  cursor.expect('UPDATE')
  cursor.take('LOW_PRIORITY')
  cursor.take('IGNORE')
  const from = readFrom(cursor)
  const portion = readPortion(cursor)
  cursor.expect('SET')
  const set = cursor.list(() => readAssignment(cursor))
  const { where, order, limit } = readConditions(cursor, portion)
  const [only, ...others] = from
  if (only?.kind === 'table' && others.length === 0) {
    const alias = only.alias?.name ?? only.name.name
    if (set.some(({ of }) => of !== undefined && of !== alias)) cursor.fail('columns of the table that is written')
    if (order.length === 0 && limit.length === 0 && only.sample.length === 0)
      return { kind: 'update', with: clause, target: only, set: set.map(own), from: [], where, returning: undefined }
  }
  const tables = from.flatMap(tablesIn)
  const isAny = set.some(({ of }) => of === undefined)
  const written = isAny ? tables : tables.filter((table) => set.some(({ of }) => of === nameOf(table)))
  for (const { of } of set)
    if (of !== undefined && !tables.some((table) => nameOf(table) === of))
      cursor.fail('columns of tables that are joined')
  return change('update', clause, from, written, set, where, order, limit, undefined, cursor)
}

const own = ({ column: name, subscripts, value, place }: ChangeAssignment): Assignment => ({
  column: name,
  subscripts,
  value,
  place,
})

/** MariaDB's FOR PORTION OF writes parts of rows, and inserts rows for the rest. */
function readPortion(cursor: Cursor): Expression | undefined {
  if (!cursor.isMariadb || !cursor.take('FOR')) return undefined
  cursor.expect('PORTION', 'OF')
  cursor.name()
  cursor.expect('FROM')
  readBits(cursor)
  cursor.expect('TO')
  readBits(cursor)
  return opaque('FOR PORTION OF')
}

function readConditions(cursor: Cursor, portion: Expression | undefined): Pick<Change, 'where' | 'order' | 'limit'> {
  const where = cursor.take('WHERE') ? readExpression(cursor) : undefined
  const order = maybeOrder(cursor)
  const { limit, offset } = cursor.is('LIMIT') ? readLimit(cursor) : { limit: [], offset: [] }
  if (offset.length > 0) cursor.fail('LIMIT without an offset')
  const both = [where, portion].filter((part) => part !== undefined)
  return { where: both.length > 1 ? logic('and', both) : both[0], order, limit }
}

const nameOf = ({ alias, name }: Table): string => alias?.name ?? name.name

function change(
  does: Change['does'],
  clause: With | undefined,
  from: readonly FromItem[],
  written: readonly Table[],
  set: readonly ChangeAssignment[],
  where: Expression | undefined,
  order: Change['order'],
  limit: Change['limit'],
  returning: Returning | undefined,
  cursor: Cursor,
): Change {
  const targets = written.map((table): ChangeTarget => ({
    table,
    met: from.flatMap((item) => metBy(table, item, cursor)),
  }))
  return { kind: 'change', does, with: clause, from, targets, set, where, order, limit, returning }
}

/** The joined tables, without those in subqueries. */
function tablesIn(item: FromItem): readonly Table[] {
  if (item.kind === 'table') return [item]
  return item.kind === 'join' ? [...tablesIn(item.left), ...tablesIn(item.right)] : []
}

/** The conditions that every row of a table in a join satisfies: none on the side whose rows are all kept. */
function metBy(table: Table, item: FromItem, cursor: Cursor): readonly Expression[] {
  if (item.kind !== 'join') return []
  const isLeft = tablesIn(item.left).includes(table)
  if (!isLeft && !tablesIn(item.right).includes(table)) return []
  const inner = metBy(table, isLeft ? item.left : item.right, cursor)
  const keeps = cursor.outerJoins.get(item)
  if (keeps === (isLeft ? 'left' : 'right')) return inner
  const equal = item.using.map((name) => operation('=', [column(nameOf(table), name), column('\0beside', name)]))
  return [...inner, ...(item.on === undefined ? [] : [item.on]), ...equal]
}

// ── DELETE ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Source: MySQL manual, DELETE Statement; MariaDB, DELETE. */
export function readDelete(cursor: Cursor, clause: With | undefined): Statement {
  cursor.expect('DELETE')
  while (cursor.takeAny('LOW_PRIORITY', 'QUICK', 'IGNORE') !== undefined);
  if (cursor.isMariadb && cursor.take('HISTORY')) return readDeleteHistory(cursor)
  if (cursor.take('FROM')) {
    if (!isSeveral(cursor)) return readDeleteOne(cursor, clause)
    const named = cursor.list(() => readDeleted(cursor))
    cursor.expect('USING')
    return readDeleteSeveral(named, cursor, clause)
  }
  const named = cursor.list(() => readDeleted(cursor))
  cursor.expect('FROM')
  return readDeleteSeveral(named, cursor, clause)
}

/** Whether the statement deletes from several tables: names separated by commas, stars after them, or USING. */
function isSeveral(cursor: Cursor): boolean {
  const offset = cursor.isSignAt(1, '.') && !cursor.isSignAt(2, '*') ? 3 : 1
  return cursor.isSignAt(offset, ',') || cursor.isSignAt(offset, '.') || cursor.wordAt(offset) === 'USING'
}

function readDeleted(cursor: Cursor): readonly [schema: string | undefined, name: string] {
  const first = cursor.tableName()
  if (!cursor.takeSign('.')) return [undefined, first]
  if (cursor.takeSign('*')) return [undefined, first]
  const second = cursor.tableName()
  if (cursor.takeSign('.')) cursor.expectSign('*')
  return [first, second]
}

function readDeleteOne(cursor: Cursor, clause: With | undefined): Delete | Change {
  const named = cursor.qualifiedName()
  const alias = cursor.isMariadb ? undefined : readAlias(cursor, false)
  const name = readPartition(named, cursor)
  const target: Table = { kind: 'table', name, alias, sample: [], method: undefined }
  const { where, order, limit } = readConditions(cursor, readPortion(cursor))
  const returning = readReturning(cursor)
  if (order.length === 0 && limit.length === 0)
    return { kind: 'delete', with: clause, target, from: [], where, returning }
  return change('delete', clause, [target], [target], [], where, order, limit, returning, cursor)
}

function readDeleteSeveral(
  named: readonly (readonly [schema: string | undefined, name: string])[],
  cursor: Cursor,
  clause: With | undefined,
): Change {
  const from = readFrom(cursor)
  const tables = from.flatMap(tablesIn)
  const written = named.map(([schema, name]) => {
    const found = tables.filter(
      (table) =>
        nameOf(table) === name &&
        (schema === undefined || (table.alias === undefined && (table.name.schema ?? schema) === schema)),
    )
    return found[0] ?? cursor.fail('tables that are joined')
  })
  const where = cursor.take('WHERE') ? readExpression(cursor) : undefined
  return change('delete', clause, from, written, [], where, [], [], undefined, cursor)
}

/** Old versions of rows. */
function readDeleteHistory(cursor: Cursor): Delete {
  cursor.expect('FROM')
  const target = readTable(cursor)
  if (cursor.take('BEFORE')) {
    cursor.expect('SYSTEM_TIME')
    cursor.takeAny('TIMESTAMP', 'TRANSACTION')
    readBits(cursor)
  }
  return { kind: 'delete', with: undefined, target, from: [], where: undefined, returning: undefined }
}
