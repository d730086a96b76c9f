import { expect, it } from 'vitest'
import { StatementTable, type Prepared } from '../../../../../src/protocols/mysql/gateway/pipeline/statement-table.ts'

const prepared = (sql: string): Prepared => ({
  sql,
  context: undefined,
  parameters: 0,
  types: [],
  long: new Map(),
  cursor: undefined,
})

it('keeps each statement until it is closed, and the last one of a number', () => {
  const table = new StatementTable()
  table.set(1, prepared('SELECT 1'))
  table.set(2, prepared('SELECT 2'))
  table.set(2, prepared('SELECT 3'))
  expect([1, 2, 3].map((id) => table.get(id)?.sql)).toEqual(['SELECT 1', 'SELECT 3', undefined])
  table.delete(1)
  expect([1, 2].map((id) => table.get(id)?.sql)).toEqual([undefined, 'SELECT 3'])
  table.clear()
  expect(table.get(2)).toBeUndefined()
})

it('is full at the server’s default of max_prepared_stmt_count, and has room when one is closed', () => {
  const table = new StatementTable()
  const one = prepared('SELECT 1')
  for (let id = 1; id < 16_382; id++) table.set(id, one)
  expect(table.isFull).toBe(false)
  table.set(16_382, one)
  expect(table.isFull).toBe(true)
  table.delete(5)
  expect(table.isFull).toBe(false)
})
