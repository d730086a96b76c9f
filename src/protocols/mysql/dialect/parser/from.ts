import type { Alias, Expression, FromItem, Join, Name, Table, TypeName, ValueTable } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { constantAt } from './constants.ts'
import type { Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { readBits } from './expressions.ts'
import { isQueryInParentheses, readSubquery } from './subqueries.ts'
import { readType } from './types.ts'

/** Items of FROM with commas between, which bind less tightly than JOIN. Source: MySQL manual, JOIN Clause; MariaDB, JOIN Syntax. */
export const readFrom = (cursor: Cursor): readonly FromItem[] => cursor.list(() => readReference(cursor))

/** Joined tables. An ON belongs to the last preceding join without one. */
function readReference(cursor: Cursor): FromItem {
  let left = readFactor(cursor)
  for (;;) {
    const join = takeJoin(cursor)
    if (join === undefined) return left
    const right = join === 'natural' ? readFactor(cursor) : cursor.nest(() => readReference(cursor))
    left = joined(left, right, join, cursor)
    cursor.grow()
  }
}

type JoinKind = 'natural' | 'inner' | 'straight' | 'left' | 'right'

function takeJoin(cursor: Cursor): JoinKind | undefined {
  if (cursor.take('NATURAL')) {
    if (cursor.takeAny('LEFT', 'RIGHT') !== undefined) cursor.take('OUTER')
    else cursor.take('INNER')
    cursor.expect('JOIN')
    return 'natural'
  }
  if (cursor.take('STRAIGHT_JOIN')) return 'straight'
  if (cursor.take('JOIN') || cursor.take('INNER', 'JOIN') || cursor.take('CROSS', 'JOIN')) return 'inner'
  const side = cursor.takeAny('LEFT', 'RIGHT')
  if (side === undefined) return undefined
  cursor.take('OUTER')
  cursor.expect('JOIN')
  return side === 'LEFT' ? 'left' : 'right'
}

function joined(left: FromItem, right: FromItem, kind: JoinKind, cursor: Cursor): Join {
  const join: Join = {
    kind: 'join',
    left,
    right,
    natural: kind === 'natural',
    using: [],
    usingAlias: undefined,
    on: undefined,
    operators: kind === 'natural' ? EQUALS : [],
    alias: undefined,
  }
  const outer = kind === 'left' || kind === 'right'
  if (kind !== 'natural' && cursor.take('ON')) return keep({ ...join, on: readExpression(cursor) }, kind, cursor)
  if (kind !== 'natural' && cursor.take('USING'))
    return keep({ ...join, using: cursor.parenthesized(() => cursor.columnName()), operators: EQUALS }, kind, cursor)
  if (outer) cursor.fail('ON or USING')
  return join
}

const EQUALS: readonly Name[] = [{ schema: undefined, name: '=' }]

/** Outer joins are noted for statements that write to one of the joined tables. */
function keep(join: Join, kind: JoinKind, cursor: Cursor): Join {
  if (kind === 'left' || kind === 'right') cursor.outerJoins.set(join, kind)
  return join
}

function readFactor(cursor: Cursor): FromItem {
  if (cursor.isSign('{')) return readOuterJoin(cursor)
  if (cursor.take('LATERAL')) {
    if (cursor.isMariadb) cursor.fail('a table')
    const query = readSubquery(cursor)
    return { kind: 'derived', query, lateral: true, alias: neededAlias(cursor) }
  }
  if (cursor.isSign('(')) {
    if (isQueryInParentheses(cursor)) {
      const query = readSubquery(cursor)
      if (cursor.isMariadb && cursor.is('FOR')) readSystemTime(cursor)
      return { kind: 'derived', query, lateral: false, alias: neededAlias(cursor) }
    }
    return cursor.nest(() => readNested(cursor))
  }
  if (cursor.is('JSON_TABLE') && cursor.isSignAt(1, '(')) return readJsonTable(cursor)
  return readTable(cursor)
}

/** `{OJ table LEFT OUTER JOIN table ON …}`. */
function readOuterJoin(cursor: Cursor): FromItem {
  cursor.expectSign('{')
  cursor.name()
  const item = cursor.nest(() => readReference(cursor))
  cursor.expectSign('}')
  return item
}

/** `(a, b)`, `(a JOIN b ON …)`. */
function readNested(cursor: Cursor): FromItem {
  cursor.expectSign('(')
  const [first, ...others] = readFrom(cursor)
  cursor.expectSign(')')
  if (first === undefined) return cursor.fail('a table')
  return others.reduce((left, right) => {
    cursor.grow()
    return {
      kind: 'join',
      left,
      right,
      natural: false,
      using: [],
      usingAlias: undefined,
      on: undefined,
      operators: [],
      alias: undefined,
    }
  }, first)
}

/** A table, with the clauses between its name and its alias. */
export function readTable(cursor: Cursor): Table {
  const name = readPartition(cursor.qualifiedName(), cursor)
  const sample = cursor.isMariadb && cursor.are('FOR', 'SYSTEM_TIME') ? readSystemTime(cursor) : []
  const alias = readAlias(cursor, false)
  readIndexHints(cursor)
  return { kind: 'table', name, alias, sample, method: undefined }
}

/** `PARTITION (p)` is read as a part of the table: which rows are in a partition reveals something about their keys. */
export function readPartition(name: Name, cursor: Cursor): Name {
  if (!cursor.take('PARTITION')) return name
  cursor.parenthesized(() => cursor.name())
  return { ...name, only: true }
}

export function readAlias(cursor: Cursor, mayNameColumns: boolean): Alias | undefined {
  const { isNoTableAlias } = cursor.words
  const isNamed = cursor.take('AS')
  if (!isNamed && !cursor.isNameAt(0, isNoTableAlias)) return undefined
  const name = cursor.tableName(isNoTableAlias)
  const columns =
    mayNameColumns && !cursor.isMariadb && cursor.isSign('(') ? cursor.parenthesized(() => cursor.columnName()) : []
  return { name, columns }
}

const neededAlias = (cursor: Cursor): Alias => readAlias(cursor, true) ?? cursor.fail('an alias')

/** FOR SYSTEM_TIME, earlier versions of rows: it determines which rows there are. */
function readSystemTime(cursor: Cursor): readonly Expression[] {
  cursor.expect('FOR', 'SYSTEM_TIME')
  const point = (): Expression => {
    cursor.takeAny('TIMESTAMP', 'TRANSACTION')
    return readBits(cursor)
  }
  if (cursor.take('ALL')) return []
  if (cursor.take('AS', 'OF')) return [point()]
  if (cursor.take('BETWEEN')) {
    const from = point()
    cursor.expect('AND')
    return [from, point()]
  }
  cursor.expect('FROM')
  const from = point()
  cursor.expect('TO')
  return [from, point()]
}

function readIndexHints(cursor: Cursor): void {
  while (cursor.isAny('USE', 'FORCE', 'IGNORE') && ['INDEX', 'KEY'].includes(cursor.wordAt(1))) {
    const isUse = cursor.is('USE')
    cursor.at += 2
    if (cursor.take('FOR') && !cursor.take('JOIN') && !cursor.take('ORDER', 'BY')) cursor.expect('GROUP', 'BY')
    cursor.expectSign('(')
    if (isUse && cursor.takeSign(')')) continue
    cursor.list(() => (cursor.take('PRIMARY') ? 'PRIMARY' : cursor.name()))
    cursor.expectSign(')')
  }
}

// ── JSON_TABLE ─────────────────────────────────────────────────────────────────────────────────────────────────────

function readJsonTable(cursor: Cursor): ValueTable {
  const args: Expression[] = []
  const types: TypeName[] = []
  cursor.at++
  cursor.expectSign('(')
  args.push(readExpression(cursor))
  cursor.expectSign(',')
  args.push(textAt(cursor))
  readJsonColumns(cursor, args, types)
  cursor.expectSign(')')
  return { kind: 'value-table', args, types, alias: neededAlias(cursor) }
}

const textAt = (cursor: Cursor): Expression => (cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('a text'))

function readJsonColumns(cursor: Cursor, args: Expression[], types: TypeName[]): void {
  cursor.expect('COLUMNS')
  cursor.parenthesized(() => {
    if (cursor.take('NESTED')) {
      cursor.take('PATH')
      args.push(textAt(cursor))
      cursor.nest(() => readJsonColumns(cursor, args, types))
      return
    }
    cursor.name()
    if (cursor.take('FOR', 'ORDINALITY')) return
    types.push(readType(cursor, false))
    if (cursor.take('COLLATE')) cursor.name()
    cursor.take('EXISTS')
    cursor.expect('PATH')
    args.push(textAt(cursor))
    while (!cursor.isSign(',') && !cursor.isSign(')')) {
      if (cursor.take('DEFAULT')) args.push(readExpression(cursor))
      else cursor.expectAny('NULL', 'ERROR')
      cursor.expect('ON')
      cursor.expectAny('EMPTY', 'ERROR')
    }
  })
}
