import { describe, expect, it } from 'vitest'
import { isMasked } from '../../../../src/sql/lineage/origin.ts'
import type { StatementFacts } from '../../../../src/protocols/mysql/dialect/statement-facts.ts'
import { catalogOf, factsOf, mask, MYSQL, type TestTable } from '../../../helpers/mysql-facts.ts'

const TABLES: Readonly<Record<string, TestTable>> = {
  'shop.customers': {
    columns: [
      'id int',
      'email varchar',
      'name varchar',
      'country char',
      'salary decimal',
      'born date',
      'domain varchar',
      'code varchar INVISIBLE',
    ],
    keys: [['id'], ['email']],
    generated: { domain: "substring_index(`email`,'@',-1)" },
  },
  'shop.orders': {
    columns: ['id int', 'customer int', 'total int', 'note varchar'],
    keys: [['id']],
    references: [{ column: 'customer', to: 'shop.customers.id', onDelete: 'CASCADE', onUpdate: 'CASCADE' }],
  },
  'shop.items': {
    columns: ['id int', 'ord int'],
    keys: [['id']],
    references: [{ column: 'ord', to: 'shop.orders.id', onDelete: 'SET NULL' }],
  },
  'shop.staff': {
    columns: ['id int', 'dept char', 'pay decimal', 'nick varchar'],
    keys: [['id'], ['dept', 'pay'], ['pay']],
  },
  'shop.workers': {
    columns: ['id int', 'dept char'],
    view: 'select `shop`.`staff`.`id` AS `id`,`shop`.`staff`.`dept` AS `dept` from `shop`.`staff`',
  },
  'shop.parts': { columns: ['id int', 'kind varchar'], keys: [['id', 'kind']], partition: '`kind`' },
  'shop.notes': { columns: ['id int', 'text varchar'], keys: [['id']] },
  'shop.logged': { columns: ['id int', 'text varchar'], keys: [['id']], triggers: ['INSERT', 'DELETE'] },
  'shop.contacts': {
    columns: ['who int', 'mail varchar'],
    view: "select `shop`.`customers`.`id` AS `who`,`shop`.`customers`.`email` AS `mail` from `shop`.`customers` where `shop`.`customers`.`country` = 'CH'",
  },
  'shop.deep': { columns: ['m varchar'], view: 'select `contacts`.`mail` AS `m` from `shop`.`contacts`' },
  'shop.calls': { columns: ['x int'], view: 'select `shop`.`f`(1) AS `x`' },
  'shop.unseen': { columns: ['x int'], view: '' },
  'shop.peeks': { columns: ['x int'], view: 'select `hr`.`people`.`salary` AS `x` from `hr`.`people`' },
  'shop.hidden': { columns: ['x varchar'], view: 'select `shop`.`notes`.`secret` AS `x` from `shop`.`notes`' },
  'shop.elsewhere': { columns: ['id int', 'email varchar'], engine: 'FEDERATED' },
  'other.notes': { columns: ['id int', 'text varchar'], keys: [['id']] },
  'information_schema.PROCESSLIST': { columns: ['ID bigint', 'USER varchar', 'INFO longtext'] },
  'information_schema.TABLES': { columns: ['TABLE_SCHEMA varchar', 'TABLE_NAME varchar', 'TABLE_ROWS bigint'] },
  'mysql.innodb_index_stats': { columns: ['table_name varchar', 'stat_value bigint'] },
  'mysql.user': { columns: ['host char', 'user char', 'password longtext'] },
}

const catalog = catalogOf(TABLES, { routines: ['shop.f'] })
const MASKS = [mask('shop.customers.email'), mask('shop.customers.salary')]

const facts = (sql: string): StatementFacts => factsOf(sql, catalog)
const masked = (sql: string, masks = MASKS): StatementFacts => factsOf(sql, catalog, masks)
const [only] = [(all: readonly string[]) => all.toSorted()]

