import { expect, it } from 'vitest'
import { killOf } from '../../../../../src/protocols/mysql/gateway/pipeline/kill.ts'

it.each([
  ['KILL 5', { of: 'connection', id: 5 }],
  ['kill connection 5', { of: 'connection', id: 5 }],
  ['KILL QUERY 5', { of: 'query', id: 5 }],
  [' Kill Soft Query\n5 ; ', { of: 'query', id: 5 }],
  ['KILL HARD 4294967295', { of: 'connection', id: 4_294_967_295 }],
  ['KILL USER ann', undefined],
  ['KILL QUERY ID 5', undefined],
  ['KILL 5 + 1', undefined],
  ['KILL @id', undefined],
  ['KILL 5; DROP TABLE t', undefined],
  ['KILL 12345678901', undefined],
  ['KILLQUERY 5', undefined],
  ['/* c */ KILL 5', undefined],
])('%s', (sql, expected) => {
  expect(killOf(sql)).toEqual(expected)
})
