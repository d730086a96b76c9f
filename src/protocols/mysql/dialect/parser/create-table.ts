import type { Expression, Name, TypeName, Utility, UtilityDetail } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import { utility } from './build.ts'
import { constantAt } from './constants.ts'
import { fold, type Cursor } from './cursor.ts'
import { readExpression } from './clauses.ts'
import { isQueryInParentheses, isQueryWord } from './subqueries.ts'
import { readQuery } from './queries.ts'
import { readType } from './types.ts'

/** What the definition of a table, or a change of one, computes and names. */
export class Definition {
  readonly expressions: Expression[] = []
  readonly types: TypeName[] = []
  readonly reads: Name[] = []
  readonly references: UtilityDetail['references'][number][] = []
  readonly gives: string[] = []
  readonly unknown: string[] = []
  secret = false
  checks = false
}

/** Source: MySQL manual, CREATE TABLE Statement; MariaDB, CREATE TABLE. */
export function readCreateTable(temporary: boolean, replaces: boolean, cursor: Cursor): Utility {
  cursor.take('IF', 'NOT', 'EXISTS')
  const name = cursor.qualifiedName()
  const made = { [replaces ? 'writes' : 'makes']: [name] }
  const like = cursor.take('LIKE') ? cursor.qualifiedName() : likeInParentheses(cursor)
  if (like !== undefined) return utility('create-table', { ...made, reads: [like], detail: { temporary } })
  const found = new Definition()
  const isDefined = cursor.isSign('(') && !isQueryInParentheses(cursor)
  if (isDefined) cursor.parenthesized(() => readElement(found, cursor))
  readTableOptions(found, cursor)
  if (cursor.take('PARTITION')) readPartitions(found, cursor)
  cursor.takeAny('IGNORE', 'REPLACE')
  const isNamed = cursor.take('AS')
  const selects = isNamed || isQueryWord(cursor) || isQueryInParentheses(cursor)
  // Engines of MariaDB may determine the columns themselves.
  if (!selects && !isDefined && !cursor.isMariadb) cursor.fail('columns')
  const { into } = cursor
  const statements = selects ? [cursor.nest(() => readQuery(cursor))] : []
  if (cursor.into !== into) cursor.fail('a query without INTO')
  return utility(selects ? 'create-table-as' : 'create-table', {
    ...made,
    on: name,
    statements,
    ...partsOf(found),
    detail: { ...detailOf(found), temporary, stores: selects ? 'a new table' : undefined },
  })
}

export const partsOf = ({ expressions, types, reads, unknown }: Definition): Partial<Utility> => ({
  expressions,
  types,
  reads,
  unknown,
})

export const detailOf = ({ references, gives, secret, checks }: Definition): Partial<UtilityDetail> => ({
  references,
  gives,
  secret,
  checks,
})

function likeInParentheses(cursor: Cursor): Name | undefined {
  if (!cursor.isSign('(') || cursor.wordAt(1) !== 'LIKE') return undefined
  cursor.at += 2
  const named = cursor.qualifiedName()
  cursor.expectSign(')')
  return named
}

// ── columns, keys and checks ───────────────────────────────────────────────────────────────────────────────────────

/** One item of the list in parentheses. */
export function readElement(found: Definition, cursor: Cursor): void {
  const isConstraint = cursor.take('CONSTRAINT')
  if (isConstraint) {
    cursor.take('IF', 'NOT', 'EXISTS')
    if (!cursor.isAny('PRIMARY', 'UNIQUE', 'FOREIGN', 'CHECK')) found.gives.push(cursor.name())
  }
  if (readKey(found, cursor)) return
  if (cursor.take('CHECK')) return readCheck(found, cursor)
  if (isConstraint) cursor.fail('a constraint')
  if (cursor.isMariadb && cursor.are('PERIOD', 'FOR')) {
    cursor.at += 2
    cursor.name()
    cursor.parenthesized(() => cursor.name())
    return
  }
  readColumn(found, cursor)
}

