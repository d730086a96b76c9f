import { describe, expect, it } from 'vitest'
import type { MaskedKind } from '../../../../../src/masking/plan.ts'
import {
  isPlainInfo,
  maskedErr,
  meantRows,
  warningMasking,
} from '../../../../../src/protocols/mysql/gateway/results/masked-messages.ts'
import type { Masker } from '../../../../../src/protocols/mysql/gateway/results/row-masking.ts'
import {
  columnTypes as types,
  type ColumnDefinition,
} from '../../../../../src/protocols/mysql/wire/column-definition.ts'
import { PLAIN } from '../../../../../src/sql/lineage/origin.ts'
import type { ErrorExposure } from '../../../../../src/sql/facts/text-facts.ts'

const EMAILS: MaskedKind = { kind: 'email', style: 'redact', hashScope: 'session' }
const masker = (kinds: readonly MaskedKind[] = []): Masker => ({
  scope: { plan: { columns: [], kinds }, anything: PLAIN, sources: {} as never },
  keys: { session: Buffer.alloc(32, 1), target: Buffer.alloc(32, 2) },
})

const err = (code: number, sqlstate: string, message: string) => ({ code, sqlstate, message: Buffer.from(message) })
const shown = (
  code: number,
  sqlstate: string,
  message: string,
  exposure: ErrorExposure,
  kinds: readonly MaskedKind[] = [],
): string => {
  const masked = maskedErr(err(code, sqlstate, message), exposure, masker(kinds), 'utf8mb4')
  return `${masked.code} ${masked.sqlstate} ${masked.message.toString()}`
}

describe('an error', () => {
  it.each<[number, string, string, string]>([
    [1062, '23000', "Duplicate entry 'ann@example.com' for key 'email'", 'Duplicate entry for a key'],
    [
      1366,
      '22007',
      "Incorrect integer value: 'ann' for column `shop`.`t`.`a` at row 1",
      'Incorrect value for a column',
    ],
    [1292, '22007', "Truncated incorrect DOUBLE value: 'ann'", 'A value is incorrect or was truncated'],
    [1690, '22003', "BIGINT value is out of range in '(4111 * 9)'", 'A value is out of range'],
    [1105, 'HY000', "XPATH syntax error: '~ann'", 'message withheld: it may contain masked values'],
    [1644, '45000', 'ann', 'An error was signaled'],
    [1298, 'HY000', "Unknown or incorrect time zone: 'ann'", 'message withheld: it may contain masked values'],
    [1115, '42000', "Unknown character set: 'ann'", 'message withheld: it may contain masked values'],
    [
      1231,
      '42000',
      "Variable 'sql_mode' can't be set to the value of 'ann'",
      'message withheld: it may contain masked values',
    ],
    [1003, 'YES', "select 'ann' AS `email`", 'message withheld: it may contain masked values'],
    [1470, 'HY000', "String 'ann' is too long for user name", 'message withheld: it may contain masked values'],
    [65000, 'HY000', 'ann', 'message withheld: it may contain masked values'],
  ])(
    '%i keeps its number, and says nothing of values where masked columns are involved',
    (code, state, message, text) => {
      for (const exposure of ['quoted', 'named'] as const) {
        expect(shown(code, state, message, exposure)).toContain(`${code} ${state} ${text}`)
        expect(shown(code, state, message, exposure)).not.toMatch(/ann|4111/)
      }
      expect(shown(code, state, message, 'none')).toBe(`${code} ${state} ${message}`)
    },
  )

  it.each<[number, string, string]>([
    [1054, '42S22', "Unknown column 'nope' in 'SELECT'"],
    [1146, '42S02', "Table 'shop.nope' doesn't exist"],
    [1064, '42000', "You have an error in your SQL syntax; … near 'frm' at line 1"],
    [1205, 'HY000', 'Lock wait timeout exceeded; try restarting transaction'],
    [1142, '42000', "SELECT command denied to user 'app'@'%' for table `shop`.`secret`"],
    [1048, '23000', "Column 'email' cannot be null"],
    [1406, '22001', "Data too long for column 'email' at row 1"],
  ])('%i passes, since it holds no value', (code, state, message) => {
    expect(shown(code, state, message, 'quoted')).toBe(`${code} ${state} ${message}`)
  })

  it('names no column or constraint where a partition would tell of the row', () => {
    expect(shown(1452, '23000', 'a foreign key constraint fails (`shop`.`t`)', 'quoted')).toContain('`shop`.`t`')
    expect(shown(1452, '23000', 'a foreign key constraint fails (`shop`.`t`)', 'named')).not.toContain('`shop`.`t`')
    expect(shown(1146, '42S02', "Table 'shop.x' doesn't exist", 'named')).toContain('shop.x')
  })

  it('of code that nobody has read says what it is, if it is usual, and no word of its own', () => {
    expect(shown(1062, '23000', 'ann', 'any')).toMatch(/^1062 23000 Duplicate entry/)
    expect(shown(1146, '42S02', "Table 'ann' doesn't exist", 'any')).toBe(
      '1146 42S02 message withheld: it may contain masked values',
    )
    expect(shown(4711, '47110', 'x', 'any')).toBe('1644 45000 message withheld: it may contain masked values')
    expect(shown(1062, '47110', 'x', 'any')).toMatch(/^1062 HY000 /)
  })

  it('has kinds of data hidden, in any character set', () => {
    expect(shown(1049, '42000', "Unknown database 'ann@example.com'", 'none', [EMAILS])).toBe(
      "1049 42000 Unknown database '****'",
    )
    expect(shown(1049, '42000', "Unknown database 'ann\\u0040example.com'", 'none', [EMAILS])).toBe(
      '1049 42000 message withheld: it may contain masked values',
    )
    const { message } = maskedErr(
      { code: 1049, sqlstate: '42000', message: Buffer.from('é ann@example.com', 'latin1') },
      'none',
      masker([EMAILS]),
      'latin1',
    )
    expect(message.toString('latin1')).toBe('é ****')
  })
})

