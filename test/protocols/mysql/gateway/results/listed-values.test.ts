import { describe, expect, it } from 'vitest'
import { readStatements } from '../../../../../src/protocols/mysql/dialect/parse-statement.ts'
import { listMasking, listsOf } from '../../../../../src/protocols/mysql/gateway/results/listed-values.ts'
import { columnTypes, type ColumnDefinition } from '../../../../../src/protocols/mysql/wire/column-definition.ts'
import { readTextRow } from '../../../../../src/protocols/mysql/wire/text-row.ts'
import { MARIADB } from '../../../../helpers/mysql-facts.ts'

const CONTEXT = {
  server: MARIADB,
  sqlMode: new Set<string>(),
  database: 'shop',
  multiStatements: true,
  charset: 'utf8mb4',
  foldsTableNames: false,
  keepsAscii: true,
} as const

describe('what a statement lists', () => {
  it.each([
    ['SHOW STATUS', 'status'],
    ["SHOW GLOBAL STATUS LIKE 'x'", 'status'],
    ['SHOW VARIABLES', 'settings'],
    ['SET STATEMENT max_statement_time = 1 FOR SHOW SESSION STATUS', 'status'],
    ['SHOW CLIENT_STATISTICS', 'counts'],
    ['SHOW TABLES', undefined],
    ['SELECT 1', undefined],
  ])('%s', (sql, lists) => {
    const parsed = readStatements(sql, CONTEXT)
    if ('failure' in parsed) throw new Error(parsed.failure)
    expect(parsed.map(({ tree }) => listsOf(tree))).toEqual([lists])
  })
})

const column = (collation = 45): ColumnDefinition => ({
  schema: '',
  table: '',
  originalTable: '',
  name: 'x',
  originalName: '',
  collation,
  length: 64,
  type: columnTypes.varString,
  flags: 0,
  decimals: 0,
})
const row = (...values: string[]): Buffer =>
  Buffer.concat(values.map((value) => Buffer.concat([Buffer.of(Buffer.byteLength(value)), Buffer.from(value)])))
const shown = (lists: 'status' | 'settings', columns: readonly ColumnDefinition[], ...values: string[]) =>
  readTextRow(listMasking(columns, 'text', lists)(row(...values)), columns.length).map(String)

describe('a listed value', () => {
  const two = [column(), column()]
  it('is hidden where it counts', () => {
    expect(shown('status', two, 'Handler_update', '1')).toEqual(['Handler_update', '****'])
    expect(shown('status', two, 'Handler_update', '')).toEqual(['Handler_update', '****'])
    expect(shown('settings', two, 'gtid_binlog_pos', '0-1-9')).toEqual(['gtid_binlog_pos', '****'])
  })
  it('is shown where it does not', () => {
    expect(shown('status', two, 'Ssl_cipher', 'TLS')).toEqual(['Ssl_cipher', 'TLS'])
    expect(shown('settings', two, 'port', '3306')).toEqual(['port', '3306'])
  })
  it('is hidden by its own name and not by that of the row before', () => {
    const masking = listMasking(two, 'text', 'status')
    masking(row('Uptime', '5'))
    expect(readTextRow(masking(row('Com_update', '5')), 2).map(String)).toEqual(['Com_update', '****'])
  })
  it('is hidden where its name cannot be read, or the rows look otherwise', () => {
    expect(shown('settings', [column(0), column()], 'port', '3306')).toEqual(['port', '****'])
    expect(shown('settings', [...two, column()], 'port', '3306', 'x')).toEqual(['null', 'null', 'null'])
  })
})
