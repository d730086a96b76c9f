import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { CommandEvent, RecordedEvent } from '../../src/recording/event.ts'
import { describeLookup, foldIntrospection, isIntrospection } from '../../src/recording/introspection.ts'

let seq = 0
const header = () => ({ seq: seq++, at: '2026-11-30T12:00:00.000Z', ms: seq * 10 })
const command = (text: string, more: Partial<CommandEvent> = {}): RecordedEvent & CommandEvent => ({
  ...header(),
  type: 'command',
  id: `dec_${seq}`,
  verdict: 'allow',
  text,
  digest: '',
  kinds: ['select'],
  reads: ['pg_catalog.pg_class'],
  writes: [],
  ...more,
})
const result = (id: string): RecordedEvent => ({
  ...header(),
  type: 'result',
  command: id,
  rows: 1,
  bytes: 1,
  durationMs: 1,
})
const describeTable = (name: string): RecordedEvent[] =>
  [
    `select … where c.relname OPERATOR(pg_catalog.~) '^(${name})$'`,
    'select … oid = 1',
    'select … attrelid = 1',
  ].flatMap((text) => {
    const made = command(text)
    return [made, result(made.id)]
  })

it('folds what psql asks for one table into one line, and the next table into another', () => {
  const own = command('select 1 from orders', { reads: ['public.orders'] })
  const shown = foldIntrospection([...describeTable('customers'), ...describeTable('orders'), own])
  expect(shown.map((item) => (item.type === 'lookup' ? describeLookup(item) : item.type))).toEqual([
    'psql looked up customers, 3 queries',
    'psql looked up orders, 3 queries',
    'command',
  ])
})

it('says what it cannot name', () => {
  const [first] = foldIntrospection([command('select a'), command('select b')])
  expect(first?.type === 'lookup' && describeLookup(first)).toBe('the client looked up definitions, 2 queries')
})

it('loses, doubles and moves no event', () => {
  const kinds = [
    () => command('select … catalog'),
    () => command('select 1', { reads: ['public.t'] }),
    () => command('drop table t', { verdict: 'deny' }),
    () => ({ ...header(), type: 'notice', message: 'x' }) as const,
  ]
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(kinds.length - 1), fc.boolean()), { maxLength: 30 }), (drawn) => {
      const events = drawn.flatMap(([kind, hasResult]): RecordedEvent[] => {
        const made = (kinds[kind] as () => RecordedEvent)()
        return hasResult && made.type === 'command' ? [made, result(made.id)] : [made]
      })
      const shown = foldIntrospection(events)
      expect(shown.flatMap((item) => (item.type === 'lookup' ? item.events : [item]))).toEqual(events)
      for (const item of shown)
        if (item.type === 'lookup')
          for (const event of item.events) if (event.type === 'command') expect(isIntrospection(event)).toBe(true)
    }),
    { numRuns: 50 },
  )
})

it.each([
  ['was held or denied', { verdict: 'hold' }],
  ['also reads a table', { reads: ['pg_catalog.pg_class', 'public.orders'] }],
  ['reads passwords', { reads: ['pg_catalog.pg_authid'] }],
  ['reads what others run', { reads: ['pg_catalog.pg_stat_activity'] }],
  ['reads samples of columns', { reads: ['pg_catalog.pg_stats'] }],
  ['reads accounts of MySQL', { reads: ['mysql.user'] }],
  ['reads nothing that is named', { reads: [] }],
  ['writes', { writes: ['pg_catalog.pg_class'] }],
  ['does what is not known', { unknown: ['the function f is user-defined'] }],
  ['reads a table that is named like a catalog', { reads: ['public.pg_class'] }],
] as const)('does not fold a command that %s', (_, more) => {
  expect(isIntrospection(command('x', more as Partial<CommandEvent>))).toBe(false)
})

it('folds a single query that only psql writes so', () => {
  const list = command('SELECT n.nspname as "Schema",\n  c.relname as "Name",\n  …\nFROM pg_catalog.pg_class c')
  const [shown, ...rest] = foldIntrospection([list, result(list.id)])
  expect([shown?.type, rest]).toEqual(['lookup', []])
  expect(shown?.type === 'lookup' && describeLookup(shown)).toBe('psql looked up definitions, 1 query')
  const other = command('select n.nspname from pg_catalog.pg_namespace n')
  expect(foldIntrospection([other]).map(({ type }) => type)).toEqual(['command'])
})