describe('rows of SHOW WARNINGS', () => {
  const column = (name: string, type: number): ColumnDefinition => ({
    schema: '',
    table: '',
    originalTable: '',
    name,
    originalName: '',
    collation: 45,
    length: 0,
    type,
    flags: 0,
    decimals: 0,
  })
  const columns = [column('Level', types.varString), column('Code', types.long), column('Message', types.varString)]
  const text = (...values: string[]): Buffer =>
    Buffer.concat(values.map((value) => Buffer.concat([Buffer.of(value.length), Buffer.from(value)])))
  const binary = (level: string, code: number, message: string): Buffer => {
    const number = Buffer.alloc(4)
    number.writeUInt32LE(code)
    return Buffer.concat([Buffer.from([0, 0]), text(level), number, text(message)])
  }

  it('are hidden by their numbers, as errors are', () => {
    const mask = warningMasking(columns, 'text', 'quoted', masker(), 'utf8mb4')
    expect(mask(text('Warning', '1366', "Incorrect value: 'ann'")).toString('latin1')).toMatch(
      /^.Warning.1366.Incorrect value for a column \(/,
    )
    const known = text('Note', '1051', "Unknown table 'shop.x'")
    expect(mask(known)).toEqual(known)
    const same = warningMasking(columns, 'binary', 'quoted', masker(), 'utf8mb4')
    expect(same(binary('Warning', 1366, "Incorrect value: 'ann'")).toString('latin1')).not.toContain('ann')
    expect(same(binary('Note', 1051, "Unknown table 'x'"))).toEqual(binary('Note', 1051, "Unknown table 'x'"))
    expect(warningMasking(columns, 'text', 'any', masker(), 'utf8mb4')(known).toString('latin1')).not.toContain(
      'shop.x',
    )
  })

  it('that are not like those are NULL', () => {
    const mask = warningMasking(columns.toReversed(), 'text', 'quoted', masker(), 'utf8mb4')
    expect(mask(text("Incorrect value: 'ann'", '1366', 'x'))).toEqual(Buffer.from([0xfb, 0xfb, 0xfb]))
  })
})

it('the words of an OK packet are counts, or they are not known', () => {
  for (const info of [
    '',
    'Records: 3  Duplicates: 0  Warnings: 0',
    'Rows matched: 1  Changed: 1  Warnings: 0',
    'Records: 1  Deleted: 0  Skipped: 0  Warnings: 0',
  ])
    expect(isPlainInfo({ info: Buffer.from(info) })).toBe(true)
  for (const info of ['ann@example.com', 'Records: 3  Duplicates: 0  Warnings: 0 ann', 'Rows matched: ann'])
    expect(isPlainInfo({ info: Buffer.from(info) })).toBe(false)
})

it('an OK packet tells how many rows were meant, not how many were other than before', () => {
  const meant = (info: string, kind: string, affectedRows: bigint, exposure: ErrorExposure = 'quoted') => {
    const found = meantRows({ affectedRows, lastInsertId: 7n, info: Buffer.from(info) }, [kind], exposure)
    return found && [found.affectedRows, found.lastInsertId, found.info.toString()]
  }
  const words = (changed: number): string => `Rows matched: 3  Changed: ${changed}  Warnings: 0`
  expect(meant(words(1), 'update', 1n)).toEqual([3n, 7n, words(3)])
  const records = (duplicates: number): string => `Records: 3  Duplicates: ${duplicates}  Warnings: 1`
  expect(meant(records(0), 'insert', 3n)).toEqual([3n, 7n, records(0)])
  expect(meant(records(2), 'insert', 5n)).toEqual([3n, 0n, records(0)])
  expect(meant(records(1), 'insert', 3n)).toEqual([3n, 0n, records(0)])
  expect(meant('', 'insert', 1n)).toEqual([1n, 7n, ''])
  for (const affected of [0n, 2n]) expect(meant('', 'insert', affected)).toEqual([1n, 0n, ''])
  expect(meant('', 'replace', 2n)).toEqual([1n, 0n, ''])
  // LAST_INSERT_ID(id) says the same of a row that is changed and of one that had these values.
  for (const affectedRows of [0n, 1n, 2n]) {
    const ok = { affectedRows, lastInsertId: 7n, info: Buffer.alloc(0) }
    expect(meantRows(ok, ['insert', 'update'], 'quoted', true)).toMatchObject({ affectedRows: 1n, lastInsertId: 7n })
  }
  expect(meant('', 'delete', 1n)).toBeUndefined()
  expect(meant(words(1), 'update', 1n, 'none')).toBeUndefined()
})
