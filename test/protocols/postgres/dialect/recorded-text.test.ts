import { describe, expect, it } from 'vitest'
import { resolveFacts } from '../../../../src/protocols/postgres/dialect/command-facts.ts'
import { recordable } from '../../../../src/protocols/postgres/gateway/pipeline/recordable.ts'
import { shareConstants } from '../../../../src/protocols/postgres/dialect/deduplicate-constants.ts'
import { readSql } from '../../../helpers/read-sql.ts'
import { catalog, plan, masking, facts } from '../../../helpers/shop-facts.ts'

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
