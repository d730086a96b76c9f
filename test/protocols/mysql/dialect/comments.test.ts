import { describe, expect, it } from 'vitest'
import { commentAt, endOfLine } from '../../../../src/protocols/mysql/dialect/comments.ts'
import { NotRead } from '../../../../src/protocols/mysql/dialect/not-read.ts'
import type { ServerVersion } from '../../../../src/protocols/mysql/wire/server-version.ts'

const MYSQL: ServerVersion = { flavor: 'mysql', number: 80_400, text: '8.4.0' }
const MARIADB: ServerVersion = { flavor: 'mariadb', number: 101_100, text: '10.11.0-MariaDB' }
const LATE_MARIADB: ServerVersion = { flavor: 'mariadb', number: 120_000, text: '12.0.0-MariaDB' }

/** What a server runs of a text that begins with a comment; undefined: nothing of the comment. */
const executed = (text: string, server: ServerVersion): string | undefined => {
  const { end, isExecuted } = commentAt(text, 0, server)
  return isExecuted ? text.slice(end) : undefined
}
const after = (text: string, server = MYSQL): string => text.slice(commentAt(text, 0, server).end)

describe('comments between slashes', () => {
  it.each([
    ['/* a */b', MYSQL, undefined],
    ['/*! a */b', MYSQL, ' a */b'],
    ['/*!80400 a */b', MYSQL, ' a */b'],
    ['/*!80401 a */b', MYSQL, undefined],
    ['/*!8 a */b', MYSQL, '8 a */b'],
    ['/*M! a */b', MYSQL, undefined],
    ['/*M! a */b', MARIADB, ' a */b'],
    ['/*!50699 a */b', MARIADB, ' a */b'],
    ['/*!50700 a */b', MARIADB, undefined],
    ['/*!99999 a */b', MARIADB, undefined],
    ['/*!100000 a */b', MARIADB, ' a */b'],
    ['/*!101101 a */b', MARIADB, undefined],
    ['/*M!50700 a */b', MARIADB, ' a */b'],
  ] as const)('of %j, %o executes %j', (text, server, expected) => {
    expect(executed(text, server)).toBe(expected)
  })

  it('ends at the first star and slash, unless it is left out for its version and has another within', () => {
    expect(after('/* /* a */ b */ c')).toBe(' b */ c')
    expect(after('/*!99999 /* a */ b */ c')).toBe(' c')
    expect(after('/*!99999 /* a */ b /* c */ d */ e')).toBe(' e')
  })

  it.each(['/*', '/* a', '/*!99999 /* a */', '/*/'])('refuses %j, which does not end', (text) => {
    expect(() => commentAt(text, 0, MYSQL)).toThrow(NotRead)
  })

  it('refuses a version of six digits, which MySQL servers read differently', () => {
    expect(() => commentAt('/*!080400 a */', 0, MYSQL)).toThrow(/more than five digits/)
  })

  it('refuses optimizer hints with quotes or settings where the server reads hints', () => {
    for (const hint of ['/*+ QB_NAME(`a`) */', '/*+ SET_VAR(sql_mode=ANSI_QUOTES) */', '/*+ resource_group(a) */']) {
      expect(() => commentAt(hint, 0, MYSQL)).toThrow(NotRead)
      expect(() => commentAt(hint, 0, LATE_MARIADB)).toThrow(NotRead)
      expect(commentAt(hint, 0, MARIADB)).toEqual({ end: hint.length, isExecuted: false })
    }
    expect(after('/*+ NO_INDEX_MERGE(t) */a')).toBe('a')
  })
})

describe('comments to the end of a line', () => {
  it('end at a newline alone', () => {
    expect(endOfLine('# a\rb\u2028c\nd', 0)).toBe(7)
    expect(endOfLine('a -- b', 2)).toBe(6)
  })

  it('may not contain a NUL', () => {
    expect(() => endOfLine('-- \0\n', 0)).toThrow(/NUL/)
    expect(endOfLine('-- a\n\0', 0)).toBe(4)
  })
})