describe('what a statement names', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['select * from orders', ['shop.orders'], []],
    ['select * from other.notes n join notes using (id)', ['other.notes', 'shop.notes'], []],
    ['with notes as (select 1 x) select * from notes', [], []],
    ['insert into notes select id, note from orders', ['shop.orders'], ['shop.notes']],
    ['update notes set text = 1 where id = 2', [], ['shop.notes']],
    ['delete from orders where id = 1', [], ['shop.items', 'shop.orders']],
    ['delete from customers where id = 1', [], ['shop.customers', 'shop.items', 'shop.orders']],
    ['update customers set id = 2 where id = 1', [], ['shop.customers', 'shop.orders']],
    ['replace into orders values (1, 2, 3, 4)', [], ['shop.items', 'shop.orders']],
    ['truncate notes', [], ['shop.notes']],
    ['select * from seq_1_to_3, other.seq_0_to_9_step_3', ['other.seq_0_to_9_step_3', 'shop.seq_1_to_3'], []],
    // What is not there yet is made.
    ['create or replace view fresh as select id from notes', ['shop.notes'], ['shop.fresh']],
    ['create or replace view contacts as select id from notes', ['shop.notes'], ['shop.contacts']],
    ['create or replace table fresh (id int)', [], ['shop.fresh']],
    ['create or replace table fresh as select id from notes', ['shop.notes'], ['shop.fresh']],
    ['create or replace table fresh like notes', ['shop.notes'], ['shop.fresh']],
  ])('%s', (sql, reads, writes) => {
    const [statement] = facts(sql).statements
    expect(only?.(statement?.reads ?? [])).toEqual(reads)
    expect(only?.(statement?.writes ?? [])).toEqual(writes)
    expect(statement?.unknown).toEqual([])
  })

  it('has what is behind a view', () => {
    expect(facts('select * from deep').statements[0]).toMatchObject({
      reads: ['shop.deep'],
      behind: ['shop.contacts', 'shop.customers'],
      unknown: [],
    })
  })

  it.each<[string, string | RegExp]>([
    ['select * from nowhere', /not in the catalog/],
    ['select * from seq_01_to_3', /not in the catalog/],
    ['select * from mysql.seq_1_to_3', /not in the catalog/],
    ['select * from nobody.seq_1_to_3', /not in the catalog/],
    ['create or replace view fresh as select * from fresh', /not in the catalog/],
    ['create or replace table fresh like nowhere', /not in the catalog/],
    ['select f(1)', /user-defined/],
    ['select other.g(1)', /user-defined/],
    ['select nobody_knows(1)', /not known/],
    ["select load_file('/etc/passwd')", /outside this statement/],
    ["insert into logged values (1, 'x')", /trigger/],
    ['delete from logged where id = 1', /trigger/],
    ["replace into logged values (1, 'x')", /trigger/],
    ['select * from calls', /user-defined/],
    ['select * from unseen', /not visible/],
    ['call p()', /procedure/],
    ['set wsrep_on = 0', /setting/],
    ['use other; select * from notes', /earlier in the same text/],
    ['alter table notes add x int; select * from notes', /definitions/],
  ])('%s is of unknown effect', (sql, reason) => {
    expect(
      facts(sql)
        .statements.flatMap(({ unknown }) => unknown)
        .join(),
    ).toMatch(reason)
  })

  it('says nothing unknown of a trigger for another event, and of one that is declared safe', () => {
    expect(facts("update logged set text = 'x' where id = 1").statements[0]?.unknown).toEqual([])
    const safe = catalogOf(TABLES, { safeRoutines: ['shop.on_insert', 'shop.f'], routines: ['shop.f'] })
    expect(factsOf("insert into logged values (1, 'x')", safe).statements[0]?.unknown).toEqual([])
    expect(factsOf('select f(1)', safe).statements[0]?.unknown).toEqual([])
  })

  it('takes every write for unknown where triggers are not shown', () => {
    const blind = catalogOf(TABLES, { seesTriggers: false })
    expect(factsOf("update notes set text = 'x' where id = 1", blind).statements[0]?.unknown.join()).toMatch(/TRIGGER/)
    expect(factsOf('select * from notes', blind).statements[0]?.unknown).toEqual([])
    const sure = catalogOf(TABLES, { seesTriggers: false, unseenTriggers: 'none' })
    expect(factsOf("update notes set text = 'x' where id = 1", sure).statements[0]?.unknown).toEqual([])
    expect(factsOf("insert into logged values (1, 'x')", sure).statements[0]?.unknown.join()).toMatch(/trigger/)
  })

  it('does not tell a table from a temporary one that may hide it', () => {
    const session = catalogOf(TABLES, {
      temporary: [
        ['shop', 'notes'],
        ['shop', 'scratch'],
      ],
    })
    expect(factsOf('select * from notes', session).statements[0]?.unknown.join()).toMatch(/temporary/)
    expect(factsOf('select * from scratch', session).statements[0]?.unknown).toEqual([])
  })

  it('compares names of tables as the server does', () => {
    expect(facts('select * from Notes').statements[0]?.unknown).not.toEqual([])
    const folding = catalogOf(TABLES, { foldsTableNames: true })
    expect(factsOf('select ID from SHOP.Notes', folding).statements[0]).toMatchObject({
      reads: ['shop.notes'],
      unknown: [],
    })
    expect(facts('select * from INFORMATION_SCHEMA.tables').statements[0]).toMatchObject({
      reads: ['information_schema.tables'],
      unknown: [],
    })
  })
})

