import { expect, it } from 'vitest'
import { findPasswords } from '../../../src/sql/record/passwords.ts'

/** Several patterns may find the same. */
const foundIn = (text: string): string[] => [
  ...new Set(
    findPasswords(text)
      .toSorted((one, other) => one.start - other.start)
      .map(({ start, end }) => text.slice(start, end)),
  ),
]

it.each([
  [`UPDATE users SET password = 'a b', name = 'x' WHERE id = 7`, ['a b']],
  ['UPDATE users SET `api_key` = "a b"', ['a b']],
  [`SELECT 1 FROM users WHERE u.password='x'`, ['x']],
  [`INSERT INTO t VALUES ('{"token": "abc"}')`, ['abc']],
  [String.raw`SELECT "{\"token\": \"abc\"}"`, ['abc']],
  [`EXECUTE IMMEDIATE "SET PASSWORD = PASSWORD('abc')"`, ['abc']],
  [`EXECUTE IMMEDIATE 'SET PASSWORD FOR a = PASSWORD(''abc'')'`, ['abc']],
  [`PREPARE p FROM 'ALTER USER x IDENTIFIED BY "abc"'`, ['abc']],
  [`CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO ALTER USER x IDENTIFIED VIA ed25519 USING 'abc'`, ['abc']],
  [`BEGIN NOT ATOMIC CREATE USER x IDENTIFIED WITH 'p' BY PASSWORD 'abc'; END`, ['abc']],
  [`DO $$ BEGIN ALTER ROLE x PASSWORD 'abc'; END $$`, ['abc']],
  [`CREATE TABLE f (id INT) ENGINE=SPIDER COMMENT='host "h", password "abc"'`, ['abc']],
  [`CREATE TABLE f (id INT) REMOTE_PASSWORD=_utf8mb4 'abc'`, ['abc']],
  [`SELECT OLD_PASSWORD('abc'), PASSWORD ( "def" )`, ['abc', 'def']],
  [`SELECT AES_DECRYPT(v, 'abc'), pgp_sym_encrypt(a, 'def')`, ['abc', 'def']],
  [`SELECT crypt('abc', salt)`, ['abc']],
  [`COMMENT='mysql://u:abc@h/db'`, ['abc']],
  [`SELECT /* password: "abc" */ 1`, ['abc']],
  // What stands here is no value, or may be run.
  [`SET @password = 'DELETE FROM orders'`, []],
  ['SELECT * FROM a JOIN b ON a.password = b.password WHERE token = ?', []],
  [`SELECT password, 'x' FROM users`, []],
  [`SELECT 'https://example.com/a:b'`, []],
  ['SELECT 1', []],
])('finds in %s: %j', (text, found) => {
  expect(foundIn(text)).toEqual(found)
})

// Whatever takes the square of the length does not come to an end here.
it.each([
  'password',
  'password ',
  'identified by ',
  "password('",
  'aes_encrypt(',
  '://',
  'token@',
  'token\\',
  '@token',
])('reads a megabyte behind %s, and of it', (word) => {
  for (const text of [`${word}${' '.repeat(1_000_000)};`, word.repeat(100_000)])
    expect(findPasswords(text).length).toBeLessThanOrEqual(100_000)
})
