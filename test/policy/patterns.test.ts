import { describe, expect, it } from 'vitest'
import { checkColumn, checkKind, checkLogin, patternList } from '../../src/policy/patterns.ts'
import { policyLanguage } from '../../src/protocols/policy-language.ts'

const kind = checkKind(policyLanguage)

describe('a pattern that something can match', () => {
  it.each([
    ['a kind', kind, 'select'],
    ['the beginning of kinds', kind, 'drop-*'],
    ['all kinds', kind, '*'],
    ['a column', checkColumn, 'people.email'],
    ['a column of a schema', checkColumn, 'hr.people.email'],
    ['any column', checkColumn, '*.*.*'],
    ['an account', checkLogin, 'www-data'],
  ] as const)('%s: %s', (_what, check, pattern) => {
    expect(check(pattern)).toBeUndefined()
  })
})

describe('a pattern that nothing can match', () => {
  it.each([
    [kind, 'selct', 'there is no kind "selct"; did you mean "select"?'],
    [kind, 'nothing-*', 'no kind begins with "nothing-"'],
    [kind, 'drop-*-table', '"drop-*-table": * is for the end of a kind'],
    [checkColumn, 'email', '"email" names no table'],
    [checkColumn, 'a.b.c.d', '"a.b.c.d" has too many dots'],
    [checkColumn, 'people.', '"people." has an empty part'],
    [checkColumn, '"people".email', 'has quotes'],
    [checkColumn, 'people .email', 'has a blank at the end of a name'],
    [checkColumn, 'people.e*', '* stands for a whole name'],
    [checkLogin, 'www*', 'expected the name of an account, without *'],
    [checkLogin, '-oProxyCommand=x', 'expected the name of an account'],
    [checkLogin, 'a'.repeat(33), 'expected the name of an account'],
  ] as const)('%s %s is refused', (check, pattern, message) => {
    expect(check(pattern)).toContain(message)
  })
})

it('a list reports what is wrong with each pattern, and may not be empty', () => {
  const list = patternList(checkLogin)
  expect(list.safeParse(['root', 'a b', 'c*']).error?.issues.map(({ path }) => path)).toEqual([[1], [2]])
  expect(list.safeParse([]).success).toBe(false)
  expect(list.parse(undefined)).toBeUndefined()
})
