import { expect, it } from 'vitest'
import { makeRelations } from '../../../../src/protocols/postgres/catalog/build-relations.ts'
import type { Relation } from '../../../../src/protocols/postgres/catalog/catalog.ts'
import { NO_ROWS, type CatalogRows } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { atOnce } from '../../../../src/shared/slices.ts'

const RELATIONS = [
  ['20000', 'public', 'people', 'r'],
  ['20001', 'public', 'shown', 'v'],
]
function made(rows: Partial<CatalogRows>, safe: readonly string[] = []): Record<string, Relation> {
  const relations = atOnce(makeRelations({ ...NO_ROWS, relations: RELATIONS, ...rows }, new Set(safe)))
  return Object.fromEntries(relations.map(([, relation]) => [relation.name, relation]))
}

it('edges lead from a view to what it shows, and from what is referenced to what refers to it', () => {
  const { 'public.people': people, 'public.shown': shown } = made({
    sources: [
      ['20001', '20000', 'view'],
      ['20001', '0', 'opaque'],
      ['20000', '20001', 'references'],
      ['20000', '20001', 'on delete'],
    ],
  })
  expect([shown?.viewOf, shown?.opaque, people?.opaque]).toEqual([[20000], true, false])
  expect([people?.cascades.truncate, shown?.cascades.truncate]).toEqual([[], [20000]])
  expect(shown?.cascades).toMatchObject({ delete: [20000], deleteSets: [], update: [] })
})

it('a view of the system is not opaque: its functions are the system’s own', () => {
  const relations = [['12000', 'pg_catalog', 'pg_stats', 'v']]
  expect(made({ relations, sources: [['12000', '0', 'opaque']] })['pg_catalog.pg_stats']?.opaque).toBe(false)
})

it('columns have their numbers and types; equal values of exact types are written alike, unless a collation says what is equal', () => {
  const columns = [
    ['20000', 'id', '1', null, null, 'int4', '23', null],
    ['20000', 'name', '2', null, null, 'text', '25', 'u'],
    ['20000', 'code', '4', null, null, 'text', '25', 's'],
    ['20000', 'sum', '3', 's 30000', null, 'numeric', '1700', null],
  ]
  const people = made({ columns })['public.people']
  expect([...(people?.columns ?? [])]).toEqual([
    ['id', 1],
    ['name', 2],
    ['code', 4],
    ['sum', 3],
  ])
  expect([...(people?.exact ?? [])]).toEqual(['id', 'code'])
  expect([...(people?.collated ?? [])]).toEqual(['name', 'code'])
  expect([...(people?.generated ?? [])]).toEqual([['sum', 's 30000']])
  expect(people?.typeOids.get('sum')).toBe(1700)
})

it('what runs code of users is named, unless it was declared safe', () => {
  const rows = {
    runs: [
      ['20000', 'write', 'a trigger', 'public.audit', 'abc'],
      ['20000', 'write', 'a rule', '', 'r abc'],
    ],
    columns: [['20000', 'mood', '1', null, 'mood', null, '20100', null]],
    types: [['mood', 'public.mood_in', '20100']],
  }
  const what = (safe: readonly string[]): string[] =>
    (made(rows, safe)['public.people']?.runs ?? []).map((run) => run.what)
  expect(what([])).toEqual([
    'a trigger of people runs public.audit',
    'a rule of people',
    'the type mood runs user-defined code',
  ])
  expect(what(['public.audit', 'public.mood_in'])).toEqual(['a rule of people'])
})

it('a foreign table is one, whatever was declared safe', () => {
  const relations = [['20000', 'public', 'people', 'f']]
  expect(made({ relations })['public.people']?.foreign).toBe(true)
  expect(made({ relations }, ['public.people'])['public.people']?.foreign).toBe(true)
})

it('a relation with more columns than there can be is refused', () => {
  const columns = Array.from({ length: 1601 }, (_, n) => ['20000', `c${n}`, String(n + 1), null, null])
  expect(() => made({ columns })).toThrow('more columns than there can be')
  expect(made({ columns: columns.slice(1) })['public.people']?.columns.size).toBe(1600)
})
