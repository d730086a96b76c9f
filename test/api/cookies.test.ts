import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  csrfToken,
  newCookieSecret,
  parseCookies,
  seal,
  setCookie,
  unseal,
  webSessionId,
} from '../../src/api/cookies.ts'

describe('cookies', () => {
  it('are read as they were sent; the first of two with one name counts', () => {
    expect([...parseCookies('a=1; b=x=y; a=2;c=;  d = 4 ; junk')]).toEqual([
      ['a', '1'],
      ['b', 'x=y'],
      ['c', ''],
      ['d', '4'],
    ])
    expect(parseCookies(undefined).size).toBe(0)
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (header) => parseCookies(header).size >= 0))
  })

  it('are hidden from scripts, and from plain text where there is TLS', () => {
    const options = { sameSite: 'Strict', path: '/', maxAge: 1000 } as const
    expect(setCookie('a', 'b', { ...options, secure: true })).toBe(
      'a=b; Path=/; Max-Age=1; HttpOnly; SameSite=Strict; Secure',
    )
    expect(setCookie('a', 'b', { ...options, secure: false })).not.toContain('Secure')
  })

  it('derive a CSRF token and a session id, which differ for every secret', () => {
    const [one, two] = [newCookieSecret(), newCookieSecret()]
    expect(one).not.toBe(two)
    expect(new Set([one, csrfToken(one), webSessionId(one), csrfToken(two), webSessionId(two)]).size).toBe(5)
    expect(csrfToken(one)).toBe(csrfToken(one))
  })

  it('seal texts that only they open, for one purpose', () => {
    const key = randomBytes(32)
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const sealed = seal(text, key, 'test')
        expect(unseal(sealed, key, 'test')).toBe(Buffer.from(text).toString())
        expect(unseal(sealed, key, 'other')).toBeUndefined()
        expect(unseal(sealed, randomBytes(32), 'test')).toBeUndefined()
      }),
    )
    const sealed = Buffer.from(seal('refresh', key, 'test'), 'base64url')
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(unseal(changed.toString('base64url'), key, 'test')).toBeUndefined()
    }
    for (const text of ['', 'x', 'a'.repeat(30)]) expect(unseal(text, key, 'test')).toBeUndefined()
  })
})
