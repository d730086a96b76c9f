import { expect, it } from 'vitest'
import { checkFunction, checkRelation } from '../../src/sql/patterns.ts'

it.each([
  [checkRelation, 'orders'],
  [checkRelation, 'hr.*'],
  [checkRelation, '*.orders'],
  [checkFunction, 'pg_sleep'],
  [checkFunction, 'lo_*'],
  [checkFunction, 'app.f'],
  [checkFunction, '*'],
])('%s takes %s', (check, pattern) => {
  expect(check(pattern)).toBeUndefined()
})

it.each([
  [checkRelation, 'db.hr.people', 'without the name of the database'],
  [checkRelation, 'hr.pay*', '* stands for a whole name'],
  [checkRelation, 'hr.', 'has an empty part'],
  [checkRelation, '"Orders"', 'has quotes'],
  [checkFunction, 'f()', 'without parentheses'],
  [checkFunction, 'a.b.c', 'has too many dots'],
  [checkFunction, 'lo_*_x', '* is for the end of a name'],
  [checkFunction, '.f', 'has an empty part'],
])('%s refuses %s', (check, pattern, message) => {
  expect(check(pattern)).toContain(message)
})
