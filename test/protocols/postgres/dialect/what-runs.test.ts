import { describe, expect, it } from 'vitest'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import type { CatalogRows } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import { MaskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import { readSql } from '../../../helpers/read-sql.ts'
import { REVIEWED, reviewed, rows } from '../../../helpers/shop-facts.ts'

describe('what any statement may run', () => {
  const unknownOf = (sql: string, more: Partial<CatalogRows>, safe: string[] = []): readonly string[] => {
    const catalog = buildCatalog({ ...rows, ...more }, safe)
    const scope = new MaskingScope({ columns: [], kinds: [] }, catalog, new Map())
    return resolveFacts(readSql(sql), catalog, scope).statements.flatMap(({ unknown }) => unknown)
  }
  const conversions = [['bool', 'text', 'i', 'public.wipe', '25']]
  const events = [
    ['every', 'ddl_command_end', null, 'public.wipe', 'x'],
    ['some', 'ddl_command_end', '{"CREATE TABLE"}', 'public.wipe', 'x'],
  ]

  it('an implicit cast between types of the system, wherever something is evaluated', () => {
    for (const sql of [
      'select id from orders',
      "select 'x'::text || 'y'",
      'insert into orders values (1)',
      'select 1 + 1',
    ])
      expect([sql, unknownOf(sql, { conversions })]).toEqual([
        sql,
        ['the implicit cast from text to bool runs public.wipe'],
      ])
    for (const sql of ['begin', 'commit', 'select 1']) expect([sql, unknownOf(sql, { conversions })]).toEqual([sql, []])
    const functions = [...rows.functions.filter(([name]) => name !== 'wipe'), reviewed('wipe')]
    expect(unknownOf('select id from orders', { conversions, functions }, [`public.wipe@sha256:${REVIEWED}`])).toEqual(
      [],
    )
  })

  const explicit: Partial<CatalogRows> = {
    conversions: [
      ['int4', 'text', 'e', 'public.wipe', '25'],
      ['pair', null, 'e', 'public.wipe', null],
    ],
    results: [
      ['lower', 'text'],
      ['count', 'int8'],
      ['+', 'int8'],
      ['+', 'date'],
      ['||', 'text'],
      ['||', 'int8'],
    ],
    plainTypes: [['text'], ['bool'], ['int4'], ['int8'], ['numeric'], ['date']],
    columns: [
      ...rows.columns.filter(([oid]) => oid !== '16401'),
      ['16405', 'owned', '3', null, null, null, '20001'],
      ['16401', 'id', '1', null, null, 'int8', '20'],
      ['16401', 'note', '2', null, null, 'text', '25'],
      ['16401', 'notes', '3', null, null, '_text', '1009'],
    ],
  }

  it.each([
    "select 'x'::text::integer",
    "select cast('x'::text as int)",
    'select note::int4 from orders',
    'select o.note::int from orders o',
    'select notes::int[] from orders',
    'select owned::int from events',
    'select array[note]::int[] from orders',
    'select n::int from (select note as n from orders) d',
    'select note::int from orders, lateral (select 1 as note) d',
    'with q as (select note from orders) select note::int from q',
    'select x::int from unknown_table',
    "select (select 'x')::int",
    'select lower(note)::int from orders',
    'select (note || note)::int from orders',
    'select mine(1)::int from orders',
    'select public.count(1)::int from orders',
    'select $1::text, $1::int',
    'select upper($1), $1::int',
    'prepare p (text) as select $1::int',
    'select coalesce(note, note)::int from orders',
    'select row(note)::pair from orders',
    'select note::public.numeric::int from orders',
    'update orders set id = note::int',
    'delete from orders where note::int = 1',
    'explain select note::int from orders',
    "select json_value('{}', '$.a' returning int)",
    'copy (select note::int from orders) to stdout',
  ])('an explicit cast between types of the system, where it may be applied: %s', (sql) => {
    expect(unknownOf(sql, explicit).join()).toMatch(
      /the cast from (text|a part of it) to (int4|pair) runs public\.wipe/,
    )
  })

  it.each([
    "select '1'::int",
    'select 1::int, 1.5::int, null::int, true::int',
    'select count(*)::int from orders',
    'select (id + 1)::int from orders',
    'select id::int from orders',
    'select o.id::int as n from orders o where o.id::int > 1',
    'select id::text::date from orders',
    'select id::numeric::int from orders',
    'select $1::int',
    'select $1::int, $1::int + 1',
    "select array['1', '2']::int[]",
    "select '{1}'::int[]",
    'insert into orders (id) values (1)',
    'create table t (a int)',
    "select '(1)'::pair",
    "select interval '1 day'",
  ])('and not where it is not: %s', (sql) => {
    expect(unknownOf(sql, explicit)).toEqual([])
  })

  it('an assignment cast, where a text stores or declares values of its type', () => {
    const assignment = {
      ...explicit,
      conversions: ['int4', 'int8'].map((type) => [type, 'text', 'a', 'public.wipe', '25']),
    }
    for (const sql of [
      'alter table orders alter id type int',
      'prepare p (int) as select $1',
      'select note::int from orders',
      'insert into orders (id) select note from orders',
      "insert into orders (id) values (1), ('x'::text)",
      'insert into orders (note, id) values ($1, $1)',
      'insert into orders (id) values (1) on conflict (id) do update set id = excluded.note',
      'update orders set id = lower(note)',
      'update orders set (id, note) = (select note, note from orders)',
      'merge into orders o using orders s on s.id = o.id when matched then update set id = s.note',
      'merge into orders o using orders s on s.id = o.id when not matched then insert (id) values (s.note)',
      "create table t partition of orders for values in ('x'::text)",
      "prepare p as select 1; execute p('x'::text)",
    ])
      expect([sql, unknownOf(sql, assignment).join()]).toEqual([
        sql,
        expect.stringMatching(/the cast from text to int[48] runs public\.wipe/),
      ])
    for (const sql of [
      'select id::int from orders',
      "insert into orders (id, note) values (1, 'x'), (default, null)",
      'insert into orders (id) values ($1)',
      "update orders set note = 'x', id = id where id = 1",
      "prepare p as select 1; execute p('x', 1)",
    ])
      expect([sql, unknownOf(sql, assignment)]).toEqual([sql, []])
  })

  it('a type of the system that a user gave an operator class, also where a function gives its values', () => {
    const points: Partial<CatalogRows> = {
      types: [['point', 'public.wipe', '600']],
      results: [
        ['lower', 'point'],
        ['@@', 'point'],
      ],
    }
    expect(unknownOf('select distinct a::point from orders', points)).not.toEqual([])
    expect(unknownOf('select distinct lower(note) from orders', points)).not.toEqual([])
    expect(unknownOf('select distinct @@ note from orders', points)).not.toEqual([])
    expect(unknownOf('select distinct id from orders', points)).toEqual([])
  })

  it('event triggers, at definitions of their tags', () => {
    const all = ['the event trigger every runs public.wipe', 'the event trigger some runs public.wipe']
    expect(unknownOf('create table t ()', { events })).toEqual(all)
    expect(unknownOf('create view v as select id from orders', { events })).toEqual(all.slice(0, 1))
    expect(unknownOf('alter table orders add a int', { events })).toEqual(all)
    expect(unknownOf('select id from orders', { events })).toEqual([])
  })
})