function readCheck(found: Definition, cursor: Cursor): void {
  found.checks = true
  cursor.expectSign('(')
  found.expressions.push(readExpression(cursor))
  cursor.expectSign(')')
  if (!cursor.isMariadb && (cursor.take('NOT', 'ENFORCED') || cursor.take('ENFORCED'))) return
}

function readKey(found: Definition, cursor: Cursor): boolean {
  if (cursor.take('FOREIGN', 'KEY')) {
    cursor.take('IF', 'NOT', 'EXISTS')
    if (!cursor.isSign('(')) cursor.name()
    cursor.parenthesized(() => cursor.name())
    readReferences(found, cursor)
    return true
  }
  if (cursor.take('PRIMARY', 'KEY') || cursor.take('UNIQUE')) cursor.takeAny('INDEX', 'KEY')
  else if (cursor.takeAny('FULLTEXT', 'SPATIAL') !== undefined) cursor.takeAny('INDEX', 'KEY')
  else if (cursor.takeAny('INDEX', 'KEY') === undefined) return false
  cursor.take('IF', 'NOT', 'EXISTS')
  if (!cursor.isSign('(') && !cursor.isAny('USING', 'TYPE')) found.gives.push(cursor.name())
  readIndexOptions(cursor)
  found.expressions.push(...readKeyParts(cursor).expressions)
  readIndexOptions(cursor)
  return true
}

/** `(column(10) DESC, (expression))`. */
export function readKeyParts(cursor: Cursor): { columns: readonly string[]; expressions: readonly Expression[] } {
  const columns: string[] = []
  const expressions: Expression[] = []
  cursor.parenthesized(() => {
    if (cursor.isSign('(')) {
      expressions.push(readExpression(cursor))
    } else {
      columns.push(cursor.columnName())
      if (cursor.takeSign('(')) {
        expressions.push(cursor.kind === Kind.integer ? constantAt(cursor) : cursor.fail('a number'))
        cursor.expectSign(')')
      }
      if (cursor.isMariadb) cursor.take('WITHOUT', 'OVERLAPS')
    }
    cursor.takeAny('ASC', 'DESC')
  })
  return { columns, expressions }
}

function readIndexOptions(cursor: Cursor): void {
  for (;;) {
    if (cursor.takeAny('USING', 'TYPE') !== undefined) cursor.expectAny('BTREE', 'HASH', 'RTREE')
    else if (cursor.take('KEY_BLOCK_SIZE')) {
      cursor.takeSign('=')
      cursor.integer()
    } else if (cursor.take('WITH', 'PARSER')) cursor.name()
    else if (cursor.take('COMMENT')) cursor.text()
    else if (cursor.takeAny('VISIBLE', 'INVISIBLE', 'IGNORED') !== undefined || cursor.take('NOT', 'IGNORED')) continue
    else if (cursor.take('CLUSTERING')) {
      cursor.takeSign('=')
      cursor.name()
    } else return
  }
}

function readReferences(found: Definition, cursor: Cursor): void {
  cursor.expect('REFERENCES')
  const to = cursor.qualifiedName()
  found.reads.push(to)
  const columns = cursor.isSign('(') ? cursor.parenthesized(() => cursor.columnName()) : []
  found.references.push({ to, columns })
  if (cursor.take('MATCH')) cursor.expectAny('FULL', 'PARTIAL', 'SIMPLE')
  while (cursor.is('ON') && ['DELETE', 'UPDATE'].includes(cursor.wordAt(1))) {
    cursor.at += 2
    if (cursor.takeAny('RESTRICT', 'CASCADE') !== undefined || cursor.take('NO', 'ACTION')) continue
    cursor.expect('SET')
    cursor.expectAny('NULL', 'DEFAULT')
  }
}

