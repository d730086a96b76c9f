import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { changesQuery, mirrorQuery } from '../../../../src/protocols/postgres/catalog/catalog-mirror.ts'
import { SYSTEM_QUERIES } from '../../../../src/protocols/postgres/catalog/catalog-rows.ts'
import { catalogTables } from '../../../../src/protocols/postgres/catalog/catalog-tables.ts'
import { STATE } from '../../../../src/protocols/postgres/gateway/pipeline/known-definitions.ts'
import { shield, SHIELD } from '../../../../src/protocols/postgres/gateway/pipeline/gateway-query.ts'
import { askForRelations } from '../../../../src/protocols/postgres/catalog/relation-reading.ts'
import { buildCatalog } from '../../../../src/protocols/postgres/catalog/build-catalog.ts'
import { definitionTexts } from '../../../../src/protocols/postgres/catalog/definition-texts.ts'
import type { CatalogRows } from '../../../../src/protocols/postgres/catalog/rows.ts'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import type { StatementFacts } from '../../../../src/protocols/postgres/dialect/statement-facts.ts'
import { MaskingScope } from '../../../../src/protocols/postgres/masking/scope.ts'
import type { Statement } from '../../../../src/sql/query.ts'
import { recordable } from '../../../../src/protocols/postgres/gateway/pipeline/recordable.ts'
import { shareConstants } from '../../../../src/protocols/postgres/dialect/deduplicate-constants.ts'
import { readSql } from '../../../helpers/read-sql.ts'

await loadModule()

const RULE = {
  style: 'partial',
  sideChannels: 'deny',
  maxComparisons: 2,
  copying: false,
  hashScope: 'session',
} as const

/** customers (masked email), a view on it, a partition family, orders, a user function, an operator. */
const rows: CatalogRows = {
  relations: [
    ['16400', 'public', 'customers'],
    ['16401', 'public', 'orders'],
    ['16402', 'public', 'customer_view'],
    ['16403', 'public', 'view_of_view'],
    ['16404', 'public', 'opaque_view'],
    ['16405', 'public', 'events'],
    ['16406', 'public', 'events_2026'],
    ['16407', 'other', 'orders'],
    ['16408', 'public', 'audited'],
    ['16409', 'public', 'mixing_view'],
    ['2619', 'pg_catalog', 'pg_statistic'],
    ['2620', 'pg_catalog', 'pg_stats'],
    ['1259', 'pg_catalog', 'pg_class'],
    ['12000', 'pg_catalog', 'pg_settings'],
  ],
  sources: [
    ['16402', '16400', 'view'],
    ['16403', '16402', 'view'],
    ['16404', '0', 'opaque'],
    ['16409', '16400', 'view'],
    ['2620', '2619', 'view'],
    ['16406', '16405', 'related'],
    ['16405', '16406', 'related'],
    ['16401', '16400', 'on delete'],
    ['16401', '16400', 'references'],
  ],
  columns: [
    ['16400', 'id', '1', null, null, 'int4'],
    ['16400', 'name', '2', null, null, 'text'],
    ['16400', 'email', '3', null, null, 'text'],
    ['16401', 'id', '1', null, null],
    ['16401', 'note', '2', null, null],
    ['16402', 'a', '1', null, null],
    ['16402', 'b', '2', null, null],
    ['16403', 'x', '1', null, null],
    ['16404', 'y', '1', null, null],
    ['16405', 'id', '1', null, null],
    ['16405', 'email', '2', null, null, 'text'],
    ['16406', 'email', '1', null, null, 'text'],
    ['16406', 'id', '2', null, null],
    ['16408', 'id', '1', null, null],
    ['16409', 'n', '1', null, null],
    ['2619', 'starelid', '1', null, null],
    ['2619', 'stavalues1', '2', null, null],
    ['2620', 'tablename', '1', null, null],
    ['2620', 'histogram_bounds', '2', null, null],
  ],
  definitions: [
    ['16402', 'SELECT id AS a, email AS b FROM customers'],
    ['16403', 'SELECT b AS x FROM customer_view WHERE a > 0'],
    ['16404', 'SELECT mine(1) AS y'],
    ['16409', 'SELECT a.name AS n FROM customers a JOIN customers b ON b.email = a.name'],
  ],
  unique: [['16400', 'id']],
  ties: [],
  runs: [
    ['16408', 'write', 'a trigger', 'public.mine'],
    ['16404', 'read', 'a view', 'public.mine'],
  ],
  types: [['odd']],
  functions: [
    ['upper', 'system'],
    ['row_number', 'system'],
    ['lower', 'system'],
    ['lower', 'user'],
    ['count', 'system'],
    ['now', 'system'],
    ['nextval', 'volatile'],
    ['pg_read_file', 'volatile'],
    ['query_to_xml', 'volatile'],
    ['table_to_xml', 'system'],
    ['set_config', 'volatile'],
    ['pg_terminate_backend', 'volatile'],
    ['some_new_effect', 'volatile'],
    ['mine', 'user'],
    ['fullname', 'user'],
  ],
  operators: [['=~=']],
  valueTypes: [],
  conversions: [],
  plainTypes: [],
  results: [],
  events: [],
}
const REVIEWED = 'a'.repeat(64)
/** As the catalogs have a function of that definition. */
const reviewed = (name: string): CatalogRows['functions'][number] => [name, 'user', 'public', REVIEWED, '20000', 't']
const catalog = buildCatalog(rows)
const plan = {
  columns: [
    { schema: 'public', table: 'customers', column: 'email', ...RULE },
    { schema: 'public', table: 'events', column: 'email', ...RULE },
  ],
  kinds: [{ kind: 'email', style: 'partial', hashScope: 'session' }],
} as const
const trees = new Map(rows.definitions.map(([oid, text]) => [String(oid), readSql(String(text))[0]?.tree as Statement]))
const masking = new MaskingScope(plan, catalog, trees)
const facts = (sql: string): StatementFacts => resolveFacts(readSql(sql), catalog, masking)

