import { describe, expect, it } from 'vitest'
import { isPlainWord, mayBeCalled } from '../../src/sql/called.ts'

describe('what a column of a result may be called', () => {
  it.each([
    [{ name: 'email' }, 'email', true],
    [{ name: 'email' }, 'Email', false],
    // Not certain, with nothing known: any name.
    [{ name: undefined }, 'email', true],
    [{ name: undefined }, 'count(*)', true],
    // Not certain, but this word is the only plain one that it may be.
    [{ name: undefined, word: 'email' }, 'email', true],
    [{ name: undefined, word: 'email' }, 'phone', false],
    [{ name: undefined, word: 'email' }, 'upper(email)', true],
    [{ name: undefined, word: '' }, 'email', false],
    [{ name: undefined, word: '' }, '1 + 1', true],
  ])('%o may be called %j: %j', (column, name, expected) => {
    expect(mayBeCalled(column, name)).toBe(expected)
  })

  it('takes for plain what may be written without quotes', () => {
    expect(['a', '_1', 'a$b', 'ÄB', '1a', 'a b', ''].map(isPlainWord)).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
      false,
    ])
  })
})
