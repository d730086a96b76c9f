import { describe, expect, it } from 'vitest'
import { newUserCode, readUserCode } from '../../src/identity/user-code.ts'

describe('user codes', () => {
  it('are eight consonants, and read as they were made', () => {
    const codes = Array.from({ length: 200 }, newUserCode)
    for (const code of codes) {
      expect(code).toMatch(/^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$/)
      expect(readUserCode(code)).toBe(code)
    }
    expect(new Set(codes).size).toBe(200)
  })

  it.each([
    ['bcdf-ghjk', 'BCDF-GHJK'],
    [' b c d f g h j k ', 'BCDF-GHJK'],
    ['BCDF–GHJK', 'BCDF-GHJK'],
    ['BCDFGHJK', 'BCDF-GHJK'],
  ])('are read as people type them: %s', (typed, code) => expect(readUserCode(typed)).toBe(code))

  it.each(['', 'BCDF-GHJ', 'BCDF-GHJKL', 'ABCD-FGHJ', 'BCDF-GHJ1', 'BCDF_GHJK', 'ßßßß', 'BCDF-GHJ\u0000'])(
    'are nothing else: %j',
    (typed) => expect(readUserCode(typed)).toBeUndefined(),
  )
})
