import { expect, it } from 'vitest'
import { ComparisonBudget } from '../../src/gateway/comparison-budget.ts'

const guess = (column: string, count: number, budget = 3) => ({ column, count, budget })

it('counts comparisons of a column for each grant separately', () => {
  const book = new ComparisonBudget()
  expect(book.take('one', [guess('email', 2)])).toBeUndefined()
  expect(book.take('one', [guess('phone', 3)])).toBeUndefined()
  expect(book.take('two', [guess('email', 3)])).toBeUndefined()
  expect(book.take('one', [guess('email', 2)])).toEqual(guess('email', 2))
})

it('counts nothing for a command that is refused', () => {
  const book = new ComparisonBudget()
  expect(book.take('one', [guess('email', 1), guess('phone', 4)])).toEqual(guess('phone', 4))
  expect(book.take('one', [guess('email', 3)])).toBeUndefined()
  expect(book.take('one', [])).toBeUndefined()
})

it('adds up the comparisons that one command makes with a column', () => {
  const book = new ComparisonBudget()
  expect(book.take('one', [guess('email', 2), guess('email', 2)])).toBeDefined()
})
