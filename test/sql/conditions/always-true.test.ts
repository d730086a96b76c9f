import { loadModule } from 'libpg-query'
import { describe, expect, it } from 'vitest'
import { readSql } from '../../helpers/read-sql.ts'

await loadModule()

const readMissing = (sql: string): boolean | undefined => readSql(sql)[0]?.missingWhere
const holdsAlways = (where: string, using = ''): boolean | undefined =>
  readMissing(`delete from t ${using} where ${where}`)

describe('a WHERE that leaves no row out', () => {
  it.each([
    'true',
    '1 = 1',
    '$1',
    '$1 = 1',
    '$1::bool and $2 = 3',
    'id = 1 or $1',
    '$1 is null or id = $1',
    'id = id',
    'id <> all (array[]::int[])',
    "id <> all ('{}')",
    "not id = any ('{ }'::int[])",
    'not exists (select 1 from u where false and u.id = t.id)',
    'not exists (select from u where null)',
    't.id = id',
    'id = 1 or id <> 1',
    'id = 1 or id != 1',
    '1 = id or 1 <> id',
    'id = 1 or not id = 1',
    'not (id = 1 and id = 2)',
    'id < 5 or id >= 5',
    'id < 5 or id > 4 - 1',
    "name < 'm' or name >= 'm'",
    "name = 'x' or name is distinct from 'x'",
    'coalesce(true, id = 1)',
    'coalesce(null, id = id)',
    'case when id = 1 then true else true end',
    'case id when 1 then true else 2 > 1 end',
    '(id = 1) is not unknown',
    '(id = 1) is true or (id = 1) is false',
    'id is null or id is not null',
    'not (id is null and id is not null)',
    'a is null or a <> 1 or a = 1',
    'f(id) = 1 or f(id) <> 1',
    'f(id) or not f(id)',
    "name like '%'",
    "name like 'x' or name not like 'x'",
    "name ilike '%%'",
    "name ~ '.*'",
    "name !~ 'x' or name ~ 'x'",
    'length(name) >= 0',
    'length(name) > -1',
    'abs(id) >= 0',
    'id * 0 = 0',
    'id + 1 > id',
    'greatest(id, 5) >= 5',
    'nullif(id, id) is null',
    'id in (1, id)',
    'id not in (1) or id in (1)',
    'id between id and id',
    'id in (select id from t)',
    'id in (select t2.id from t t2 where t2.id = t2.id)',
    'exists (select 1 from t t2 where t2.id = t.id)',
    'id = any (select id from t)',
    'id = any (array[id])',
    'id >= all (array[id, id])',
    'id = any (array[1]) or id <> all (array[1])',
    'exists (select 1 from other)',
    '(select count(*) from other) > 0',
    '(id = 1 or id <> 1) and (name = $$x$$ or name <> $$x$$)',
    'id = 1 or id <> 1 or a = 1 or b = 2 or c = 3 or d = 4',
  ])('%s', (where) => expect(holdsAlways(where)).toBe(true))

  it.each([
    ['using s', 's.id = 5'],
    ['using t t2', 't2.id = t.id'],
    ['using (select id from t) s', 's.id = t.id'],
    ['using s join t t2 on true', 't2.id = t.id'],
    ['using generate_series(1, 1) g', 'g = 1'],
    ['using generate_series(1, 1)', 'generate_series = 1'],
    ['using (select 1) s(x)', 'x = 1'],
    ['using (select 1 as x) s', 'x = 1'],
    ['using (select 1 as x) s join s2 on true', 'x = 1 or s2.y = 2'],
    ['using json_to_record($1) as j(x int)', 'x = 1'],
  ])('with %s: %s', (using, where) => expect(holdsAlways(where, using)).toBe(true))

  it.each([
    'id = 1',
    'id = $1',
    'id <> 1',
    'id > $1',
    'id < 1000000',
    'id >= 0',
    'id > -1',
    'id in (1, 2, 3)',
    'id not in (1, 2)',
    'id = any ($1)',
    'id = any (array[1, 2])',
    'id <> all (array[1, 2])',
    'id between 1 and 9',
    'id = 1 or id = 2',
    'id < 3 or id > 5',
    'id = 1 or name = $$x$$',
    'not (id = 1 or id = 2)',
    'not (id <> 1 and id <> 2)',
    'id is not null',
    'id is null',
    'not (id is null)',
    'deleted_at is not null and id > 5',
    'coalesce(id, 0) = 5',
    'coalesce(deleted, false)',
    'case when id = 1 then true else false end',
    'nullif(id, 5) = 1',
    "name like 'a%'",
    "name not like '%a%'",
    "name ilike '%x%'",
    "name ~ '^a.*'",
    'length(name) > 3',
    'abs(id) > 5',
    'id % 7 = 3',
    'id + 5 > 20',
    "created_at < now() - interval '30 days'",
    "created_at < '2026-01-01'",
    'exists (select 1 from other o where o.id = t.id)',
    'id in (select id from other)',
    "id in (select id from t where name = 'x')",
    'exists (select 1 from t t2 where t2.parent = t.id)',
    'id in (select id from t limit 5)',
    'f(id)',
    'f(id) = 1',
    'active',
    'not active',
    'active is true',
    'current of c',
    '(id, name) = (1, $$x$$)',
    'a <> 1 or b <> 2',
    'a <> 1 or b <> 2 or c <> 3',
    "data ->> 'kind' = 'x'",
    'tags @> array[$1]',
    "age(created_at) > interval '1 year'",
  ])('leaves some out: %s', (where) => expect(holdsAlways(where)).toBe(false))

  it.each([
    ['using s', 's.id = t.id'],
    ['using s', "s.id = t.id and s.kind = 'x'"],
    ['using (select id from s where old) q', 'q.id = t.id'],
    ['using (select 1 as x) s', 'id = x'],
    ['using generate_series(1, 9) g', 'id = g'],
  ])('leaves some out, with %s: %s', (using, where) => expect(holdsAlways(where, using)).toBe(false))

  it('is found in no time, however many columns it has', () => {
    const where = Array.from({ length: 40 }, (_, column) => `c${column} <> ${column}`).join(' or ')
    expect(holdsAlways(where)).toBeTypeOf('boolean')
  })

  it('MERGE: rows that no source matches are left out by a condition of their own only', () => {
    const missing = (when: string, on = 't.id = s.x'): boolean | undefined =>
      readMissing(`merge into t using (select 1 as x where false) s on ${on} ${when}`)
    expect(missing('when not matched by source then delete')).toBe(true)
    expect(missing('when matched then delete', 'x = 1')).toBe(true)
    expect(missing('when not matched by source then update set a = 1')).toBe(true)
    expect(missing('when not matched by source and true then delete')).toBe(true)
    expect(missing('when not matched by source and t.id = t.id then delete')).toBe(true)
    expect(missing('when not matched by source and t.a = 1 then delete')).toBe(false)
    expect(missing('when not matched by source then do nothing')).toBe(false)
    expect(missing('when matched then delete', 'true')).toBe(true)
    expect(missing('when matched then delete', 't.id = 1 or t.id <> 1')).toBe(true)
    expect(missing('when matched then delete')).toBe(false)
    expect(missing('when not matched then insert values (1)')).toBe(false)
  })
})

// As expressions, the patterns of regular expressions and of dates were read in all of their ways, which never ended.
it.each([
  `name ~ '${'[]*(?:a)*'.repeat(100)}x'`,
  `name !~ '${'(?:a)*'.repeat(150)}x'`,
  `name like '${'%a'.repeat(100)}'`,
])('a long pattern is read at once: %s', (where) => expect(holdsAlways(where)).toBe(false))
