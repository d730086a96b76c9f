import { describe, expect, it } from 'vitest'
import { missingRelation } from '../../../../src/protocols/mysql/dialect/missing-relations.ts'
import { catalogOf, factsOf, mask } from '../../../helpers/mysql-facts.ts'

const catalog = catalogOf(
  {
    'shop.orders': { columns: ['id int', 'email varchar'], keys: [['id']] },
    'other.notes': { columns: ['id int'], keys: [['id']] },
    'information_schema.TABLES': { columns: ['TABLE_NAME varchar'] },
  },
  { routines: ['shop.f'] },
)
const missing = (sql: string, masks = [mask('shop.orders.email')]) =>
  missingRelation(factsOf(sql, catalog, masks), catalog)

describe('a table that no database has', () => {
  it.each([
    ['select * from nope', 'shop.nope'],
    ['select * from other.nope where id = 1', 'other.nope'],
    ['select * from orders join nope using (id)', 'shop.nope'],
    ['insert into nope values (1)', 'shop.nope'],
    ['update nope set id = 1 where id = 2', 'shop.nope'],
    ['delete from nope where id = 1', 'shop.nope'],
    ['describe nope', 'shop.nope'],
  ])('%s names it, and would do this if it were there', (sql, relation) => {
    expect(missing(sql)).toMatchObject({ relation, statement: { unknown: [] } })
  })

  it.each([
    ['it is there', 'select id from orders'],
    ['something else is not known', 'select f(1) from nope'],
    ['there are other statements', 'select 1; select * from nope'],
    ['the database cannot be seen', 'select * from elsewhere.nope'],
    ['the server says it otherwise', 'select * from information_schema.nope'],
    ['it makes a table', 'create table nope (id int)'],
    ['it does not need it', 'drop table if exists nope'],
  ])('is not answered for where %s', (_why, sql) => {
    expect(missing(sql)).toBeUndefined()
  })
})

describe('a refusal for masks that rests on a table that no database has', () => {
  const refusedFor = (sql: string) => factsOf(sql, catalog, [mask('shop.orders.email')]).refusedFor

  it.each([
    ['select 1; select * from nope where id = 1', 1, 'the table nope is not in the catalog'],
    ['insert into orders select * from other.nope; select 1', 0, 'the table other.nope is not in the catalog'],
  ])('%s names it and its statement', (sql, at, reason) => {
    expect(refusedFor(sql)).toMatchObject({ at, reason, statement: { unknown: [] } })
  })

  it('what else is not known stays so', () => {
    expect(refusedFor('select 1; select f(id) from nope where id = 1')?.statement.unknown).toHaveLength(1)
  })

  it.each(['select 1; select id from orders where email = 1', 'select 1; select id from orders'])(
    'is none: %s',
    (sql) => expect(refusedFor(sql)).toBeUndefined(),
  )
})
