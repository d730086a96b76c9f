import { expect, it } from 'vitest'
import { cutText } from '../../../../../src/protocols/mysql/gateway/pipeline/cut-text.ts'
import { readingContext } from '../../../../helpers/read-mysql.ts'

/** Each piece with its text; comments in braces. */
const pieces = (text: string, mode = ''): readonly string[] =>
  cutText(text, readingContext({ mode })).map(({ start, end, isComment }) =>
    isComment ? `{${text.slice(start, end)}}` : text.slice(start, end),
  )

it.each([
  ["SELECT 'a', 12, x'ff' FROM t", '', ["'a'", '12', "x'ff'"]],
  ["/* one */ SELECT 'a' -- two", '', ['{/* one */}', "'a'", '{-- two}']],
  ['SELECT "a"', '', ['"a"']],
  ['SELECT "a"', 'ANSI_QUOTES', []],
  [String.raw`SELECT 'a\' , 1 -- '`, '', [String.raw`'a\' , 1 -- '`]],
  ['SELECT `a1` FROM t2', '', []],
])('%s under %s', (sql, mode, expected) => {
  expect(pieces(sql, mode)).toEqual(expected)
})

it('takes a text that cannot be read, or of which nobody knows how it is read, for one constant', () => {
  const whole = (text: string) => [{ start: 0, end: text.length, isComment: false }]
  expect(cutText("SELECT 'a", readingContext())).toEqual(whole("SELECT 'a"))
  expect(cutText('SELECT 1', undefined)).toEqual(whole('SELECT 1'))
})