const SECRET = (sql: string, more = MASKS): string =>
  masked(sql, more)
    .lineage.flatMap(({ outputs }) => outputs.map(({ origin }) => (isMasked(origin) ? 'x' : '-')))
    .join('')

describe('what a name in ORDER BY means', () => {
  it.each([
    'select id, upper(email) from customers order by id',
    'select id, upper(email), length(email) x from customers order by id, name',
    "select 'x', id, upper(email) from customers order by id",
    'select id, (select email) from customers order by id',
    'select name, count(email) from customers group by name order by name',
    'select id, floor(salary) from customers union all select 1, 2 order by id',
    'select id from (select id, floor(salary) from customers) d order by id',
    'select id, floor(salary) from customers having id > 1',
    'select id, @n := 1, floor(salary) from customers order by id',
  ])('%s is allowed', (sql) => {
    expect(
      refusal(
        sql,
        MASKS.filter(({ column }) => sql.includes(column)),
      ),
    ).toBe('passes')
  })

  it.each([
    'select id, upper(email) from customers order by 2',
    'select id, upper(email) from customers order by `upper(email)`',
    'select id, upper(email) x from customers order by x',
    'select id, upper(email) from customers having `upper(email)` > 1',
    'select id, email/**/div/**/2 from customers order by emaildiv2',
    'select id, (email) from customers order by email',
    'select id, +email from customers order by email',
    'select id, concat(email) from customers union all select 1, 2 order by `concat(email)`',
  ])('%s is refused', (sql) => {
    expect(factsOf(sql, catalog, [mask('shop.customers.email')]).refusal).toBeDefined()
  })
})

