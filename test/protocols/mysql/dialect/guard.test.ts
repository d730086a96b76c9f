import { describe, expect, it } from 'vitest'
import { guardUnknown } from '../../../../src/protocols/mysql/dialect/guard.ts'
import { catalogOf, factsOf, mask, MARIADB, MYSQL } from '../../../helpers/mysql-facts.ts'

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

describe('settings that are pinned', () => {
  const pinned = new Map(
    Object.entries({ max_statement_time: 30, max_execution_time: 30_000, lock_wait_timeout: 5 }).map(
      ([name, limit]) => [name, { shown: String(limit), limit }],
    ),
  )
  const mysql = catalogOf({ 'shop.people': { columns: ['id int', 'name varchar'] } }, { server: MYSQL })
  const mariadb12 = catalogOf({}, { server: { flavor: 'mariadb', number: 120_101, text: '12.1.1-MariaDB' } })
  const refused = (sql: string, catalog = SHOP): string | undefined =>
    factsOf(sql, catalog, [], { pinned, ownAccount: true }).refusal?.message

  it.each([
    'SET max_statement_time = 0',
    'SET max_statement_time = 31',
    "SET max_statement_time = '0'",
    'SET max_statement_time = 0.0000001',
    'SET max_statement_time = DEFAULT',
    'SET max_statement_time = -1',
    'SET max_statement_time = 1e9',
    'SET max_statement_time = ?',
    'SET max_statement_time = @x',
    'SET @@local.lock_wait_timeout = 99',
    'SET SESSION lock_wait_timeout := 99',
    'SET SESSION autocommit = 1, lock_wait_timeout = 99',
    'SET STATEMENT max_statement_time = 0 FOR SELECT 1',
    "EXECUTE IMMEDIATE 'SET max_statement_time = 0'",
    "PREPARE s FROM 'SET max_statement_time = 0'; EXECUTE s",
    'SELECT 1; SET max_statement_time = 0',
  ])('%s is refused', (sql) => {
    expect(refused(sql)).toMatch(
      /^(max_statement_time|lock_wait_timeout) is pinned by the configuration of this target/,
    )
    expect(factsOf(sql, SHOP, [], { ownAccount: true }).refusal).toBeUndefined()
  })

  it.each([
    'SET max_statement_time = 30',
    'SET lock_wait_timeout = 1',
    'SET STATEMENT max_statement_time = 5 FOR SELECT 1',
    'SET GLOBAL max_statement_time = 0',
    'SET innodb_lock_wait_timeout = 100',
    'SELECT @@max_statement_time',
    // To these versions a hint is a comment.
    'SELECT /*+ MAX_EXECUTION_TIME(0) */ 1',
  ])('%s is not', (sql) => {
    expect(refused(sql)).toBeUndefined()
  })

  it.each([
    'SELECT /*+ MAX_EXECUTION_TIME(0) */ 1',
    'SELECT /*+ BKA(t) max_execution_time ( 30001 ) */ 1',
    'SELECT /*+ MAX_EXECUTION_TIME(1) MAX_EXECUTION_TIME(99999) */ 1',
    'SELECT /*+ MAX_EXECUTION_TIME(@q 1) */ 1',
    'SELECT 1; SELECT /*+ MAX_EXECUTION_TIME(0) */ 1',
    "PREPARE s FROM 'SELECT /*+ MAX_EXECUTION_TIME(0) */ 1'",
  ])('the hint of %s is refused where hints are read', (sql) => {
    expect(refused(sql, mysql)).toMatch(/^max_execution_time is pinned/)
    expect(refused(sql, mariadb12)).toMatch(/^max_statement_time is pinned/)
    expect(factsOf(sql, mysql, [], { ownAccount: true }).refusal).toBeUndefined()
  })

  it('a hint may be stricter in MySQL', () => {
    expect(refused('SELECT /*+ MAX_EXECUTION_TIME(30000) */ 1', mysql)).toBeUndefined()
  })
})

