import { expect, it } from 'vitest'
import { sqlVocabulary } from '../../src/sql/vocabulary.ts'
import { sqlStatement } from '../helpers/sql-statement.ts'

const matches = (effect: 'allow' | 'deny', pattern: string, name: string): boolean =>
  sqlVocabulary.matches({ functions: [pattern] }, effect, sqlStatement({ functions: [name] }))

it.each([
  ['dblink*', 'dblink_connect', true],
  ['dblink*', 'public.dblink_connect', true],
  ['public.dblink*', 'dblink_connect', true],
  ['public.dblink*', 'other.dblink_connect', false],
  ['pg_catalog.pg_read_file', 'pg_read_file', true],
  ['pg_read_file', 'pg_catalog.pg_read_file', true],
  ['pg_read_file', 'pg_read_file_of', false],
])('a rule that refuses %s is about %s: %s', (pattern, name, expected) => {
  expect(matches('deny', pattern, name)).toBe(expected)
})

it.each([
  ['lower', 'lower', true],
  ['lower', 'pg_catalog.lower', true],
  ['lower', 'public.lower', false],
  ['public.shout', 'shout', false],
  ['public.shout', 'public.shout', true],
])('a rule that allows %s is about %s: %s', (pattern, name, expected) => {
  expect(matches('allow', pattern, name)).toBe(expected)
})