describe('what a statement does', () => {
  it.each<
    [string, { kinds?: string[]; reads?: string[]; writes?: string[]; behind?: string[]; missingWhere?: boolean }]
  >([
    ['select 1', { kinds: ['select'], reads: [], writes: [] }],
    [
      'select * from view_of_view',
      { reads: ['public.view_of_view'], behind: ['public.customer_view', 'public.customers'] },
    ],
    [
      'update customer_view set id = 1 where id = 2',
      { writes: ['public.customer_view'], behind: ['public.customers'] },
    ],
    ['select * from events_2026', { behind: ['public.events'] }],
    [
      'select * from orders o join other.orders using (id)',
      { kinds: ['select'], reads: ['public.orders', 'other.orders'] },
    ],
    [
      'with x as (delete from orders returning *) select * from x',
      { kinds: ['select', 'delete'], reads: [], writes: ['public.orders'], missingWhere: true },
    ],
    ['with orders as (select 1) select * from orders', { reads: [] }],
    ['with orders as (select * from orders) select * from orders', { reads: ['public.orders'] }],
    ['with recursive orders as (select 1 union all select * from orders) select * from orders', { reads: [] }],
    ['select (with orders as (select 1) select 1), (select count(*) from orders)', { reads: ['public.orders'] }],
    ['delete from orders', { kinds: ['delete'], missingWhere: true }],
    ['delete from orders where true', { missingWhere: true }],
    ['delete from orders where 1=1', { missingWhere: true }],
    ['delete from orders where id = id', { missingWhere: true }],
    ['delete from orders where id = 1 or true', { missingWhere: true }],
    ["delete from orders where 'a' < 'b'", { missingWhere: true }],
    ['delete from orders where exists (select 1)', { missingWhere: true }],
    ['delete from orders where now() is not null', { missingWhere: true }],
    ['delete from orders where not false', { missingWhere: true }],
    ['delete from orders where not (id <> id)', { missingWhere: true }],
    ['delete from orders o where o.id = id', { missingWhere: true }],
    ['delete from orders where id >= id', { missingWhere: true }],
    ['delete from orders where id in (1, id)', { missingWhere: true }],
    ['delete from orders where id is not distinct from id', { missingWhere: true }],
    ['delete from orders where exists (select 1 from customers where id = 1)', { missingWhere: true }],
    ['delete from orders where exists (select 1 from customers c where c.id = orders.id)', { missingWhere: false }],
    ['delete from orders where (id = 1) is true', { missingWhere: false }],
    ['delete from orders where (true) is true', { missingWhere: true }],
    ['delete from orders where id = 1', { missingWhere: false }],
    ['delete from orders where id = $1', { missingWhere: false }],
    [
      'update orders set note = 1 from customers',
      { kinds: ['update'], writes: ['public.orders'], reads: ['public.customers'], missingWhere: true },
    ],
    [
      'insert into orders select * from customers',
      { kinds: ['insert', 'select'], writes: ['public.orders'], reads: ['public.customers'] },
    ],
    ["insert into orders values (1) on conflict (id) do update set note = 'x'", { kinds: ['insert', 'update'] }],
    [
      'merge into orders o using customers c on o.id = c.id when matched then delete',
      { kinds: ['merge', 'delete'], writes: ['public.orders'], reads: ['public.customers'] },
    ],
    ['merge into orders o using (select 1) s on true when matched then delete', { missingWhere: true }],
    [
      'merge into orders o using customers c on o.id = c.id when matched then do nothing',
      { kinds: ['merge'], writes: ['public.orders'] },
    ],
    [
      'merge into orders o using customers c on o.id = c.id when matched and c.id = 1 then do nothing when not matched by source and o.id = 2 then delete',
      { kinds: ['merge', 'delete'] },
    ],
    [
      'with m as (merge into orders o using customers c on o.id = c.id when matched then delete returning 1) table m',
      { kinds: ['select', 'merge', 'delete'] },
    ],
    [
      'explain analyze merge into orders o using customers c on o.id = c.id when matched then delete',
      { kinds: ['explain', 'merge', 'delete'] },
    ],
    [
      'prepare p as merge into orders o using customers c on o.id = c.id when matched then delete',
      { kinds: ['prepare', 'merge', 'delete'] },
    ],
    [
      'merge into orders o using customers c on o.id = c.id when not matched then insert values (1)',
      { missingWhere: false },
    ],
    ['select * into t from orders', { kinds: ['select-into'], writes: ['?.t'], reads: ['public.orders'] }],
    [
      'create table t as select * from orders',
      { kinds: ['create-table-as', 'select'], writes: ['public.t'], reads: ['public.orders'] },
    ],
    ['explain delete from orders', { kinds: ['explain'], reads: ['public.orders'], writes: [] }],
    [
      'explain analyze delete from orders',
      { kinds: ['explain', 'delete'], writes: ['public.orders'], missingWhere: true },
    ],
    ['explain (analyze false) delete from orders', { kinds: ['explain'], writes: [] }],
    ['explain (analyze off) delete from orders', { kinds: ['explain'], writes: [] }],
    ['explain (analyze on) delete from orders', { kinds: ['explain', 'delete'] }],
    ['explain (analyze off, analyze) delete from orders', { kinds: ['explain', 'delete'] }],
    ["copy orders to program 'x'", { kinds: ['copy-to-program'], reads: ['public.orders'] }],
    ["copy orders from '/etc/passwd'", { kinds: ['copy-from-file'], writes: ['public.orders'] }],
    ['copy (delete from orders returning *) to stdout', { kinds: ['copy-to', 'delete'], writes: ['public.orders'] }],
    ['drop table orders, other.orders', { kinds: ['drop-table'], writes: ['public.orders', 'other.orders'] }],
    ['truncate orders, customers', { kinds: ['truncate'], writes: ['public.orders', 'public.customers'] }],
    ['table orders', { reads: ['public.orders'] }],
    ['select * from orders for update', { kinds: ['select', 'select-for-update'] }],
    ['declare c cursor for select * from orders', { kinds: ['declare-cursor', 'select'] }],
    ['prepare p as delete from orders', { kinds: ['prepare', 'delete'], missingWhere: true }],
    ['create view v as select * from customers', { kinds: ['create-view', 'select'], reads: ['public.customers'] }],
  ])('%s', (sql, expected) => {
    expect(facts(sql).statements[0]).toMatchObject(expected)
  })

  it.each([
    ['do $$ begin delete from orders; end $$', /DO/],
    ['call mine()', /CALL/],
    ['execute p', /EXECUTE/],
    ['select mine(1)', /is user-defined and is not analysed/],
    ['select lower(note) from orders', /is user-defined and is not analysed/], // shadowed: the better match is called
    ['select other.upper(note) from orders', /is user-defined and is not analysed/],
    ['select c.fullname from customers c', /may call a user-defined function/],
    ['select (c).fullname from customers c', /may call a user-defined function/],
    ['select 1 =~= 2', /not the system's own/],
    ['select 1 operator(other.+) 2', /not the system's own/],
    ["select pg_read_file('/etc/passwd')", /can access data outside/],
    ["select query_to_xml('delete from orders', true, true, '')", /can access data outside/],
    ["select table_to_xml('customers', true, true, '')", /can access data outside/],
    ['select some_new_effect()', /may have effects/],
    ['select no_such_function()', /not in the catalog/],
    ['select 1 from orders order by mine(id)', /is user-defined and is not analysed/],
    ['insert into orders values (mine(1)) returning mine(2)', /is user-defined and is not analysed/],
  ])('%s is of unknown effect', (sql, reason) => {
    expect(facts(sql).statements[0]?.unknown.join('; ')).toMatch(reason)
  })

  it.each([
    ['insert into audited values (1)', /a trigger of audited runs public.mine/],
    ['select 1 from opaque_view', /a view of opaque_view runs public.mine/],
    ["select 'x'::odd", /the type odd/],
    ["select odd('x')", /the type odd/],
    ['drop table orders cascade', /CASCADE/],
    ['set search_path = other; select 1 from orders', /change earlier in the same text/],
  ])('%s runs more than it says', (sql, reason) => {
    expect(facts(sql).statements.at(-1)?.unknown.join('; ')).toMatch(reason)
  })

  it.each([
    ['select case id when 1 then 2 end from orders', ['=']],
    ['select id in (1, 2) from orders', ['=']],
    ['select id not in (1, 2) from orders', ['<>']],
    ['select id in (select 1) from orders', ['=']],
    ['select id not in (select 1) from orders', ['=']],
    ['select id operator(public.%%%) any (select 1) from orders', ['%%%']],
    ['select id %%% all (array[1]) from orders', ['%%%']],
    ['select id between 1 and 2 from orders', ['>=', '<=']],
    ['select id not between symmetric 1 and 2 from orders', ['<', '>']],
    ['select nullif(id, 1) from orders', ['=']],
    ['select id is distinct from 1 from orders', ['=']],
    ['select id is not distinct from 1 from orders', ['=']],
    ['select (id, note) < (1, $$x$$) from orders', ['<']],
    ['select note like $$x$$ from orders', ['~~']],
    ['select note not ilike $$x$$ from orders', ['!~~*']],
    ['select note similar to $$x$$ from orders', ['~']],
    ['select 1 from orders join customers using (id)', ['=']],
    ['select 1 from orders natural join customers', ['=']],
    ['select 1 from orders order by id using %%%', ['%%%']],
    ['select rank() over (order by id using %%%) from orders', ['%%%']],
    ['select rank() over w from orders window w as (order by id using %%%)', ['%%%']],
    ['select array_agg(id order by id using %%%) from orders', ['%%%']],
    ['create table x (a int, exclude (a with %%%))', ['%%%']],
    ['select - id from orders', ['-']],
  ])('%s calls operators by name', (sql, operators) => {
    expect(readSql(sql)[0]?.operators.map(({ name }) => name)).toEqual(operators)
  })

  it.each([
    ['select o.fullname from orders o, (select 1 as fullname) x', /fullname may call/],
    ['select (o).fullname from orders o, (select 1 as fullname) x', /fullname may call/],
    ['select (select o.fullname) from orders o', /fullname may call/],
    ['select x.fullname from orders x(a, b)', /fullname may call/],
    ['update orders set note = 1 where id = 1 returning orders.fullname', /fullname may call/],
    ['insert into orders values (1) on conflict (id) do update set note = excluded.fullname', /fullname may call/],
    ['select 1 from nowhere', /the relation nowhere is not in the catalog/],
    [
      'delete from pg_toast.pg_toast_16400 where chunk_id = 1',
      /the relation pg_toast.pg_toast_16400 is not in the catalog/,
    ],
    ['create language l handler plpgsql_call_handler validator mine', /a language runs/],
    ["create function f() returns int language l as 'x'", /the language l may run code/],
    ['create event trigger e on ddl_command_start execute function mine()', /an event trigger/],
    ['create cast (text as integer) with function mine(text)', /a cast changes/],
    ['create extension x', /an extension runs/],
    ['create index on orders (note public.my_ops)', /the operator class my_ops/],
    ['create index on orders (note my_ops)', /the operator class my_ops/],
    ["create function now() returns int language sql as 'select 1'; select now()", /definitions may change earlier/],
    ['create view v as select 1 as x; select x from v', /definitions may change earlier/],
    ['create table nowhere (a int); insert into nowhere values (1)', /definitions may change earlier/],
    ['create table nowhere (a int); create table copied as select a from nowhere', /definitions may change earlier/],
    ['create table nowhere (a int); create view v as select a from nowhere', /definitions may change earlier/],
    ['create table nowhere (a int); alter table nowhere rename to orders; drop table orders', /definitions may change/],
    ['create index on orders (note); alter table other.nowhere add a int', /other.nowhere is not in the catalog/],
    ['create table nowhere (a int default mine(1)); create index on nowhere (a)', /nowhere is not in the catalog/],
    ['create table nowhere (a int default mine(1)); create index on orders (note)', /definitions may change earlier/],
    ['drop table orders; alter table orders add a int', /definitions may change earlier/],
    ['drop table other.orders; alter table orders add a int', /definitions may change earlier/],
    ['create table nowhere (a int); drop table nowhere; alter table nowhere add a int', /definitions may change/],
    ['alter table pg_catalog.pg_class add a int; alter table orders add a int', /definitions may change earlier/],
    ['drop type odd; create table nowhere (a odd)', /definitions may change earlier/],
    ['create type r as range (subtype = int4, canonical = mine)', /functions of a range type/],
    ['rollback; select id from orders', /definitions may change earlier/],
    ['commit; select id from orders', /definitions may change earlier/],
    ['grant usage on schema other to app; select id from orders', /definitions may change earlier/],
    ['do $$ begin end $$; select id from orders', /definitions may change earlier/],
    [
      'update pg_catalog.pg_class set relname = $$x$$ where oid = 1; select id from orders',
      /definitions may change earlier/,
    ],
  ])('%s is of unknown effect, too', (sql, reason) => {
    expect(facts(sql).statements.at(-1)?.unknown.join('; ')).toMatch(reason)
  })

  it.each([
    'select x.fullname from (select 1 as fullname) x',
    'select x.fullname from (select q.* from (select 1 as fullname) q) x',
    'with q(fullname) as (select 1) select q.fullname from q',
    'select o.note from orders o, customers c',
    'create table nowhere (a int)',
    'create table nowhere (a int); select 1',
    `create type m as enum ('a'); create table nowhere (a int primary key, m m); create unique index i on nowhere (a);
    alter table nowhere add b bigint; alter table nowhere add foreign key (b) references orders (id); comment on table nowhere is 'x'`,
    'alter table orders drop column note; drop index i; create index i on orders (id); create table nowhere (a int)',
    'drop table orders; create table orders (id int); create index on orders (id)',
    'drop table if exists nowhere',
    'begin; select id from orders; update orders set note = 1 where id = 1; commit',
    'select id from orders; create table nowhere (a int)',
    'create index on orders (note text_pattern_ops)',
    "create function f() returns int language plpgsql as 'begin end'",
    'set work_mem = 1; select id from orders',
  ])('%s is understood, too', (sql) => {
    expect(facts(sql).statements.flatMap(({ unknown }) => unknown)).toEqual([])
  })

  it.each<[string, boolean]>([
    ['create table nowhere (a int primary key); create table other_one (b int references nowhere (a))', false],
    ['create table nowhere (e text); create index on nowhere (e)', false],
    ['create table if not exists customers (e text); create index on customers (email)', true],
    ['create table nowhere (e text); create table other_one (e text references customers (email))', true],
    ['create table other_one (e text references nowhere (e)); create table nowhere (e text)', true],
  ])('%s: a table that was made before hides nothing', (sql, isRefused) => {
    expect(facts(sql).refusal !== undefined).toBe(isRefused)
  })

  it('a schema that is renamed takes its relations along, and a column that is dropped is data', () => {
    expect(facts('alter schema other rename to lunch').statements[0]?.writes).toEqual(['other.orders'])
    expect(facts('alter table orders drop column note').statements[0]?.kinds).toEqual(['alter-table', 'drop-column'])
  })

  it('what changes with a table is written, too', () => {
    expect(facts('delete from customers where id = 1').statements[0]?.writes).toEqual([
      'public.customers',
      'public.orders',
    ])
    expect(facts('truncate customers cascade').statements[0]?.writes).toEqual(['public.customers', 'public.orders'])
    expect(facts('truncate customers').statements[0]?.writes).toEqual(['public.customers'])
    expect(facts('update customers set id = 2 where id = 1').statements[0]?.writes).toEqual(['public.customers'])
  })

  it.each([
    [140_000, ['public.events', 'public.orders']],
    [150_000, ['public.events']],
  ])('a row that moves to another partition: version %d', (version, writes) => {
    const older = buildCatalog({ ...rows, version, sources: [...rows.sources, ['16401', '16405', 'on delete']] })
    const moved = resolveFacts(readSql('update events set id = 2 where id = 1'), older, masking)
    expect(moved.statements[0]?.writes).toEqual(writes)
  })

  it('keys that a deleted row sets to NULL are keys that change', () => {
    const changing = buildCatalog({
      ...rows,
      sources: [
        ...rows.sources,
        ['16405', '16401', 'on update'],
        ['16408', '16400', 'on delete set'],
        ['16407', '16408', 'on update'],
      ],
    })
    const written = (sql: string): readonly string[] | undefined =>
      resolveFacts(readSql(sql), changing, masking).statements[0]?.writes
    // Rows of orders are deleted: nobody's key changes. Keys of audited become NULL, and with them those of the other orders.
    expect(written('delete from customers where id = 1')).toEqual([
      'public.customers',
      'public.orders',
      'public.audited',
      'other.orders',
    ])
  })

  it('a function that the configuration declares safe is none of unknown effect', () => {
    const declared = buildCatalog(
      {
        ...rows,
        functions: [...rows.functions.filter(([name]) => name !== 'mine'), reviewed('mine')],
      },
      [`public.mine@sha256:${REVIEWED}`],
    )
    const of = (sql: string): readonly string[] =>
      resolveFacts(readSql(sql), declared, new MaskingScope({ columns: [], kinds: [] }, declared, new Map()))
        .statements[0]?.unknown ?? []
    expect(of('select mine(1)')).toEqual([])
    expect(of('select public.mine(1)')).toEqual([])
    expect(of('insert into audited values (1)')).toEqual([])
    expect(of('select fullname(1)')).not.toEqual([])
  })

  it('EXECUTE is what the text prepared before it', () => {
    const [, executed] = facts('prepare p as delete from orders; execute p').statements
    expect(executed).toMatchObject({ kinds: ['execute', 'prepare', 'delete'], missingWhere: true, unknown: [] })
    expect(facts('execute p; prepare p as select 1').statements[0]?.unknown).not.toEqual([])
  })

  it.each([
    'select upper(note), count(*) from orders group by 1',
    "select pg_catalog.lower('X')",
    "select nextval('s')",
    'select now(), 1 + 2, note || note from orders',
  ])('%s is understood', (sql) => {
    expect(facts(sql).statements[0]?.unknown).toEqual([])
  })
})

describe('what is refused whatever the rules say', () => {
  it.each([
    ["set client_encoding = 'sjis'", 'SETTING_REFUSED'],
    ["set names 'latin1'", 'SETTING_REFUSED'],
    ['set standard_conforming_strings = off', 'SETTING_REFUSED'],
    ['set transform_null_equals = on', 'SETTING_REFUSED'],
    ["set dynamic_library_path = '/tmp'", 'SETTING_REFUSED'],
    ["select set_config('extension_control_path', '/tmp', false)", 'SETTING_REFUSED'],
    ["create view v as select set_config('search_path', 'other', false)", 'SETTING_REFUSED'],
    ["create table t (a text default set_config('role', 'other', false))", 'SETTING_REFUSED'],
    ["prepare p as select set_config('search_path', 'other', false)", 'SETTING_REFUSED'],
    ["declare c cursor for select set_config('search_path', 'other', false)", 'SETTING_REFUSED'],
    ["select set_config(name, 'evil', false) from pg_settings", 'SETTING_REFUSED'],
    ["select set_config(name, 'evil', false) from pg_settings where name = 'client_encoding'", 'SETTING_REFUSED'],
    ["select set_config(name, 'evil', false) from pg_settings where name <> 'work_mem'", 'SETTING_REFUSED'],
    [
      "select set_config(name, 'evil', false) from pg_settings, (select 'role' as name) x where name = 'work_mem'",
      'SETTING_REFUSED',
    ],
    ["select pg_catalog.set_config('client_' || 'encoding', 'sjis', false)", 'SETTING_REFUSED'],
    ["select set_config('client_encoding', 'sjis', false)", 'SETTING_REFUSED'],
    ["select set_config('Standard_Conforming_Strings', 'off', false)", 'SETTING_REFUSED'],
    ["alter role app password 'x'", 'COMMAND_REFUSED'],
    ['alter role app set search_path = evil', 'COMMAND_REFUSED'],
    ['alter user app with superuser', 'COMMAND_REFUSED'],
    ['alter system set fsync = off', 'COMMAND_REFUSED'],
    ['alter database app set search_path = evil', 'COMMAND_REFUSED'],
    ['select pg_terminate_backend(1)', 'COMMAND_REFUSED'],
    ["commit prepared 'x'", 'COMMAND_REFUSED'],
    ["copy customers to '/tmp/x'", 'MASKING_REFUSED'],
    ["copy (select email from customers) to program 'cat'", 'MASKING_REFUSED'],
    ['alter schema public rename to other', 'MASKING_REFUSED'],
    ['create index on customers ((1 / length(email)))', 'MASKING_REFUSED'],
    ['create unique index on customers (email)', 'MASKING_REFUSED'],
    ['create index on customers (email, id)', 'MASKING_REFUSED'],
    ['cluster customers using customers_email_idx', 'MASKING_REFUSED'],
    ['create policy p on customers using (length(email) > 3)', 'MASKING_REFUSED'],
    ['copy orders to stdout (format binary)', 'MASKING_REFUSED'],
    ['create table t as select email from customers', 'MASKING_REFUSED'],
    ['create table t as select * from customers', 'MASKING_REFUSED'],
    ['create table t as select c from customers c', 'MASKING_REFUSED'],
    ['create table t as select customers from customers', 'MASKING_REFUSED'],
    ['select email as e into t from customers', 'MASKING_REFUSED'],
    ['insert into orders (note) select email from customers', 'MASKING_REFUSED'],
    ['insert into orders (note) select y from customer_view v(x, y)', 'MASKING_REFUSED'],
    ['update orders set note = email from customers', 'MASKING_REFUSED'],
    ['update customers set name = email', 'MASKING_REFUSED'],
    ['update customers set name = customers::text', 'MASKING_REFUSED'],
    ['update customers c set name = c::text', 'MASKING_REFUSED'],
    ['insert into orders (note) select x.c from customers as x(a, b, c)', 'MASKING_REFUSED'],
    ['insert into orders (note) select j.c from (customers join orders using (id)) as j(a, b, c)', 'MASKING_REFUSED'],
    ['insert into orders (note) select j::text from (customers join orders using (id)) as j', 'MASKING_REFUSED'],
    ['insert into orders (note) select s::text from (table customers) as s', 'MASKING_REFUSED'],
    ['insert into orders (note) select s.x from (table customers) as s(y, z, x)', 'MASKING_REFUSED'],
    ['insert into orders (note) select (c).email from customers c', 'MASKING_REFUSED'],
    ['insert into orders (note) select (c.*)::text from customers c', 'MASKING_REFUSED'],
    [
      'merge into orders o using customers c(i, n, m) on o.id = c.i when matched then update set note = c.m',
      'MASKING_REFUSED',
    ],
    [
      'with x as (update customers set id = id returning email as e) insert into orders select e from x',
      'MASKING_REFUSED',
    ],
    ['alter table customers rename to c2', 'MASKING_REFUSED'],
    // made of one masked column and stored in another, or where it could be seen in part
    ['insert into events (id, email) select 1, substr(email, 1, 3) from customers', 'MASKING_REFUSED'],
    ['insert into events (id, email) select id, email from customers', 'MASKING_REFUSED'],
    ['insert into customers (id, email) select 2, left(email, 1) from customers', 'MASKING_REFUSED'],
    ['update customers set email = substr(email, 2) where id = 1', 'MASKING_REFUSED'],
    ['update customers c set email = e.email from events e where e.id = c.id', 'MASKING_REFUSED'],
    ['update customers set email = (select c.email from customers c where c.id = 2) where id = 1', 'MASKING_REFUSED'],
    [
      'insert into customers (id, email) select 1, email from customers on conflict (id) do update set name = excluded.email',
      'MASKING_REFUSED',
    ],
    ["update customers set email = nullif(email, 'x') where id = 1", 'MASKING_REFUSED'],
    [
      "merge into customers c using (select 1 as k) s on c.id = s.k when matched then update set email = nullif(email, 'x')",
      'MASKING_REFUSED',
    ],
    // definitions that answer
    ['create table fk (e text references customers (email))', 'MASKING_REFUSED'],
    ['create table fk (e text, foreign key (e) references customers (email))', 'MASKING_REFUSED'],
    ["create table kid (check (email <> 'x')) inherits (customers)", 'MASKING_REFUSED'],
    ["create table kid partition of events for values in ('x')", 'MASKING_REFUSED'],
    ['create cast (text as integer) with inout as implicit', 'MASKING_REFUSED'],
    ['create operator class o default for type text using btree as operator 1 <', 'MASKING_REFUSED'],
    ['create statistics s on (1 / length(email)), id from customers', 'MASKING_REFUSED'],
    // what fails for some values of the type
    ["select replace(email, 'a', repeat('x', 1000)) from customers", 'MASKING_REFUSED'],
    ["select replace(email, 'a', name) from customers", 'MASKING_REFUSED'],
    ["select email || repeat('x', 100) from customers", 'MASKING_REFUSED'],
    ["select concat(email, lpad('x', id)) from customers", 'MASKING_REFUSED'],
    ["select array_agg(string_to_array(email, 'a')) from customers", 'MASKING_REFUSED'],
    ["select array[string_to_array(email, 'a'), array['x']] from customers", 'MASKING_REFUSED'],
    ["select string_to_array(email, 'a') || array['x'] from customers", 'MASKING_REFUSED'],
    ["select array_append(string_to_array(email, 'a'), 'x') from customers", 'MASKING_REFUSED'],
    ["select substring(email from '(a+)+$') from customers", 'MASKING_REFUSED'],
    ["select 'x' ~~ email from customers", 'MASKING_REFUSED'],
    ["select 'x' not like email from customers", 'MASKING_REFUSED'],
    ["select json_object('a': 1, email: 2 with unique) from customers", 'MASKING_REFUSED'],
    ['select jsonb_build_object(email, 1) from customers', 'MASKING_REFUSED'],
    ['select json_array(email format json) from customers', 'MASKING_REFUSED'],
    ['select json_array(email returning varchar(3)) from customers', 'MASKING_REFUSED'],
    ['select xmlserialize(document xmlparse(content email) as text) from customers', 'MASKING_REFUSED'],
    ['select percentile_cont(0.5) within group (order by email) from customers', 'MASKING_REFUSED'],
    ['select sum(length(string_to_array(email, null)::text)::int) from customers', 'MASKING_REFUSED'],
    // what is evaluated or not by what it is
    ["select count(1 / (id - 1)) filter (where email = 'x') from customers", 'MASKING_REFUSED'],
    ["select count(nextval('s')) filter (where email = 'x') from customers", 'MASKING_REFUSED'],
    ["select json_arrayagg(1 / id) filter (where email = 'x') from customers", 'MASKING_REFUSED'],
    [
      "select count(q.x) filter (where q.email = 'x') from (select 1 / id as x, email from customers) q",
      'MASKING_REFUSED',
    ],
    ["select count(v.a) filter (where v.b = 'x') from customer_view v", 'MASKING_REFUSED'],
    ["select email in ('x', (1 / id)::text) from customers", 'MASKING_REFUSED'],
    ["select email between 'x' and (1 / id)::text from customers", 'MASKING_REFUSED'],
    ["select (email, 1) < ('x', 1 / id) from customers", 'MASKING_REFUSED'],
    ["select (email, 1) is distinct from ('x', 1 / id) from customers", 'MASKING_REFUSED'],
    ["select 'x' in (select email from customers where 1 / id > 0)", 'MASKING_REFUSED'],
    ['select count(*), email as e from customers group by rollup (e)', 'MASKING_REFUSED'],
    [
      "select count(*), email = 'x' from customers group by grouping sets (cube ((1, 2)))".replace('(1, 2)', '2'),
      'MASKING_REFUSED',
    ],
    ['alter table customers rename column email to mail', 'MASKING_REFUSED'],
    ['alter table customers alter email type bytea', 'MASKING_REFUSED'],
    ['alter table customers set schema other', 'MASKING_REFUSED'],
  ])('%s', (sql, code) => {
    expect(facts(sql).refusal?.code).toBe(code)
  })

  it.each([
    "set client_encoding = 'UTF8'",
    'set standard_conforming_strings = on',
    'set transform_null_equals = off',
    'reset dynamic_library_path',
    "set timezone = 'UTC'",
    'reset all',
    'reset search_path',
    'set search_path = other',
    "select set_config('search_path', '', false)",
    "prepare p as select set_config('app.tenant', '1', false), set_config('work_mem', '1MB', false)",
    'set role other',
    'set row_security = off',
    "select set_config(name, 'view', false) from pg_settings where name = 'restrict_nonsystem_relation_kind'",
    'copy customers to stdout',
    'copy (select * from customers) to stdout',
    'create view v as select id, email from customers',
    'create index on customers (name)',
    "insert into customers (id, email) values (1, 'x') on conflict (id) do update set email = excluded.email",
    'show search_path',
    'insert into customers (email) values (1) returning *',
    "update customers set email = 'x' where id = 1",
    'delete from customers where id = 1',
    'create table t as select id from customers',
    'copy orders to stdout',
    'copy customers from stdin',
    'alter table orders add x int',
    'update customers set email = email where id = 1',
    "update customers c set email = c.email, name = 'x'",
    "select upper(email), email || '!', left(email, 2), replace(email, 'a', 'b') from customers",
    "select email || name, concat(name, ' ', upper(email)), substring(email from 1 for 2) from customers",
    "select array[email, name], array_agg(email), string_agg(email, ','), min(email) from customers",
    "select count(id) filter (where email = 'x') from customers",
    "select email = 'x' or name = 'y', email in ('x', 'y'), email like 'a%' from customers",
    "select json_object('a': email), json_array(email), jsonb_build_object('m', email), to_jsonb(c) from customers c",
    'select name, count(*) from customers group by rollup (1)',
    "select 'x' in (select email from customers)",
    'create table fk (i int references customers (id))',
    'create table kid () inherits (customers)',
    'create statistics s on id, note from orders',
  ])('%s is not', (sql) => {
    expect(facts(sql).refusal).toBeUndefined()
  })
})

describe('where masked values can come out', () => {
  it.each([
    ['select upper(email) from customers', true],
    ['select 1 from customer_view', true],
    ['select 1 from view_of_view', true],
    ['select 1 from opaque_view', true],
    ['select 1 from events_2026', true],
    ['select 1 from pg_stats', true],
    ['select 1 from new_table', true], // not known: it may be anything
    ['select mine(1)', true],
    ['fetch all from c', true],
    ['explain select 1', false],
    ['select 1 from orders', false],
    ['select relname from pg_class', false],
  ])('%s: %s', (sql, isExposed) => {
    expect(facts(sql).errorExposure !== 'none').toBe(isExposed)
  })

  it('knows each masked column by relation and number', () => {
    const at = (oid: number, attribute: number): string[] =>
      masking.originAt(oid, attribute).masks.map(({ name }) => name)
    expect(at(16_400, 3)).toEqual(['public.customers.email'])
    expect(at(16_400, 1)).toEqual([])
    expect(at(16_401, 2)).toEqual([])
    expect(at(16_406, 1)).toEqual(['public.events_2026.email']) // a partition numbers its columns itself
    expect(at(16_406, 2)).toEqual([])
    expect(at(16_402, 1)).toEqual([]) // a view: by what each column is made of
    expect(at(16_402, 2)).toEqual(['public.customers.email'])
    expect(at(16_403, 1)).toEqual(['public.customers.email'])
    expect(at(16_404, 1).length).toBe(2) // made by a function that somebody wrote
    expect(at(2620, 1)).toEqual([])
    expect(at(2620, 2).length).toBe(2)
    expect(at(99_999, 1).length).toBe(2) // a relation made since
    expect(at(1259, 1)).toHaveLength(2) // columns of it are not known here
  })
})

describe('where a star leads', () => {
  it('MERGE … RETURNING * gives the source first', () => {
    const sql =
      'merge into orders o using (select id, upper(email) as m from customers) s on o.id = s.id when matched then do nothing returning *'
    const masked = facts(sql).lineage[0]?.outputs.map(({ origin }) => origin.masks.length > 0)
    expect(masked).toEqual([false, true, false, false])
  })
})

describe('what the gateway asks a target for itself', () => {
  it.each([
    ...Object.entries(SYSTEM_QUERIES),
    ...[130000, 180000].flatMap((version) => [
      [`catalogs of ${version}`, mirrorQuery(catalogTables(version))],
      [`changes in catalogs of ${version}`, changesQuery(catalogTables(version))],
    ]),
    ['definitions', definitionTexts([...buildCatalog(rows).byOid.values()])],
    ['state', STATE],
    ['shield', shield(1)],
    ['shield that stays prepared', SHIELD],
    ...(askForRelations(180000, new Set(['a'])) ?? []).map(({ sql }) => ['relations by name', sql]),
  ] as [string, string][])('%s names everything with its schema, operators too', (_name, sql) => {
    const [statement] = readSql(sql)
    expect(statement?.kinds.filter((kind) => kind !== 'set')).toEqual(['select'])
    for (const named of [
      ...(statement?.reads ?? []),
      ...(statement?.functions ?? []),
      ...(statement?.operators ?? []),
    ]) {
      expect([sql, named]).toEqual([sql, { schema: 'pg_catalog', name: named.name }])
    }
  })
})

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

describe('what is kept for ever', () => {
  const session = { commitment: (text: string) => `c${text.length}`, masking: { kinds: [] } }
  const keep = (sql: string, parameters: (string | null)[] = []) => recordable(sql, parameters, facts(sql), session)

  it.each([
    ["create role x password 'hunter2'", 'create role x password ‹c9›'],
    ["select id from customers where email = 'jane@example.com'", 'select id from customers where email = ‹c18›'],
    ['select id from customers where email = $$jane$$', 'select id from customers where email = ‹c8›'],
    [
      "select id from customers where email = $x$a'b$x$ or email = E'a\\'b'",
      'select id from customers where email = ‹c9› or email = ‹c7›',
    ],
    ["select id /* jane's */ from customers -- it's jane", 'select id /*…*/ from customers /*…*/'],
    ["select \"a'b\" from customers where email = 'x'", 'select "a\'b" from customers where email = ‹c3›'],
    [
      "select * from orders where note = 'to jane@example.com, card 4111111111111111'",
      "select * from orders where note = 'to ‹c16›, card ‹c16›'",
    ],
    [
      'select t1.id from customers t1 where t1.card = 4111 and 1.5e3 > .5 and id = $1',
      'select t1.id from customers t1 where t1.card = ‹c4› and 1.5e3 > .5 and id = $1',
    ],
    ["select * from orders where note = 'plain'", "select * from orders where note = 'plain'"],
  ])('%s', (sql, kept) => {
    expect(keep(sql).text).toBe(kept)
  })

  /** `«…»`: hidden. */
  it.each([
    "select id from customers where name in ('stuck', 'new') limit 10 offset 5",
    "select id, 'label', upper('x') from customers order by 1 desc limit 3",
    "select id from customers where email = «'secret'» and name = 'n' limit 3",
    "select id from customers where (email = «'secret'» or name <> 'n') and not id = 3",
    "delete from customers where email in («'secret'», «'other'») and id > 5",
    "insert into customers (name, email) values ('n', «'secret'»), ('m', «'other'»)",
    "update customers set email = «'secret'», name = 'n' where id = 5",
    "update customers set (name, email) = («'n'», «'secret'») where id = 5",
    'select id from customers where name = email and id = «5»',
    "select id from customers where name = email and name = «'secret'» limit 3",
    "with v as (select «'secret'» as e) select id from customers, v where email = v.e and id = «5»",
    "select id from customers, (values («'secret'»)) v(e) where v.e = «'secret'»",
    "select id from customers, (select «'secret'» as e) v where v.e = «'secret'»",
    "select id from customers where email = (select «'secret'») and id = «5»",
    'select id from customers where id = (select «5» union select «6»)',
    "select case when email = «'secret'» then «1» else «0» end from customers",
    "select case when name = 'n' then 1 else 0 end from customers",
    "select email = «'secret'», name = 'n' from customers",
    "select coalesce(email, «'secret'») from customers",
    "select id from customers where (name, email) = («'n'», «'secret'»)",
    "insert into customers select «1», «'n'», «'secret'»",
    "select id from customer_view v(id) where b = «'secret'» and id = 3",
    "select id from orders o where exists (select «1» from customers c where c.email = «'secret'» and c.id = 5) and note = «'x'»",
    "select id from orders o where exists (select «1» from customers c where c.email = o.note and o.note = «'secret'»)",
    "select id from orders where note in (select email from customers) and note = «'secret'»",
    "select c.id from customers c join events e using (email) where e.id = «5» and e.email = «'secret'»",
    "select c.id from customers c join orders o on o.id = c.id and o.note = 'x' where c.id > 7",
    'select * from (select id, row_number() over (partition by name order by id) rn from customers) t where rn <= 3',
    'with t as (select id, row_number() over (order by id) rn from customers) select id from t where rn = 1',
    "select id from customers c where c::text = «'secret'»",
    'select id from customers where length(email) = «6»',
    "select id from customers where unknown_column = «'secret'» and id = 5",
    "select id from customers where mine(name) = «'secret'»",
    "select id from customers where name = 'it''s'",
    "select id from customers where name = «'a'»\n«'b'»",
    // More in the tree than in the text, and the other way round: none stands in for another.
    "copy (select id from customers where extract(year from born) > «1» and email = «'secret'») to stdout (delimiter «','»)",
    "select id from customers where interval '1' hour > '2' and email = «'secret'» and id = -3",
    "copy (select id from customers where interval «'1'» hour > «'2'» and email = «'secret'») to stdout (delimiter «','»)",
    "select id from customers where email = U&«'secret'» uescape «'!'» and extract(year from born) > «1»",
    "select id::varchar(9), name::varchar(7) from customers where 'ü' = name and id = - 5 and email::varchar(«3») = «'secret'»",
    "select 1 from customers where email = «'é'»; select 2 from customers where id = 3",
    'select id from customers where id = any (array[1, 2])',
    "select id from customers where name = «'n'» and (select json_array(email, «'x'») from customers limit 1) is not null",
    'select id from customers where id = «2e»-«3»',
    "prepare p as select id from customers where email = «'secret'» and id = 5",
    "create table copied as select «'secret'» as e, id from customers where id = «5»",
    "select id from customers where name = '‹U+2039›63f5b92e33c3‹U+203A›'",
  ])('constants that have nothing to do with masked columns stay: %s', (marked) => {
    const sql = marked.replace(/[«»]/g, '').replaceAll('‹U+2039›', '‹').replaceAll('‹U+203A›', '›')
    expect(keep(sql).text.replace(/‹c\d+›/g, '‹›')).toBe(marked.replace(/«[^»]*»/g, '‹›'))
  })

  /** `«…»`: hidden. The constant is no condition on a masked column, but what it is compared with or stored in meets one. */
  it.each([
    "insert into customers (id, name) values («5», «'secret'») on conflict (id) do update set name = «'y'» where customers.email = excluded.name",
    "insert into orders (note) values («'secret'») returning (select count(*) from customers where email = note)",
    "with u as (update orders set note = «'secret'» returning note) select c.id from customers c, u where c.email = u.note",
    "with u as (insert into orders (note) values («'secret'») returning note) select c.id from customers c join u on c.email = u.note",
    "with u as (insert into orders (note) values («'n'») returning id) select id from customers where id = 5",
    "update customers set name = «'secret'» where id = «3» returning name = email",
    "merge into customers c using orders o on c.id = o.id when matched and c.email = o.note then update set name = «'secret'»",
    "select email = name from customers where name = «'secret'»",
    "select case when email = name then «1» end from customers where name = «'secret'»",
    "select nullif(email, name) from customers where name = «'secret'»",
    "select greatest(email, name) from customers where name = «'secret'»",
    "select position(name in email) from customers where name = «'secret'»",
    "select strpos(array[email, name]::text, «'secret'») from customers where name = «'secret'»",
    "select count(*) filter (where email = name) from customers where name = «'secret'»",
    "select count(*) from customers where name = «'secret'» having bool_and(email = name)",
    "select id from customers where name = «'secret'» order by email = name",
    "select id from customers where name = «'secret'» group by id, email = name",
    "select row_number() over (partition by email = name) from customers where name = «'secret'»",
    "select row_number() over w from customers where name = «'secret'» window w as (order by email = name)",
    "select distinct on (email = name) «'secret'» as v, id from customers",
    "select «'secret'» as v, email from customers order by v = email",
    "select name from customers where name = «'secret'» intersect select email from customers",
    "select name from customers where name = «'secret'» except select email from customers",
    "select name from customers where name = «'secret'» union select email from customers",
    "select count(distinct v) from (select name as v from customers where name = «'secret'» union all select email from customers) t",
    "select id from (select id, name, email = name as same from customers) t where same and name = «'secret'»",
    "select id from customers c where name = «'secret'» and «1» = (select count(*) from customers d where d.email = c.name)",
    "select id from customers c, lateral (select «1» from customers d where d.email = c.name) x where c.name = «'secret'»",
    "select exists (select from customers d where d.email = c.name) from customers c where name = «'secret'»",
    "select name in (select email from customers) from customers where name = «'secret'»",
    "select id from mixing_view where n = «'secret'»",
    "update mixing_view set n = «'secret'»",
    "update customers set email = name where name = «'secret'»",
    "update customers set email = (select name from customers where name = «'secret'»)",
    "update customers set (id, email) = (select id, name from customers where name = «'secret'»)",
    "insert into customers (id, email) select id, note from orders where note = «'secret'»",
    "merge into customers c using orders o on c.id = o.id when not matched and o.note = «'secret'» then insert (id, email) values (o.id, o.note)",
    "select set_config(«'app.x'», «'secret'», false), id from customers where email = current_setting(«'app.x'»)",
    "select id from customers where email = current_setting(«'app.x'») and «'secret'» = current_setting(«'app.x'»)",
    "select id from customers where email = current_user and current_user = «'secret'»",
    "select id from customers where email = «'a'» limit «'secret'»",
    "select id from customers where interval «'1'» day > interval «'0'» second and email = «'secret'»\n«'mail'»\n«''»",
    "select id from customers where extract(year from now()) > «1» and email = «'secret'» and id < «1e»-«5»",
    // What has to stay.
    "insert into customers (id, name, email) values (5, 'n', «'secret'») on conflict (id) do update set email = excluded.email, name = 'y' returning id",
    "select id from customers where name > '2026-01-01' and upper(email) = upper(«'secret'») and id = 5",
    "select id, upper(email) from customers where name = 'n' and email like «'a%'» order by email, name limit 3",
    'select name, count(email) from customers where id = 5 group by name having count(*) > 2',
    'select id, email from customers where id = 5 union all select id, email from events where id = 6 limit 3',
    'select exists (select from customers c where c.id = o.id and c.id = 5) from orders o where o.id = 7',
    "select * from customers where name = 'n' and id between 3 and 5 limit 10 offset 5",
  ])('constants stay hidden that meet a masked column on the way: %s', (marked) => {
    const sql = marked.replace(/[«»]/g, '')
    expect(keep(sql).text.replace(/‹c\d+›/g, '‹›')).toBe(marked.replace(/«[^»]*»/g, '‹›'))
  })

  it.each([
    ['select email as "jane@example.com" from customers', 'select email as "‹c16›" from customers'],
    [
      'select id from customers as "x jane@example.com" where email = \'x\'',
      'select id from customers as "x ‹c16›" where email = ‹c3›',
    ],
  ])('what looks like a masked kind is hidden in names too: %s', (sql, kept) => {
    expect(recordable(sql, [], facts(sql), { ...session, masking: { kinds: plan.kinds } }).text).toBe(kept)
  })

  it('of nested conditions too, each of which is read once', () => {
    const nest = (inner: string, wrap: (all: string, depth: number) => string): string =>
      Array.from({ length: 60 }, (_, depth) => depth).reduce(wrap, inner)
    for (const sql of [
      `select id from customers where ${nest('1 / id = 1', (all, depth) => `(${all} ${depth % 2 ? 'and' : 'or'} id / 1 = ${depth})`)}`,
      `select ${nest('id', (all) => `coalesce(id, ${all})`)} from customers`,
      `select ${nest('1', (all) => `(select 1 from orders where 1 / id = 2 and exists (select ${all}))`)} from customers`,
      `select ${nest('id', (all) => `case when 1 / id = 2 then ${all} when ${all.length < 300 ? all : 'id'} = 1 then 1 end`)} from customers`,
    ])
      expect(facts(sql).lineage).toHaveLength(1)
  })

  it.each<[string, boolean[]]>([
    ['select id from customers where id = $1 and email = $2 limit $3', [true, false, true]],
    ['select id from customers where id = $1 or email = $1', [false]],
    ['insert into customers (id, name, email) values ($1, $2, $3::text)', [true, true, false]],
    ['update customers set name = $1 where email = $2', [true, false]],
    ['select id from customers where name = email and name = $1', [false]],
    ['select $1 from customers where id = $2', [true, true]],
    ['select id from (select $1 as e) v, customers where email = e', [false]],
  ])('and so do parameters: %s', (sql, visible) => {
    const values = visible.map((_, index) => `value ${index}`)
    expect(keep(sql, values).parameters).toEqual(
      values.map((value, index) => (visible[index] === true ? value : '‹c7›')),
    )
  })

  it('constants that one stands for are told apart by their places', () => {
    const rowsOf = (name: string, email: string): string =>
      Array.from({ length: 60 }, () => `(${name}, ${email})`).join()
    for (const [sql, kept] of [
      [
        `insert into customers (name, email) values ${rowsOf("'n'", "'secret'")}`,
        `insert into customers (name, email) values ${rowsOf("'n'", '‹c8›')}`,
      ],
      [
        `select id from customers where id in (${'12, '.repeat(60)}3) and email = 'secret'`,
        `select id from customers where id in (${'12, '.repeat(60)}3) and email = ‹c8›`,
      ],
    ] as const) {
      const parsed = readSql(sql)
      for (const { tree } of parsed) shareConstants(tree)
      expect(recordable(sql, [], resolveFacts(parsed, catalog, masking), session).text).toBe(kept)
    }
  })

  it('a long list of constants is committed to as one, with how many there were', () => {
    const list = (count: number): string => Array.from({ length: count }, (_, i) => i + 100).join(', ')
    const kept = (count: number): string =>
      keep(`select id from customers where card in (${list(count)}) and email = 'x' -- y`).text
    expect(kept(49)).toBe(
      `select id from customers where card in (${Array.from({ length: 49 }, () => '‹c3›').join(', ')}) and email = ‹c3› /*…*/`,
    )
    expect(kept(50)).toBe(
      `select id from customers where card in (‹50 values, c${list(50).length}›) and email = ‹c3› /*…*/`,
    )
  })

  it('parameters bound to masked tables are commitments, others only where they look like a masked kind', () => {
    expect(keep('select id from customers where email = $1', ['jane', null]).parameters).toEqual(['‹c4›', null])
    expect(keep('select * from orders where note = $1', ['x@y.org', 'plain']).parameters).toEqual(['‹c7›', 'plain'])
  })
})

describe('a WHERE that leaves rows out', () => {
  it.each([
    'id = 1',
    "id = 1 and message = 'x'",
    'id in (1, 2, 3)',
    'id > 2',
    'id between 2 and 3',
    "message like 'x%'",
    "message like '%x%'",
    "message ilike 'x_'",
    "message ~ '^x'",
    "message ~ 'x+'",
    'message is null',
    'id is not null',
    "message <> 'line'",
    "lower(message) = 'x'",
    "lower(message) like 'x%'",
    'length(message) > 100',
    'length(message) > 4',
    'length(message) = 3',
    'char_length(trim(message)) = 0',
    "md5(message) = 'abc'",
    "coalesce(message, '') = ''",
    'coalesce(id, 0) = 5',
    "to_char(now(), 'YYYY') = message",
    "date_trunc('day', now() + id * interval '1 day') = current_date",
    "extract(month from now() + id * interval '1 day') = 5",
    'id % 2 = 0',
    'id % 10 in (1, 2)',
    'mod(hashint4(id), 4) = 1',
    "(id, message) = (1, 'x')",
    "(id, message) in ((1, 'x'), (2, 'y'))",
    "(id, message) > (3, 'l')",
    'id = any (array[1, 2])',
    "id = any ('{1,2}')",
    'id <> all (array[1, 2])',
    'id in (select id from accounts)',
    "id in (select id from accounts where name = 'x')",
    'id not in (select id from accounts)',
    'exists (select 1 from accounts a where a.id = log.id)',
    "not exists (select 1 from accounts a where a.id = log.id and a.name = 'account1')",
    'id = (select max(id) from log)',
    'id < (select max(id) from accounts)',
    "ctid = '(0,1)'",
    'ctid in (select ctid from log limit 2)',
    'ctid = any (array(select ctid from log limit 2))',
    'ctid in (select min(ctid) from log)',
    'ctid not in (select min(ctid) from log group by id)',
    "id < now()::date - '2020-01-01'::date - 9999",
    "starts_with(message, 'x')",
    "split_part(message, ' ', 1) = 'x'",
    "left(message, 2) = 'xy'",
    "substring(message from 1 for 3) = 'lin' and id = 2",
    "position('x' in message) > 0",
    "strpos(message, 'x') = 0",
    "id::text = '5'",
    "id::text like '1%'",
    'message = upper(message)',
    'message <> btrim(message)',
    'id + 1 = 3',
    'id * 2 > 6',
    'abs(id) > 3',
    'abs(id - 3) < 2',
    'case when id = 1 then true else false end',
    "case when id > 2 then message = 'x' else false end",
    'not (id = 1)',
    "not (id > 2 or message = 'x')",
    'id is distinct from 3',
    '(id = 3) is true',
    '(id = 3) is not true',
    'greatest(id, 0) > 3',
    "nullif(message, 'x') is null",
    "string_to_array(message, ',') @> array['a']",
    "array[message] <@ array['a', 'b']",
    'message in (select name from accounts)',
    "concat(message, id) = 'x1'",
    "message || id = 'x1'",
    "message similar to '(a|b)%'",
    "regexp_replace(message, '[0-9]', '', 'g') = 'x'",
    'id >= 1000000',
    'id <= 2000000000',
    'id < 1700000000000',
    'id = 2147483647',
    "'2020-01-01'::date + id < current_date",
    "'2020-01-01'::date + id between '2020-01-02' and '2020-01-03'",
    "'2020-01-01'::date + id = 'infinity'",
    'row(id) = row(3)',
  ])('%s', (where) => {
    for (const sql of [`delete from log where ${where}`, `update log set message = 'x' where ${where}`])
      expect([sql, readSql(sql)[0]?.missingWhere]).toEqual([sql, false])
  })
})

// As an expression, each way to take YYYY for one field or two was tried: it never ended.
it('a long format of dates is read at once', () => {
  expect(facts(`select to_char(now(), '${'Y'.repeat(900)}!')`).statements[0]?.kinds).toEqual(['select'])
})
