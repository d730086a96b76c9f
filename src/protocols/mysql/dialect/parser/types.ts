import type { Constant, TypeName } from '../../../../sql/query.ts'
import { Kind } from '../tokens.ts'
import type { Cursor } from './cursor.ts'
import { constantAt } from './constants.ts'

/** A type, without the attributes of a column definition. Source: MySQL manual, Data Types; MariaDB, Data Types. */
export function readType(cursor: Cursor, isCast: boolean): TypeName {
  const { word } = cursor
  if (isCast && !CASTS.has(word) && !(cursor.isMariadb ? MARIADB_CASTS : MYSQL_CASTS).has(word)) cursor.fail('a type')
  if (!isCast && !TYPES.has(word)) cursor.fail('a type')
  cursor.at++
  const name = nameOfType(word, cursor)
  const modifiers = readModifiers(cursor)
  const hasCharset = takeCharset(cursor)
  return { schema: undefined, name, limited: modifiers.length > 0 || hasCharset, modifiers, array: false }
}

function nameOfType(word: string, cursor: Cursor): string {
  switch (word) {
    case 'NATIONAL':
      return `${cursor.expectAny('CHAR', 'CHARACTER', 'VARCHAR', 'VARCHARACTER').toLowerCase()}${varying(cursor)}`
    case 'CHAR':
    case 'CHARACTER':
    case 'NCHAR':
      return `${word.toLowerCase()}${varying(cursor)}`
    case 'DOUBLE':
      cursor.take('PRECISION')
      return 'double'
    case 'LONG':
      return `long${(cursor.takeAny('VARBINARY', 'VARCHAR') ?? '').toLowerCase()}${varying(cursor)}`
    case 'SIGNED':
    case 'UNSIGNED':
      cursor.takeAny('INTEGER', 'INT')
      return word.toLowerCase()
    default:
      return word.toLowerCase()
  }
}

const varying = (cursor: Cursor): string => (cursor.take('VARYING') ? ' varying' : '')

/** `(10)`, `(10, 2)`, `('a', 'b')`. */
function readModifiers(cursor: Cursor): readonly Constant[] {
  if (!cursor.isSign('(')) return []
  return cursor.parenthesized(() => {
    if (cursor.kind !== Kind.integer && cursor.kind !== Kind.text && cursor.kind !== Kind.hex) cursor.fail('a constant')
    return constantAt(cursor)
  })
}

/** Conversion to a character set may lose characters. */
function takeCharset(cursor: Cursor): boolean {
  if (cursor.take('CHARACTER', 'SET') || cursor.take('CHAR', 'SET') || cursor.take('CHARSET')) {
    if (!cursor.take('BINARY') && cursor.takeText() === undefined) cursor.name()
    cursor.take('BINARY')
    return true
  }
  if (cursor.takeAny('ASCII', 'UNICODE') === undefined) return false
  cursor.take('BINARY')
  return true
}

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/))

const CASTS = words(`
  BINARY CHAR CHARACTER NCHAR DATE DATETIME TIME DECIMAL DEC DOUBLE FLOAT REAL SIGNED UNSIGNED YEAR POINT LINESTRING
  POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON GEOMETRYCOLLECTION`)
const MYSQL_CASTS = words('JSON')
const MARIADB_CASTS = words('INTEGER INT VARCHAR VARCHARACTER NUMERIC FIXED NATIONAL INET4 INET6 UUID')
const TYPES = words(`
  BIT BOOL BOOLEAN TINYINT SMALLINT MEDIUMINT MIDDLEINT INT INTEGER BIGINT INT1 INT2 INT3 INT4 INT8 SERIAL DECIMAL DEC
  NUMERIC FIXED NUMBER FLOAT FLOAT4 FLOAT8 DOUBLE REAL DATE TIME DATETIME TIMESTAMP YEAR CHAR CHARACTER NCHAR NATIONAL
  VARCHAR VARCHARACTER NVARCHAR VARCHAR2 BINARY VARBINARY RAW TINYBLOB BLOB MEDIUMBLOB LONGBLOB TINYTEXT TEXT MEDIUMTEXT
  LONGTEXT CLOB LONG ENUM SET JSON GEOMETRY POINT LINESTRING POLYGON MULTIPOINT MULTILINESTRING MULTIPOLYGON
  GEOMETRYCOLLECTION GEOMCOLLECTION VECTOR INET4 INET6 UUID`)
