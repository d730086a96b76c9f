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