describe('where columns of a result come from', () => {
  it.each<[string, string]>([
    ['select id, email, name from customers', '-x-'],
    ['select ID, EMAIL from customers C', '-x'],
    ['select * from customers', '-x--x-x'],
    ['select c.* from customers c', '-x--x-x'],
    ['select code, email from customers', '-x'],
    ['select * from contacts', '-x'],
    ['select * from deep', 'x'],
    ['select x from peeks', 'x'],
    ['select x from hidden', 'x'],
    ['select text from notes', '-'],
    ['select upper(email), length(email), 1 from customers', 'xx-'],
    ['select concat(name, country) from customers', '-'],
    ['select (select email from customers where id = 1)', 'x'],
    ['select 1 union all select email from customers', 'x'],
    ['with c as (select email e from customers) select e from c', 'x'],
    ['select @x', '-'],
    ['select @`é`', 'x'],
    ['select @@version, @@sql_mode', '--'],
    ['select last_insert_id()', '-'],
    ['select info, id from information_schema.processlist', 'x-'],
    ['select table_name, table_rows from information_schema.tables', '--'],
    ['select * from mysql.innodb_index_stats', 'xx'],
    ['select f(1)', 'x'],
    ['explain select email from customers', 'x'],
    ['show tables', '-'],
    ['show warnings', 'x'],
    ['show processlist', 'x'],
    ['set statement max_statement_time = 1 for select email, id from customers', 'x-'],
    ['values (1, 2)', '--'],
    ['delete from customers where id = 1 returning email, id', 'x-'],
  ])('%s: %s', (sql, expected) => {
    expect(SECRET(sql)).toBe(expected)
  })
})

/** Why it is refused for masked columns. */
const refusal = (sql: string, masks = MASKS): string => masked(sql, masks).refusal?.message ?? 'passes'

