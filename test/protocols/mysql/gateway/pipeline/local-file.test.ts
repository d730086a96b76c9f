import { expect, it } from 'vitest'
import { readStatements } from '../../../../../src/protocols/mysql/dialect/parse-statement.ts'
import { fileOf } from '../../../../../src/protocols/mysql/gateway/pipeline/local-file.ts'
import { readingContext } from '../../../../helpers/read-mysql.ts'

function asked(sql: string): string | undefined {
  const parsed = readStatements(sql, readingContext({ multiStatements: true }))
  if ('failure' in parsed) throw new Error(parsed.failure)
  return fileOf(sql, { parsed })
}

it.each([
  ["LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE t", 'rows.csv'],
  ['load data low_priority local infile "rows.csv" into table t', 'rows.csv'],
  ["LOAD DATA LOCAL INFILE 'it''s' INTO TABLE t", "it's"],
  [String.raw`LOAD DATA LOCAL INFILE 'a\tb\'c\\d' INTO TABLE t`, "a\tb'c\\d"],
  // The file of the server is no file of the client.
  ["LOAD DATA INFILE 'rows.csv' INTO TABLE t", undefined],
  ["SELECT 'local infile ''x'''", undefined],
  ["LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE t; SELECT 1", undefined],
  ["SELECT 1; LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE t", undefined],
])('%s', (sql, expected) => {
  expect(asked(sql)).toBe(expected)
})
