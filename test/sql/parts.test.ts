import { loadModule } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { fromParts, partsOf, statementParts } from '../../src/sql/parts.ts'
import type { Expression, FromItem, Statement } from '../../src/sql/query.ts'
import { readSql } from '../helpers/read-sql.ts'

beforeAll(() => loadModule())

/** Everything that a walk by parts comes to. */
class Walk {
  readonly constants: string[] = []
  readonly functions: string[] = []
  readonly operators: string[] = []
  readonly types: string[] = []

  statement(node: Statement): void {
    const { expressions, statements, from } = statementParts(node)
    this.#all(expressions, statements, from)
  }
  #all(expressions: readonly Expression[], statements: readonly Statement[], from: readonly FromItem[]): void {
    for (const node of expressions) {
      if (node.kind === 'constant') this.constants.push(node.value)
      const parts = partsOf(node)
      this.functions.push(...parts.functions.map(({ name }) => name))
      this.operators.push(...parts.operators.map(({ name }) => name))
      this.types.push(...parts.types.map(({ name }) => name))
      this.#all(parts.expressions, parts.statements, [])
    }
    for (const node of statements) this.statement(node)
    for (const item of from) {
      const parts = fromParts(item)
      this.#all(parts.expressions, parts.statements, parts.from)
    }
  }
}
function walk(sql: string): Walk {
  const found = new Walk()
  for (const { tree } of readSql(sql)) found.statement(tree)
  return found
}

const byNumber = (one: string, other: string): number => Number(one) - Number(other)

/** Each number stands in a place of its own. */
describe('a walk misses nothing', () => {
  it.each([
    'select 1, 2 + 3 from t where 4 = 5 group by 6 + 7 having 8 > 9 order by 10 + 11 limit 12 offset 13',
    'select distinct on (1 + a) 2 from t order by 3 + a using <',
    'select f(1, 2) filter (where 3 = a), g(4 order by 5 + a) over (partition by 6 + a order by 7 + a rows between 8 preceding and 9 following) from t',
    'select sum(a) over w from t window w as (partition by 1 + a order by 2 + a)',
    'select case 1 when 2 then 3 when 4 then 5 else 6 end, coalesce(7, 8), greatest(9, 10), nullif(11, 12)',
    'select array[1, 2], row(3, 4), (array[5])[6:7], 8::text, cast(9 as int), 10 collate "C", 11 is null, not (12 = 13)',
    'select 1 in (2, 3), 4 between 5 and 6, 7 = any (array[8]), 9 in (select 10), exists (select 11), 12 = all (select 13), (select 14)',
    'select 1 from (select 2) a join (values (3), (4)) b on 5 = 6 cross join f(7) cross join lateral (select 8) c',
    'select 1 from t tablesample system (2) repeatable (3)',
    'select 1 union select 2 except (select 3 order by 4 + a limit 5) order by 6 limit 7',
    'with a as (select 1), b as (select 2 from a) select 3 from b',
    'with recursive r as (select 1 union all select 2 + n from r where n < 3) select 4 from r',
    'values (1, 2), (3, 4) order by 5 limit 6',
    'insert into t (a) select 1 on conflict (a) where 2 = a do update set a = 3, b = 4 where 5 = 6 returning 7',
    'with x as (select 1) insert into t (a[2]) values (3) returning 4',
    'insert into t default values returning 1',
    'update t set a = 1, b[2] = 3, (c, d) = (select 4, 5) from (select 6) s where 7 = 8 returning 9',
    'delete from t using (select 1) s where 2 = 3 returning 4',
    'merge into t using (select 1) s on 2 = 3 when matched and 4 = 5 then update set a = 6 when not matched and 7 = 8 then insert (a) values (9)',
    'explain select 1 from t where 2 = 3',
    'prepare p as select 1 where 2 = 3',
    'declare c cursor for select 1 where 2 = 3',
    'copy (select 1 where 2 = 3) to stdout',
    'create table x as select 1 where 2 = 3',
    'create view v as select 1 where 2 = 3',
    'execute p(1, 2)',
    "select xmlelement(name a, xmlattributes(1 as b), 2), json_build_object('a', 3), json_object('a' value 4)",
    'select grouping(a) from t group by grouping sets ((1 + a), cube (2 + b), rollup (3 + c))',
  ])('%s', (sql) => {
    const written = [...sql.matchAll(/(?<![\w"'.])\d+/g)].map(([number]) => number)
    // What several columns are set to is come to once for each.
    const found = new Set(walk(sql).constants.filter((one) => /^\d+$/.test(one)))
    expect([...found].toSorted(byNumber)).toEqual(written.toSorted(byNumber))
  })

  it('of names that run something', () => {
    const sql = `select f(g(a) order by h(b) using <, c) over (order by d using operator(x.<<)),
      a + b = any (array[c]), cast(a as mood), b::extra from k(l()) where i(a) like j(b)`
    const { functions, operators, types } = walk(sql)
    expect(functions.toSorted()).toEqual(['f', 'g', 'h', 'i', 'j', 'k', 'l'])
    expect(operators.toSorted()).toEqual(['+', '<', '<<', '=', '~~'])
    expect(types.toSorted()).toEqual(['extra', 'mood'])
  })
})