describe('masked columns', () => {
  it.each<string>([
    'select id from customers where id = 1 and country > 2',
    "select id from customers where email = 'bob@example.org'",
    "select id from customers where email in ('a', 'b')",
    'select id from customers where email = ?',
    "select id from customers where email = 'x' and id = 1 and born > '2000-01-01' and name = 'y'",
    "select name from customers where email = 'x' or id in (1, 2)",
    'select id from customers where salary = 1000',
    'select email, name, count(*) over () from customers',
    'select upper(email) from customers',
    "insert into customers (email) values ('x')",
    "update customers set name = 'x' where id = 1",
    'select email from customers order by id',
    'select customers.email from customers join orders on orders.customer = customers.id',
    'set @x = 1',
    'set names utf8mb4',
    'show index from customers',
    'do sleep(0)',
    'create table t2 (id int)',
    'drop table customers',
  ])('let %s pass', (sql) => {
    expect(refusal(sql)).toBe('passes')
  })

  it.each<string>([
    "select id from customers where email like 'a%'",
    "select id from customers where email > 'a'",
    'select id from customers where email = 0',
    'select id from customers where email = 41',
    'select id from customers where email = true',
    "select id from customers where email in ('a', 0)",
    "select id from customers where email <=> 'a'",
    'select id from customers where email',
    'select id from customers where not email',
    'select id from customers where email = name',
    "select id from customers where email = 'x' and name = 0",
    "select id from customers where email = 'x' and id = name",
    "select id from customers where email = 'x' and sleep(1)",
    'select id from customers order by email',
    'select id from customers order by upper(email)',
    'select email e from customers order by e',
    'select id, upper(email) from customers order by 2',
    'select id, upper(email) from customers order by `upper(email)`',
    'select id, upper(email) from customers group by `UPPER(email)`',
    'select id, upper(email) as id from customers order by id',
    "select 'id' union all select email from customers order by id",
    'values ((select email from customers where id = 1)), ((select email from customers where id = 2)) order by column_0',
    "values ('id'), ((select email from customers where id = 2)) order by id",
    "select * from (values ('id'), ((select email from customers where id = 2))) d order by id",
    'select * from (select upper(email) from customers) d order by `upper(email)`',
    'select count(*) from customers group by email',
    'select distinct email from customers',
    'select id from customers group by id having max(salary) > 5',
    'select salary from customers having salary > 5',
    'select email + 0 from customers',
    'select cast(email as signed) from customers',
    'select cast(email as char(3)) from customers',
    'select salary * 1e300 from customers',
    'select exp(salary) from customers',
    'select extractvalue(1, concat(0x7e, email)) from customers',
    'select updatexml(1, email, 1) from customers',
    'select email regexp "^a" from customers',
    'select sleep(salary) from customers',
    'select if(salary > 5, sleep(1), 0) from customers',
    'select case when salary > 5 then 1 end from customers',
    'select benchmark(salary, 1) from customers',
    'select repeat(email, 2) from customers',
    'select group_concat(email) from customers',
    'select inet6_aton(email) from customers',
    'select json_extract(email, "$") from customers',
    'select not email from customers',
    'select email or 0 from customers',
    'select @x := email from customers',
    'select email from customers into @x',
    "select email from customers into outfile '/tmp/x'",
    'set @x = (select email from customers limit 1)',
    'set max_join_size = (select salary from customers limit 1)',
    'do sleep((select salary from customers limit 1))',
    'insert into notes select id, email from customers',
    'replace into notes select id, email from customers',
    'insert into notes (id, text) values (1, (select email from customers limit 1))',
    'update notes, customers set notes.text = customers.email where notes.id = customers.id',
    'update customers set name = email where id = 1',
    'create table copied as select email from customers',
    "insert into customers (id, email) values (1, 'x') on duplicate key update name = email",
    'insert into notes (id) values (1) on duplicate key update text = (select email from customers limit 1)',
    'select last_insert_id(salary) from customers',
    'select get_lock(email, 0) from customers',
    'delete from customers order by salary limit 1',
    'update customers set name = 1 order by email limit 1',
    'select id from customers limit 1 offset (select salary from customers)',
    "select id from customers where (select email from customers c where c.id = 1) like 'a%'",
    'show tables where (select salary from customers limit 1) > 5',
    'select mail from contacts order by mail',
    "select mail from contacts where mail like 'a%'",
    "select domain from customers where domain = 'x'",
    'select c.id from customers c natural join customers d',
    'select c.id from customers c join contacts on mail = email',
    'select rank() over (order by salary) from customers',
    'alter table customers add x int',
    'rename table customers to c2',
    'create trigger t before insert on notes for each row set new.text = 1',
    'create event e on schedule every 1 day do insert into notes select 1, email from customers',
    'alter table contacts rename to c3',
  ])('refuse %s', (sql) => {
    let message: string
    try {
      message = refusal(sql)
    } catch (error) {
      // What is not read does not run where nobody allows the unknown.
      message = `not read: ${String(error)}`
    }
    expect(message).not.toBe('passes')
  })

  it('takes parameters for texts where a masked text is compared with them', () => {
    expect(masked('select id from customers where email = ? and id = ?').textParameters).toEqual([1])
    expect(masked('select id from customers where ? = email or salary = ?').textParameters).toEqual([1])
    expect(masked('select id from customers where id = ?').textParameters).toEqual([])
    expect(masked('select 1 from (select email x from customers) t where x = ?').textParameters).toEqual([1])
  })

  it('expose errors where values of theirs may be quoted', () => {
    expect(masked('select text from notes').errorExposure).toBe('none')
    expect(masked("insert into customers (email) values ('x')").errorExposure).toBe('quoted')
    expect(masked('select f(1)').errorExposure).toBe('any')
    expect(masked('delete from orders where id = 1').errorExposure).toBe('none')
    expect(masked('show warnings').errorExposure).toBe('quoted')
  })

  it('take a table of another server for any table', () => {
    for (const of of [masked, facts])
      expect(of('select * from elsewhere').statements[0]?.unknown.join()).toMatch(/another name/)
  })

  it('are the same in MySQL, but for what it has of its own', () => {
    const mysql = catalogOf(TABLES, { server: MYSQL })
    const of = (sql: string): string => factsOf(sql, mysql, MASKS).refusal?.message ?? 'passes'
    expect(of('select json_array(email) from customers')).toBe('passes')
    expect(refusal('select json_array(email) from customers')).not.toBe('passes')
    expect(of('select group_concat(email) from customers')).not.toBe('passes')
    expect(of("select id from customers where email = 'x'")).toBe('passes')
  })
})

