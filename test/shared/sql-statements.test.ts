import fc from 'fast-check'
import { loadModule, parseSync } from 'libpg-query'
import { beforeAll, describe, expect, it } from 'vitest'
import { firstWords, splitStatements } from '../../src/shared/sql-statements.ts'

describe('a text of several statements', () => {
  beforeAll(() => loadModule())
  const split = (sql: string): string[] | undefined => splitStatements(sql, parseSync(sql).stmts?.length ?? 0)

  it.each<[string, string, string[] | undefined]>([
    ['plain', 'select 1; select 2', ['select 1', 'select 2']],
    ['empty statements', ';; select 1;;; select 2; ;', ['select 1', 'select 2']],
    [
      'semicolons in constants',
      `select ';'; select E'\\';'; select $a$;$b$;$a$`,
      [`select ';'`, `select E'\\';'`, 'select $a$;$b$;$a$'],
    ],
    ['a quote in a quoted name', `select 1 as "'"; select 2 as ";"`, [`select 1 as "'"`, `select 2 as ";"`]],
    [
      'comments that nest',
      'select 1 /* ; /* ; */ ; */; select 2 -- ;',
      ['select 1 /* ; /* ; */ ; */', 'select 2 -- ;'],
    ],
    [
      'comments beside statements',
      '-- first;\nselect 1; /* second */ select 2; -- end',
      ['-- first;\nselect 1', '/* second */ select 2; -- end'],
    ],
    [
      'parentheses',
      'create rule r as on insert to t do also (select 1; select 2); select 3',
      ['create rule r as on insert to t do also (select 1; select 2)', 'select 3'],
    ],
    [
      'the body of a function, which is not cut: too many texts',
      'create function f() returns int begin atomic select 1; select 2; end; select 3',
      undefined,
    ],
    ['the body of a function as a constant', 'do $$begin; end$$; select 1', ['do $$begin; end$$', 'select 1']],
    [
      'dollar signs in names, which begin no constant',
      'select 1 as x$a$; drop table t; select 2 as y$a$',
      ['select 1 as x$a$', 'drop table t', 'select 2 as y$a$'],
    ],
    [
      'dollar signs in names, where a body of a function gives more texts: as many as statements, and not those',
      'create function f() returns int begin atomic select 1; select 2; end; select 1 as x$a$; drop table t; select 2 as y$a$',
      undefined,
    ],
    ['a constant with dollar signs behind a sign', 'select 1<$a$;$a$; select 2', ['select 1<$a$;$a$', 'select 2']],
    ['a name of a blank that is no white space', 'select 1; select 2 as \u00a0', ['select 1', 'select 2 as \u00a0']],
    ['a number before a word', 'select 1;select 2', ['select 1', 'select 2']],
  ])('%s', (_what, sql, texts) => {
    expect(split(sql)).toEqual(texts)
  })

  it('is cut where the server cuts it, or not at all', () => {
    const piece = fc.constantFrom(
      `'`,
      `''`,
      `E'\\'`,
      '"',
      '$$',
      '$a$',
      '--',
      '\n',
      '/*',
      '*/',
      ';',
      ' ',
      '(',
      ')',
      'select',
      '1',
      'a',
      ',',
      'begin atomic',
      'end',
      `select ';' ; `,
      'select (1); ',
      'select "a;" ; ',
      '/* ; */',
      '-- ;\n',
      'select $q$ ; $q$ ; ',
      "select E'\\';' ; ",
      'x$a$',
      'select 1 as x$a$ ; ',
      '\u00a0',
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (parts) => {
        const sql = parts.join('')
        const places = parsed(sql)
        if (places === undefined || places.length === 0) return
        const texts = splitStatements(sql, places.length)
        if (texts === undefined) return
        // Each statement of the server's is in the text of its number, and what is not a statement is nothing but blanks, comments and semicolons.
        for (const [at, statement] of places.entries())
          expect(texts[at]).toContain(statement.replaceAll(/^[ \t\n\r\f\v]+|[ \t\n\r\f\v]+$/g, ''))
        expect(texts.join('').replaceAll(/[ \n;]/g, '')).toBe(sql.replaceAll(/[ \n;]/g, ''))
      }),
      { numRuns: 2000 },
    )
  })

  /** The text of each statement, as the server's grammar has it. */
  function parsed(sql: string): string[] | undefined {
    if (sql.trim() === '') return undefined
    try {
      const bytes = Buffer.from(sql)
      return (parseSync(sql).stmts ?? []).map(({ stmt_location: from = 0, stmt_len: length = 0 }) =>
        bytes.subarray(from, length === 0 ? bytes.length : from + length).toString(),
      )
    } catch {
      return undefined
    }
  }
})

it.each<[string, string[] | undefined]>([
  ['select 1; Update t set a = 1;;', ['SELECT', 'UPDATE']],
  ["-- drop;\n/* ; */ ((table t)); do $$ begin; end $$; select ';'", ['TABLE', 'DO', 'SELECT']],
  ['create function f() begin atomic select 1; end', undefined],
])('%s begin with these words', (sql, words) => expect(firstWords(sql)).toEqual(words))