/** A column by its name, its type and its attributes. */
export function readColumn(found: Definition, cursor: Cursor): void {
  cursor.name()
  found.types.push(readType(cursor, false))
  while (readAttribute(found, cursor));
}

const FLAGS = [
  'NULL',
  'AUTO_INCREMENT',
  'UNSIGNED',
  'SIGNED',
  'ZEROFILL',
  'BINARY',
  'ASCII',
  'UNICODE',
  'BYTE',
  'VISIBLE',
  'INVISIBLE',
  'VIRTUAL',
  'STORED',
  'PERSISTENT',
  'COMPRESSED',
  'ENFORCED',
]

function readAttribute(found: Definition, cursor: Cursor): boolean {
  if (cursor.takeAny(...FLAGS) !== undefined) return true
  if (cursor.take('NOT')) {
    cursor.expectAny('NULL', 'ENFORCED', 'SECONDARY')
    return true
  }
  if (cursor.take('DEFAULT') || cursor.take('ON', 'UPDATE')) {
    found.expressions.push(readExpression(cursor))
    return true
  }
  if (cursor.take('PRIMARY')) {
    cursor.expect('KEY')
    return true
  }
  if (cursor.take('UNIQUE')) {
    cursor.take('KEY')
    return true
  }
  if (cursor.take('KEY')) return true
  if (cursor.take('COMMENT')) {
    cursor.text()
    return true
  }
  if (cursor.take('COLLATE') || cursor.take('CHARACTER', 'SET') || cursor.take('CHARSET')) {
    if (cursor.takeText() === undefined && !cursor.take('BINARY')) cursor.name()
    return true
  }
  if (cursor.take('GENERATED', 'ALWAYS')) return readGenerated(found, cursor)
  if (cursor.is('AS')) return readGenerated(found, cursor)
  if (cursor.take('CONSTRAINT')) {
    if (!cursor.is('CHECK')) found.gives.push(cursor.name())
    cursor.expect('CHECK')
    readCheck(found, cursor)
    return true
  }
  if (cursor.take('CHECK')) {
    readCheck(found, cursor)
    return true
  }
  if (cursor.is('REFERENCES')) {
    readReferences(found, cursor)
    return true
  }
  if (cursor.takeAny('COLUMN_FORMAT', 'STORAGE') !== undefined) {
    if (!cursor.take('DEFAULT')) cursor.name()
    return true
  }
  if (cursor.takeAny('SRID', 'REF_SYSTEM_ID') !== undefined) {
    cursor.takeSign('=')
    cursor.integer()
    return true
  }
  if (cursor.isMariadb && cursor.takeAny('WITH', 'WITHOUT') !== undefined) {
    cursor.expect('SYSTEM', 'VERSIONING')
    return true
  }
  return false
}

function readGenerated(found: Definition, cursor: Cursor): boolean {
  cursor.expect('AS')
  if (cursor.isMariadb && cursor.take('ROW')) {
    cursor.expectAny('START', 'END')
    return true
  }
  cursor.expectSign('(')
  found.expressions.push(readExpression(cursor))
  cursor.expectSign(')')
  return true
}

// ── options ────────────────────────────────────────────────────────────────────────────────────────────────────────

/** Engines that store rows on the server and do not show those of other tables. */
const ENGINES = new Set(
  'innodb myisam aria memory heap archive csv blackhole rocksdb ndb ndbcluster sequence columnstore'.split(' '),
)

/** Options that do not refer to other tables or to files. */
const OPTIONS = new Set(
  `AUTOEXTEND_SIZE AUTO_INCREMENT AVG_ROW_LENGTH CHECKSUM COLLATE COMMENT COMPRESSION DELAY_KEY_WRITE ENCRYPTED
   ENCRYPTION ENCRYPTION_KEY_ID IETF_QUOTES INSERT_METHOD ITEF_QUOTES KEY_BLOCK_SIZE MAX_ROWS MIN_ROWS PACK_KEYS PAGE_CHECKSUM
   PAGE_COMPRESSED PAGE_COMPRESSION_LEVEL ROW_FORMAT SEQUENCE STATS_AUTO_RECALC STATS_PERSISTENT STATS_SAMPLE_PAGES
   TABLE_CHECKSUM TRANSACTIONAL CHARSET SECONDARY_ENGINE_ATTRIBUTE`.split(/\s+/),
)