describe('an UPDATE or DELETE', () => {
  it.each<[string, boolean]>([
    ['delete from notes', true],
    ['delete from notes where 1', true],
    ['delete from notes where id = id', true],
    ["delete from notes where id = 1 or 'a' = 'A'", true],
    ['delete from notes where text = 0', true],
    ['delete from notes where notes.text = 0', true],
    ['delete from notes where not text', true],
    ['delete from notes where text <> 5', true],
    ['delete from notes where text < 1', true],
    ['delete from notes where 0 = text or id = 5', true],
    ['delete from notes where text in (0, 7)', true],
    ['delete from notes where text not in (1, 2)', true],
    ['delete from notes where text between -1 and 1', true],
    ['update notes set id = 2 where text is false', true],
    ['delete n from notes n join orders o on n.text = 0', true],
    ['delete from notes where text = 0 limit 5', true],
    ['delete from notes where id = 0', false],
    ['delete from notes where text = 5', false],
    ["delete from notes where text = '0'", false],
    ['delete from notes where text = 0 and id = 3', false],
    ['update notes set text = 0 where id = 1', false],
    ['delete from notes where coalesce(1, id)', true],
    ['delete from notes where ifnull(1 + 0, id)', true],
    ['delete from notes where greatest(1, id)', true],
    ['delete from notes where if(1, 2, id)', true],
    ['delete from notes where coalesce(id, 1) = 2', false],
    ['delete from notes where greatest(id, 3) = 5', false],
  ])('%s misses a WHERE: %s', (sql, expected) => {
    expect(facts(sql).statements[0]?.missingWhere).toBe(expected)
  })
})

describe('the order in which an index gives rows', () => {
  const of = (sql: string): string => refusal(sql, [mask('shop.staff.pay')])

  it.each<string>([
    // An index has all that is read.
    'select id from staff',
    'select s.id from staff s',
    'select id, dept from staff',
    'select id, pay from staff limit 3',
    'select dept from staff where id > 1',
    'select o.id from staff s join orders o on o.customer = s.id',
    'select id, row_number() over () from staff order by id',
    'select id, rand(1) from staff order by id',
    'select group_concat(id) from staff',
    'select dept, count(*) from staff group by dept',
    'insert into notes (text) select id from staff',
    'select * from (select id from staff) x',
    // What is shown or sorted by depends on the rows before, or on the first of a group.
    'select id, row_number() over () n from staff order by id, n',
    'select id, sum(id) over (rows unbounded preceding) s from staff order by id, s',
    'select id, rand(5) r from staff order by id, r',
    'select id from staff order by rand(1), id',
    'select id from staff where rand(1) < 0.5 order by id',
    'select max(id) from staff where rand(1) < 0.5',
    'select id from staff where id > (select rand(1)) order by id',
    'select id from staff group by id is null order by id',
    'select max(dept) m, id from staff group by id is null order by m, id',
    'select dept, count(*) from staff group by dept order by rand(1), dept',
    'select id from staff union all select id from orders',
    'select id from workers',
    'select id from staff order by dept',
    'select 1 + 0 as id, nick from staff where dept = 1 order by id',
    // Its first column decides.
    "select id, nick from staff where dept = 'a'",
    "select nick from staff where dept = 'a' limit 1",
    'select id, nick from staff order by dept',
    'select s.nick from orders o join staff s on s.dept = o.note',
  ])('is told by %s', (sql) => {
    expect(of(sql)).toMatch(/order in which an index gives rows/)
  })

  it.each<string>([
    'select id, nick from staff',
    'select * from staff',
    'select count(*) from staff',
    "select count(*), min(id), max(id) from staff where dept = 'a'",
    'select id from staff order by id',
    'select id, dept from staff s order by s.id limit 10',
    "select id, nick, pay, upper(nick) from staff where dept = 'a' order by id",
    "select id from staff where dept = 'a' order by dept, id",
    'select * from orders where customer in (select id from staff)',
    'select * from orders o where exists (select 1 from staff s where s.id = o.customer)',
    'select id from workers order by id',
    'select dept, count(*) from staff group by dept order by dept',
    'select id from staff where pay = 5',
    'select pay from staff limit 1',
    'select o.id from orders o',
  ])('is not told by %s', (sql) => {
    expect(of(sql)).toBe('passes')
  })
})

