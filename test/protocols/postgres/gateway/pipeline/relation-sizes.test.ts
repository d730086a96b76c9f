import { expect, it } from 'vitest'
import type { StatementFacts } from '../../../../../src/protocols/postgres/dialect/statement-facts.ts'
import type { PipelineState } from '../../../../../src/protocols/postgres/gateway/pipeline/pipeline-state.ts'
import { describeSizes, inWords } from '../../../../../src/protocols/postgres/gateway/pipeline/relation-sizes.ts'
import { sqlStatement } from '../../../../helpers/sql-statement.ts'

it.each([
  [
    [1, 12_431, 0, 3_565_158, 2, 1],
    'about 12,431 rows, 3.4 MB on disk; 2 views and 1 foreign key of another table depend on it',
  ],
  [[1, 0, 1, 0, 0, 0], 'number of rows unknown (never analyzed), 0 bytes on disk'],
])('says %j as: %s', (numbers, words) => {
  expect(inWords(numbers, 1)).toBe(words)
})

it('says nothing where nothing was found, and shows nothing but numbers', () => {
  expect(inWords([0, 0, 0, 0, 0, 0], 1)).toBeUndefined()
  expect(inWords([], 1)).toBeUndefined()
  expect(inWords([1, NaN, 0, 0, 0, 0], 1)).toBeUndefined()
  expect(inWords([1, -5, 0, 0, 0, 0], 1)).toBeUndefined()
})

it('does not pass off what some relations hold as what all of them do', () => {
  expect(inWords([1, 5, 0, 8192, 0, 0], 3)).toBe('about 5 rows, of some relations unknown, 8.0 KB on disk')
  expect(inWords([1, 0, 0, 0, 0, 0], 2)).toBe('number of rows unknown, 0 bytes on disk')
})

it.each([
  ['more relations than are asked about', Array.from({ length: 51 }, (_, at) => `public.t${at}`)],
  ['a relation that is not known by name', ['public.t', 'public.*']],
])('asks nothing about %s', async (_, writes) => {
  const statements = [sqlStatement({ kinds: ['truncate'], writes })]
  expect(await describeSizes({} as PipelineState, { statements } as unknown as StatementFacts)).toBeUndefined()
})
