import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { describe, expect, it } from 'vitest'
import { loadModule, parseSync } from 'libpg-query'
import { GRAMMAR, NEVER_PARSED } from '../../../../src/protocols/postgres/dialect/grammar.ts'
import { readStatements } from '../../../../src/protocols/postgres/dialect/parse-statement.ts'
import { readSql } from '../../../helpers/read-sql.ts'

await loadModule()

/** Every node of the parser's grammar and its fields, from the types that are generated from the parser's own definition. */
function grammar(): ReadonlyMap<string, readonly string[]> {
  const file = createRequire(import.meta.url)
    .resolve('@pgsql/types')
    .replace(/index\.js$/, 'types.d.ts')
  const text = readFileSync(file, 'utf8')
  const nodes = new Map<string, readonly string[]>()
  for (const [, name, body] of text.matchAll(/^export interface (\w+) \{\n?([^}]*)\}/gm))
    nodes.set(
      String(name),
      [...String(body).matchAll(/^\s*(\w+)\??:/gm)].map(([, field]) => String(field)),
    )
  // Whatever the text says in another way would be missed.
  expect(nodes.size).toBe(text.split('export interface ').length - 1)
  return nodes
}

describe('the table of the grammar', () => {
  const nodes = grammar()

  it('is held against the whole grammar', () => {
    expect(nodes.size).toBeGreaterThan(250)
  })

  it('has every node, and none that is gone', () => {
    const known = [...GRAMMAR.keys(), ...NEVER_PARSED]
    expect([...nodes.keys()].filter((node) => !known.includes(node))).toEqual([])
    expect(known.filter((node) => !nodes.has(node))).toEqual([])
    expect([...GRAMMAR.keys()].filter((node) => NEVER_PARSED.has(node))).toEqual([])
  })

  it('says what becomes of every field of each node, and of none that is gone', () => {
    const missing: string[] = []
    const gone: string[] = []
    for (const [node, roles] of GRAMMAR) {
      const fields = nodes.get(node) ?? []
      missing.push(...fields.filter((field) => !roles.has(field)).map((field) => `${node}.${field}`))
      for (const [field, role] of roles) if (role !== 'place' && !fields.includes(field)) gone.push(`${node}.${field}`)
    }
    expect({ missing, gone }).toEqual({ missing: [], gone: [] })
  })

  it('makes a statement unknown that has a node or a field that nobody has looked at', () => {
    const [{ stmt } = { stmt: undefined }] = parseSync('select a from t where a = 1').stmts ?? []
    const select = (stmt as { SelectStmt: Record<string, unknown> }).SelectStmt
    const read = (node: object) => readStatements({ stmts: [{ stmt: node as never }] }, '')[0]
    expect(read({ SelectStmt: select })?.unknown).toEqual([])
    expect(read({ SelectStmt: { ...select, newClause: {} } })).toMatchObject({
      kinds: ['unknown'],
      reads: [{ name: 't' }],
      unknown: ['SelectStmt.newClause is not read'],
    })
    const where = select['whereClause'] as { A_Expr: object }
    const strange = [
      { A_Expr: { ...where.A_Expr, newFlag: true } },
      { A_Expr: { ...where.A_Expr, kind: 'AEXPR_NEW' } },
      { NewExpr: { args: [where] } },
      { OpExpr: { opno: 96, args: [] } },
      { CaseExpr: { casetype: 23, args: [] } },
      {},
    ]
    for (const node of strange) {
      const parsed = read({ SelectStmt: { ...select, whereClause: node } })
      expect([node, parsed?.kinds, parsed?.unknown.length]).toEqual([node, ['select'], 1])
    }
    expect(read({ NewStmt: { relation: { relname: 't' } } })).toMatchObject({
      kinds: ['unknown'],
      writes: [{ name: 't' }],
    })
    expect(read({ DropStmt: { removeType: 'OBJECT_TABLE', newFlag: true } })?.kinds).toEqual(['unknown'])
  })

  it('every statement of the grammar is read as what it is', () => {
    const notRead = STATEMENTS.flatMap((sql) => {
      const [statement] = readSql(sql)
      const strange = (statement?.unknown ?? []).filter((reason) => /^[\w.]+ is not read$/.test(reason))
      return strange.length > 0 || statement?.kinds.includes('unknown') === true ? [[sql, strange]] : []
    })
    expect(notRead).toEqual([])
  })
})