describe('in a session with masked columns', () => {
  const refusal = (sql: string): string | undefined =>
    factsOf(sql, SHOP, [mask('shop.people.name')], { ownAccount: true }).refusal?.message

  it.each([
    ['CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO SELECT 1', /what it runs later/],
    ['ALTER EVENT e ENABLE', /what it runs later/],
    ['CREATE TRIGGER x BEFORE INSERT ON orders FOR EACH ROW SET NEW.a = 1', /what it runs later/],
    ['BEGIN NOT ATOMIC SELECT 1; END', /^compound statements are not allowed here/],
    ['IF 1 THEN SELECT 1; END IF', /^compound statements are not allowed here/],
    ['SHOW TABLE STATUS WHERE `Rows` > 5', /what the server counts/],
    ['SHOW TABLE STATUS WHERE (SELECT 1)', /what the server counts/],
    ['HANDLER people OPEN', /cannot be read by HANDLER/],
    ['ALTER TABLE people ADD COLUMN x INT', /cannot be altered/],
    ['RENAME TABLE people TO other', /cannot be altered/],
  ])('%s is refused', (sql, message) => {
    expect(refusal(sql)).toMatch(message)
    expect(factsOf(sql, SHOP, [], { ownAccount: true }).refusal).toBeUndefined()
  })

  it.each(['SHOW TABLE STATUS', "SHOW TABLE STATUS WHERE Name = 'x'", 'ALTER TABLE others ADD COLUMN x INT'])(
    '%s is not',
    (sql) => {
      expect(refusal(sql)).toBeUndefined()
    },
  )
})

it('in a read-only session nothing runs whose effect cannot be determined', () => {
  expect(guardUnknown({ unknown: ['calls f'] }, true)).toMatchObject({ code: 'SETTING_REFUSED' })
  expect(guardUnknown({ unknown: [] }, true)).toBeUndefined()
  expect(guardUnknown({ unknown: ['calls f'] }, false)).toBeUndefined()
})

describe('while columns are masked', () => {
  const refused = (sql: string, masks = [mask('shop.people.name')]): string | undefined =>
    factsOf(sql, SHOP, masks, { ownAccount: true }).refusal?.message

  it.each([
    'SHOW STATUS WHERE value > 0',
    "SHOW GLOBAL STATUS WHERE variable_name = 'Handler_update' AND `Value` = 1",
    "SHOW VARIABLES WHERE value <> ''",
    'SHOW VARIABLES WHERE (@x := value) IS NULL',
    'SHOW CLIENT_STATISTICS WHERE rows_updated > 1',
    "SHOW TABLE STATUS WHERE update_time > '2020-01-01'",
    'SHOW INDEX FROM people WHERE cardinality > 2',
    'SET STATEMENT max_statement_time = 5 FOR SHOW STATUS WHERE value > 0',
    'SHOW BINLOG EVENTS',
    'SHOW BINARY LOGS',
    'SHOW PROFILE',
  ])('%s is refused', (sql) => {
    expect(refused(sql)).toMatch(/^columns are masked, and /)
    expect(refused(sql, [])).toBeUndefined()
  })

  it.each([
    'SELECT @@last_gtid',
    'SELECT 1 FROM people WHERE id = 1 AND @@gtid_binlog_pos > 5',
    'SET @x = @@global.gtid_current_pos',
    'INSERT INTO people VALUES (1, @@gtid_binlog_state)',
  ])('%s could reveal values', (sql) => {
    expect(refused(sql)).toMatch(/could reveal its values|to a user variable/)
    expect(refused(sql, [])).toBeUndefined()
  })

  it.each([
    'SHOW STATUS',
    "SHOW STATUS LIKE 'Ssl_cipher'",
    "SHOW VARIABLES WHERE Variable_name = 'port'",
    'SHOW CLIENT_STATISTICS',
    'SHOW TABLE STATUS',
    'SELECT @@version_comment, @@gtid_domain_id',
  ])('%s is not', (sql) => {
    expect(refused(sql)).toBeUndefined()
  })
})
