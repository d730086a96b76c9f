import { describe, expect, it } from 'vitest'
import { isAsStrict, pinnedRefusal } from '../../src/sql/pinned-settings.ts'

describe('a pinned limit', () => {
  it.each<[number | undefined, boolean]>([
    [1, true],
    [0.5, true],
    [30, true],
    [30.5, false],
    [31, false],
    [0, false],
    [-1, false],
    [NaN, false],
    [Infinity, false],
    [undefined, false],
  ])('of 30: %s is as strict: %s', (value, strict) => {
    expect(isAsStrict({ shown: '30s', limit: 30 }, value)).toBe(strict)
    expect(isAsStrict({ shown: 'a name' }, value)).toBe(false)
  })

  it('is refused with its name and value, and a hint where something may be set', () => {
    expect(pinnedRefusal('lock_timeout', { shown: '5s', limit: 5000 })).toMatchObject({
      code: 'SETTING_REFUSED',
      message: 'lock_timeout is pinned by the configuration of this target: it stays 5s',
      hint: 'set it to a smaller whole number, but not to zero',
    })
    expect(pinnedRefusal('application_name', { shown: '{person}' }).hint).toBeUndefined()
  })
})