describe('partitions by a masked column', () => {
  const of = (sql: string): string => refusal(sql, [mask('shop.parts.kind')])

  it.each<string>([
    'select id from parts partition (a)',
    'select count(*) from parts partition (a)',
    'delete from parts partition (a) where id = 1',
    'select id from parts',
    'select id from parts group by id is null order by id',
  ])('are told by %s', (sql) => {
    expect(of(sql)).toMatch(/could reveal/)
  })

  it.each<string>(['select count(*) from parts', 'select id from parts order by id'])('are not told by %s', (sql) => {
    expect(of(sql)).toBe('passes')
  })
})

describe('whatever the rules say', () => {
  it.each<[string, Partial<{ readOnly: boolean; ownAccount: boolean }>]>([
    ['set character_set_client = gbk', {}],
    ['set names sjis', {}],
    ['set names utf8mb4, character_set_client = big5', {}],
    ["set sql_mode = 'ORACLE'", {}],
    ['set pseudo_thread_id = 5', {}],
    ["set global init_connect = 'drop table x'", {}],
    ['set resultset_metadata = none', {}],
    ["set default_storage_engine = 'FEDERATED'", {}],
    ['set tx_read_only = 0', { readOnly: true }],
    ['set session transaction_read_only = default', { readOnly: true }],
    ['set @@session.tx_read_only = (select 1)', { readOnly: true }],
    ['set transaction read write', { readOnly: true }],
    ['set session transaction read write', { readOnly: true }],
    ['start transaction read write', { readOnly: true }],
    ['set statement tx_read_only = 0 for insert into notes values (1, 2)', { readOnly: true }],
    ['/*!50000 set tx_read_only = 0 */', { readOnly: true }],
    ['set global read_only = 0', {}],
    ["set password = password('x')", {}],
    ['flush privileges', {}],
    ["update mysql.user set password = '' where user = 'x'", {}],
    ["insert into mysql.user (user) values ('x')", {}],
  ])('%s is refused', (sql, options) => {
    expect(factsOf(sql, catalog, [], options).refusal).toBeDefined()
  })

  it.each<[string, Partial<{ readOnly: boolean; ownAccount: boolean }>]>([
    [
      "set sql_mode = concat(@@sql_mode, ',STRICT_TRANS_TABLES'), session_track_system_variables = concat(@@session_track_system_variables, ',x'), names utf8mb4",
      {},
    ],
    ['set character_set_results = null', {}],
    ['set @@session.autocommit = off', {}],
    ['select @@version_comment limit 1', {}],
    ["set sql_mode = 'ANSI'", {}],
    ['set tx_read_only = 0', {}],
    ['set tx_read_only = 1', { readOnly: true }],
    ['start transaction read only', { readOnly: true }],
    ['set transaction isolation level read committed', { readOnly: true }],
    ['set global read_only = 0', { ownAccount: true }],
    ["set password = password('x')", { ownAccount: true }],
  ])('%s passes', (sql, options) => {
    expect(factsOf(sql, catalog, [], options).refusal).toBeUndefined()
  })

  it('says what has to be read back before the next statement', () => {
    const moves = (sql: string): boolean => facts(sql).movesReading
    expect(moves("set sql_mode = 'ANSI'")).toBe(true)
    expect(moves('set names latin1')).toBe(true)
    expect(moves('use other')).toBe(true)
    expect(moves('set autocommit = 1')).toBe(false)
    expect(moves('select 1')).toBe(false)
    expect(moves('call p()')).toBe(true)
  })
})
