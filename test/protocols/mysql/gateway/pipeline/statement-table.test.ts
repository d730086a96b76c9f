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

it('is full of long texts as well', () => {
  const table = new StatementTable()
  const text = 'x'.repeat(8 * 1024 * 1024)
  for (let id = 1; id <= 8; id++) {
    expect(table.isFull).toBe(false)
    table.set(id, prepared(text))
  }
  expect(table.isFull).toBe(true)
  table.set(8, prepared('SELECT 1'))
  expect(table.isFull).toBe(false)
})

it('counts values that come in parts over all statements', () => {
  const table = new StatementTable()
  const [one, other] = [prepared('SELECT ?'), prepared('SELECT ?, ?')]
  table.set(1, one)
  table.set(2, other)
  table.addLong(one, 0, Buffer.from('abc'))
  table.addLong(other, 1, Buffer.from('de'))
  table.addLong(other, 1, Buffer.from('f'))
  expect(table.longBytes).toBe(6)
  expect(other.long.get(1)?.copy().toString()).toBe('def')
  table.forgetLong(one)
  expect([table.longBytes, one.long.size]).toEqual([3, 0])
  table.delete(2)
  expect(table.longBytes).toBe(0)
  table.addLong(one, 0, Buffer.from('g'))
  table.clear()
  expect(table.longBytes).toBe(0)
})