const STATEMENTS = [
  'select distinct on (a) a, b as x, t.*, (t).c, (t.d)[1], d[1:2] from only t as u (a, b) tablesample system (1) repeatable (2)',
  'select a from t group by distinct rollup (a, (b, c)), cube (d), grouping sets ((a), ()) having grouping(a) > 0',
  'select sum(a) filter (where b) over w, rank() over (partition by c order by d using < rows between 1 preceding and current row exclude ties) from t window w as (order by a), v as (w)',
  'select percentile_cont(0.5) within group (order by a desc nulls last), string_agg(distinct a, b order by c), f(variadic x), g(n => 1) from t',
  'with recursive r(n) as not materialized (select 1 union all select n + 1 from r) search depth first by n set o cycle n set c to 1 default 0 using p select * from r',
  'select * from a natural full join b left join c using (x) as j right join d on true cross join lateral (select a.x) e',
  'select * from rows from (f(1), g() as (a int, b text)) with ordinality as x(a, b, c), lateral h(a.x) as (i int)',
  "select * from xmltable(xmlnamespaces('a' as x), '/r' passing d columns n for ordinality, v int path 'v' default 1 not null)",
  "select * from json_table(j, '$' as p passing 1 as y columns (o for ordinality, a int path '$.a' default 1 on empty error on error, e int exists path '$', nested path '$.b' columns (c int)) error on error) t",
  "select json_value(a, '$' passing 1 as x returning int default 2 on empty), json_query(a, '$' with wrapper omit quotes), json_exists(a, '$')",
  "select json_object('a': 1 absent on null with unique returning jsonb), json_array(1, 2), json_array(select 1), json_objectagg(a: b), json_arrayagg(a order by b) filter (where c) over (), json('{}'), json_scalar(1), json_serialize(a), a is json object",
  "select xmlelement(name a, xmlattributes(1 as b), c), xmlforest(a as b), xmlconcat(a, b), xmlpi(name x), xmlroot(a, version '1'), xmlparse(document a), xmlserialize(content a as text indent), a is document, xmlexists('/a' passing b)",
  'select case a when 1 then 2 else 3 end, coalesce(a, b), greatest(a), least(b), nullif(a, b), a is distinct from b, a is not distinct from b, a in (1, 2), a not in (3), a between 1 and 2, a not between symmetric 3 and 4',
  "select a like b escape 'c', a not ilike d, a similar to e, a = any (b), a <> all (array[1, 2]), a in (select 1), a > all (select 2), exists (select 3), array(select 4), (select 5), (a, b) = (select 6, 7)",
  'select a::int[], cast(b as varchar(3)), c collate "C", d at time zone \'x\', extract(year from e), overlay(a placing b from 1), substring(a from 1 for 2), position(a in b), trim(both a from b), normalize(a, nfc), a is normalized, (a, b) overlaps (c, d)',
  "select current_date, current_user, session_user, localtime(2), $1, b'01', x'ff', 1.5, null, true, interval '1' year, row(1, 2), row(), -a, a operator(pg_catalog.+) b, a is true, a is not unknown, not a",
  'select a from t union all (select b from u limit 1 offset 2) except select 3 intersect values (1, default) order by 1 fetch first 2 rows with ties for update of t nowait',
  'select a into temp x from t',
  'insert into t (a, b[1], c.d) overriding system value select 1 on conflict (a, (lower(b)) collate "C" text_ops) where c do update set (a, b) = (excluded.a, default), c = 1 where t.a > 0 returning with (old as o) o.a, *',
  'insert into t default values on conflict on constraint k do nothing',
  'update t as x set a = 1, (b, c) = (select 1, 2), d[1] = 2 from u where x.a = u.a returning *',
  'delete from only t using u where current of c returning 1',
  'merge into t using s on t.a = s.a when matched and a > 1 then update set a = 1 when not matched by source then delete when not matched by target then insert (a) values (1) when matched then do nothing returning merge_action(), *',
  'create temp table if not exists x (a int default 1 not null primary key, b text collate "C" check (b <> \'\') references t (b) on delete cascade, c int generated always as (a + 1) stored, d int generated by default as identity (start 5), exclude using gist (a with =) where (a > 0), unique nulls not distinct (a), like t including all, foreign key (a, b) references u) inherits (p) partition by range (a, (b) text_ops) with (fillfactor = 70) on commit drop tablespace s',
  'create table x partition of p for values from (1, minvalue) to (2, maxvalue)',
  'create table x partition of p default',
  'create table x of y (a with options default 1)',
  'create table x as select 1 with no data',
  'create materialized view if not exists x as select 1',
  "create foreign table x (a int options (b 'c')) server s options (d 'e')",
  'create or replace recursive view x (a) as select 1',
  'create unique index concurrently on t using btree (a text_ops desc, (lower(b))) include (c) with (fillfactor = 70) where a > 0',
  'create statistics s (mcv) on a, (b + 1) from t',
  'create sequence s increment 2 owned by t.a',
  'alter sequence s restart with 5',
  'create schema a authorization b create table c (d int)',
  'create function f(a int default 1) returns table (c int) language sql immutable set x = 1 return a + 1',
  "create function f() returns trigger language plpgsql as 'begin end'",
  'create procedure p() language sql begin atomic select 1; end',
  'create trigger t after update of a on x referencing old table as o for each row when (old.a > 1) execute function f(1)',
  'create event trigger e on ddl_command_start when tag in ($$a$$) execute function f()',
  'create rule r as on insert to t where new.a > 1 do also insert into u values (1)',
  'create policy p on t for select to public using (a = 1) with check (b)',
  'create type c as (a int)',
  "create type e as enum ('a')",
  'create type r as range (subtype = int)',
  'create type b (input = f, output = g)',
  'create domain d as int default 1 not null check (value > 0)',
  'create aggregate a (int) (sfunc = f, stype = int)',
  'create operator + (leftarg = int, function = f)',
  'create operator class o default for type int using btree as operator 1 <, function 1 f(int, int), storage int',
  'create operator family o using btree',
  'alter operator family o using btree add function 1 (int, int) f(int, int)',
  'create cast (int as text) with inout as implicit',
  'create transform for int language sql (from sql with function f(internal))',
  "create conversion c for 'a' to 'b' from f",
  'create language l handler f inline g validator h',
  'create access method m type index handler f',
  'create collation c (locale = $$x$$)',
  'create text search dictionary d (template = simple)',
  'create extension if not exists e with schema s',
  'create publication p for table t (a) where (a > 1), tables in schema s with (publish = $$insert$$)',
  "create subscription s connection 'x' publication p with (enabled = false)",
  'create server s type $$a$$ foreign data wrapper w options (a $$b$$)',
  'create foreign data wrapper w handler f options (a $$b$$)',
  'create user mapping for public server s options (a $$b$$)',
  'create role r with login password $$x$$ in role a',
  'create database d template t',
  'create tablespace s location $$/x$$',
  'alter table t add column a int, drop column b cascade, alter c type text using d::text, alter e set default 1, add constraint k check (a > 1) not valid, inherit q, enable row level security, owner to r, alter f add generated always as identity, replica identity using index i, set (fillfactor = 70), alter g set statistics 5, of h',
  'alter table t attach partition p for values in (1)',
  'alter table t detach partition p concurrently',
  'alter table t alter constraint k deferrable',
  'alter domain d add constraint c check (value > 1)',
  'alter type e add value $$x$$ before $$y$$',
  'alter type c add attribute a int cascade',
  'alter type b set (send = f)',
  'alter function f(int) cost 5',
  'alter operator + (int, int) set (restrict = none)',
  'alter policy p on t using (true)',
  'alter table t rename column a to b',
  'alter schema a rename to b',
  'alter table t set schema s',
  'alter function f(int) depends on extension e',
  'alter default privileges in schema s grant select on tables to r',
  'alter role r set a = 1',
  'alter database d set a = 1',
  'alter system set a = 1',
  'alter extension e add table t',
  'alter extension e update to $$2$$',
  'alter statistics s set statistics 5',
  'alter collation c refresh version',
  'alter text search configuration c add mapping for a with b',
  'drop table if exists a, b.c cascade',
  'drop function f(int), g',
  'drop trigger t on x',
  'drop owned by r',
  'drop role r',
  'reassign owned by a to b',
  'truncate t, only u restart identity cascade',
  'comment on column t.a is $$x$$',
  'security label for p on table t is $$x$$',
  'grant select (a), insert on t, u to r with grant option',
  'grant all on all tables in schema s to r',
  'grant a to b with admin option',
  'copy t (a, b) from stdin with (format csv, header match, force_quote *, force_null (a)) where a > 1',
  "copy (select 1) to program 'x'",
  'explain (analyze, format json) select 1',
  'prepare p (int) as select $1',
  'execute p (1)',
  'deallocate all',
  'declare c scroll cursor with hold for select 1',
  'fetch all from c',
  'move 2 in c',
  'close all',
  'begin isolation level serializable read only',
  'savepoint a',
  'rollback to a',
  'commit and chain',
  "prepare transaction 'x'",
  'set local a = 1, 2',
  'set session characteristics as transaction read only',
  'reset all',
  'show all',
  'discard all',
  'listen c',
  "notify c, 'x'",
  'unlisten *',
  'lock t in share mode nowait',
  'vacuum (full, analyze) t (a)',
  'analyze t',
  'cluster t using i',
  'reindex (verbose) table concurrently t',
  'refresh materialized view concurrently m with no data',
  'checkpoint',
  'load $$x$$',
  'set constraints all deferred',
  'do $$ begin end $$',
  'call p(1)',
  'import foreign schema a limit to (b) from server s into c',
]
