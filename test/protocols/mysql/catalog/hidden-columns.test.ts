import { expect, it } from 'vitest'
import { hiddenColumns } from '../../../../src/protocols/mysql/catalog/hidden-columns.ts'
import { readTrees } from '../../../../src/protocols/mysql/dialect/parse-statement.ts'
import type { Relation } from '../../../../src/sql/catalog.ts'
import type { Statement } from '../../../../src/sql/query.ts'
import { readingContext } from '../../../helpers/read-mysql.ts'

const people = relation('people', ['id', 'email'])
const dark = relation('dark', [])

function relation(name: string, columns: readonly string[]): Relation {
  return {
    oid: 1,
    name: `shop.${name}`,
    schema: 'shop',
    viewOf: [],
    related: [],
    columns: new Map(columns.map((column, index) => [column, index + 1])),
  } as unknown as Relation
}

it.each([
  ['SELECT people.id FROM people', false],
  ['SELECT people.salary FROM people', true],
  ['SELECT p.email FROM people p', false],
  ['SELECT p.salary FROM people p', true],
  ['SELECT 1 FROM people p WHERE p.salary > 1', true],
  ['SELECT 1 FROM (SELECT p.salary FROM people p) d', true],
  ['SELECT (SELECT max(p.salary) FROM people p)', true],
  ['SELECT p.id FROM people p UNION SELECT p.salary FROM people p', true],
  ['SELECT p.* FROM people p', false],
  ['SELECT dark.id FROM dark', true],
  // Of two tables of one name, either may be meant.
  ['SELECT p.email FROM people p WHERE EXISTS (SELECT 1 FROM dark p)', true],
  // A relation that is not known at all has its own answer elsewhere.
  ['SELECT elsewhere.x FROM elsewhere', false],
])('%s: names a column that is not seen: %s', (sql, expected) => {
  const tree = readTrees(sql, readingContext())[0]?.tree as Statement
  const known = new Map([people, dark].map((one) => [one.name.replace('shop.', ''), one]))
  expect(hiddenColumns(tree, ({ name }) => known.get(name))).toBe(expected)
})
