import type { Copy, Expression, Utility } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { utility } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, variableName, type Cursor } from './cursor.ts'
import { readCharset, readExportOptions } from './queries.ts'
import { readIndexLoad } from './tables.ts'
import { readValue } from './rows.ts'

/** LOAD DATA and LOAD XML. Source: MySQL manual, LOAD DATA Statement, LOAD XML Statement; MariaDB, LOAD DATA INFILE. */
export function readLoad(cursor: Cursor): Utility {
  cursor.expect('LOAD')
  if (cursor.is('INDEX')) return readIndexLoad(cursor)
  const isXml = cursor.expectAny('DATA', 'XML') === 'XML'
  cursor.takeAny('LOW_PRIORITY', 'CONCURRENT')
  const isLocal = cursor.take('LOCAL')
  cursor.expect('INFILE')
  const given: Expression[] = [cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('the name of a file')]
  cursor.takeAny('REPLACE', 'IGNORE')
  cursor.expect('INTO', 'TABLE')
  const relation = cursor.qualifiedName()
  if (cursor.take('PARTITION')) cursor.parenthesized(() => cursor.name())
  readCharset(cursor)
  if (isXml && cursor.take('ROWS')) {
    cursor.expect('IDENTIFIED', 'BY')
    given.push(cursor.kind === Kind.text ? constantAt(cursor) : cursor.fail('a text'))
  } else if (!isXml) given.push(...readExportOptions(cursor))
  if (cursor.take('IGNORE')) {
    given.push(cursor.kind === Kind.integer ? constantAt(cursor) : cursor.fail('a number'))
    cursor.expectAny('LINES', 'ROWS')
  }
  const { columns, variables, sets } = readColumns(cursor)
  const copy: Copy = { direction: 'from', where: isLocal ? 'client' : 'file', relation, columns, options: {} }
  return utility(isLocal ? 'load-data-local' : 'load-data', {
    writes: [relation],
    on: relation,
    expressions: [...given, ...sets],
    detail: { copy, assigns: variables },
  })
}

/** `(column, @variable) SET column = …`. */
function readColumns(cursor: Cursor): {
  readonly columns: readonly string[]
  readonly variables: readonly string[]
  readonly sets: readonly Expression[]
} {
  const columns: string[] = []
  const variables: string[] = []
  if (cursor.takeSign('(') && !cursor.takeSign(')')) {
    cursor.list(() => {
      if (cursor.kind === Kind.userVariable) variables.push(variableName(cursor.tokens.value(cursor.at++)))
      else columns.push(readColumn(cursor))
    })
    cursor.expectSign(')')
  }
  const sets: Expression[] = []
  if (cursor.take('SET'))
    cursor.list(() => {
      columns.push(readColumn(cursor))
      if (!cursor.takeSign(':=')) cursor.expectSign('=')
      sets.push(readValue(cursor))
    })
  return { columns, variables, sets }
}

function readColumn(cursor: Cursor): string {
  let name = cursor.name()
  while (cursor.takeSign('.')) name = cursor.name()
  return fold(name)
}