/** Returns whether an option was read; commas may separate options. */
export function readTableOption(found: Definition, cursor: Cursor): boolean {
  if (cursor.takeAny('ENGINE', 'TYPE') !== undefined) {
    cursor.takeSign('=')
    const engine = fold(cursor.takeText() ?? cursor.name())
    if (!ENGINES.has(engine)) found.unknown.push(`the engine ${engine} may reach beyond the table`)
    return true
  }
  if (cursor.isAny('DATA', 'INDEX') && cursor.wordAt(1) === 'DIRECTORY') {
    cursor.at += 2
    cursor.takeSign('=')
    cursor.text()
    found.unknown.push('it names a directory of the server')
    return true
  }
  if (cursor.take('UNION')) {
    cursor.takeSign('=')
    cursor.expectSign('(')
    if (!cursor.takeSign(')')) {
      found.reads.push(...cursor.list(() => cursor.qualifiedName()))
      cursor.expectSign(')')
    }
    found.unknown.push('it shows rows of other tables')
    return true
  }
  if (cursor.takeAny('CONNECTION', 'PASSWORD') !== undefined) {
    cursor.takeSign('=')
    cursor.text()
    found.secret = true
    found.unknown.push('it may show rows of another server')
    return true
  }
  if (cursor.isMariadb && cursor.are('WITH', 'SYSTEM', 'VERSIONING')) {
    cursor.at += 3
    return true
  }
  const isDefault = cursor.is('DEFAULT') && ['CHARACTER', 'CHARSET', 'CHAR', 'COLLATE'].includes(cursor.wordAt(1))
  if (isDefault) cursor.at++
  if (cursor.take('CHARACTER', 'SET') || cursor.take('CHAR', 'SET')) readOptionValue(cursor)
  else if (OPTIONS.has(cursor.word)) {
    cursor.at++
    readOptionValue(cursor)
  } else if (cursor.isName() && cursor.isSignAt(1, '=')) {
    // An option of an engine.
    found.unknown.push(`the option ${fold(cursor.name())} is not read`)
    readOptionValue(cursor)
  } else return false
  return true
}

function readOptionValue(cursor: Cursor): void {
  cursor.takeSign('=')
  if (cursor.kind === Kind.integer || cursor.kind === Kind.decimal || cursor.isText) cursor.at++
  else if (!cursor.take('DEFAULT') && !cursor.take('BINARY') && !cursor.take('ON')) cursor.name()
}

function readTableOptions(found: Definition, cursor: Cursor): void {
  while (readTableOption(found, cursor)) cursor.takeSign(',')
}

/** PARTITION BY, including names of files and tablespaces. */
export function readPartitions(found: Definition, cursor: Cursor): void {
  cursor.expect('BY')
  let open = 0
  const isEnd = (): boolean =>
    open === 0 && (cursor.isAny('AS', 'IGNORE', 'REPLACE', 'SELECT', 'WITH') || isQueryInParentheses(cursor))
  for (; !cursor.isAtStatementEnd && !isEnd(); cursor.at++) {
    const { sign } = cursor
    if (sign === '(') open++
    if (sign === ')' && --open < 0) cursor.fail('(')
    if (cursor.isAny('DIRECTORY', 'CONNECTION')) found.unknown.push('a partition names something of the server')
    if (cursor.isAny('SELECT')) cursor.fail('no query in a partition')
  }
  if (open > 0) cursor.fail(')')
}
