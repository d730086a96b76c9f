import { describe, expect, it } from 'vitest'
import { catalogOf, factsOf, MARIADB } from '../../../helpers/mysql-facts.ts'

const SHOP = catalogOf({ 'shop.people': { columns: ['id int', 'name varchar'] } }, { server: MARIADB })

/** Why a text is refused in a session whose account goes with it. */
const refusalOf = (sql: string, hasSessionAccount = true): string | undefined =>
  factsOf(sql, SHOP, [], { hasSessionAccount }).refusal?.message

describe('in a session whose account goes with it', () => {
  it.each([
    'CREATE VIEW v AS SELECT 1',
    'CREATE OR REPLACE SQL SECURITY INVOKER VIEW v AS SELECT 1',
    'ALTER VIEW v AS SELECT 1',
    'CREATE TRIGGER x BEFORE INSERT ON people FOR EACH ROW SET NEW.name = 1',
    'CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM people',
    'ALTER EVENT e ENABLE',
    'CREATE FUNCTION f() RETURNS INT RETURN 1',
    'CREATE PROCEDURE p() SELECT 1',
    "XA START 'x'",
    "XA PREPARE 'x'",
    'SELECT 1; CREATE VIEW v AS SELECT 1',
  ])('%s is refused', (sql) => {
    expect(refusalOf(sql)).toMatch(/is not allowed here: what (it makes acts with|is prepared outlives)/)
    expect(refusalOf(sql, false)).toBeUndefined()
  })

  it.each([
    'SELECT 1',
    'CREATE TABLE t (id INT)',
    'DROP VIEW v',
    'DROP TRIGGER x',
    'BEGIN',
    'CREATE TEMPORARY TABLE t (id INT)',
  ])('%s is a matter of rules', (sql) => {
    expect(refusalOf(sql)).toBeUndefined()
  })
})
