import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  confinedCookie,
  mapCookieValues,
  withCookie,
  withoutOwnCookies,
} from '../../../../src/protocols/http/browser/cookies.ts'

describe('the cookies that a browser sends', () => {
  it.each([
    ['a=1; b=2', 'a=1; b=2'],
    ['__Host-pam_app=secret; a=1', 'a=1'],
    ['a=1;__Host-pam_app=secret', 'a=1'],
    ['a=1; __Host-pam_app =secret; b=2', 'a=1; b=2'],
    ['a=1; __host-PAM_app=secret', 'a=1'],
    ['a=1; __Secure-pam_app=secret', 'a=1'],
    ['__Host-pam_app_sign_in_abc=x', undefined],
    ['__Host-pam_app', undefined],
    ['a="; __Host-pam_app=secret; b="', 'a="; b="'],
    ['', undefined],
    ['__Host-own=1', '__Host-own=1'],
    ['no name', 'no name'],
  ])('%j reach the target as %j', (header, passed) => {
    expect(withoutOwnCookies(header)).toBe(passed)
  })

  it('never have a value of the gateway in what passes, wherever it stands', () => {
    const other = fc.string({ maxLength: 12 }).map((text) => text.replaceAll(/pam|[\r\n]/gi, ''))
    fc.assert(
      fc.property(fc.array(other), fc.array(other), (before, after) => {
        const header = [...before, '__Host-pam_app=SECRET', ...after].join(';')
        expect(withoutOwnCookies(header) ?? '').not.toContain('SECRET')
      }),
    )
  })

  it.each([
    [undefined, 'session=gateway'],
    ['session=mine', 'session=gateway'],
    ['a=1; session=mine; session =again; b=2', 'a=1; b=2; session=gateway'],
    ['sessions=1', 'sessions=1; session=gateway'],
  ])('%j stand beside what the gateway signs in with: %j', (header, sent) => {
    expect(withCookie(header, 'session=gateway')).toBe(sent)
  })
})

describe('a cookie that a target sets', () => {
  it.each([
    ['a=1', 'a=1; Secure'],
    ['a=1; Domain=apps.example.com; Path=/', 'a=1; Path=/; Secure'],
    ['a=1; domain=.example.com; HttpOnly; SameSite=None; secure', 'a=1; HttpOnly; SameSite=None; Secure'],
    [
      'a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT; Max-Age=3',
      'a=1; Expires=Wed, 09 Jun 2032 10:18:14 GMT; Max-Age=3; Secure',
    ],
    ['__Host-own=1; Path=/; Secure', '__Host-own=1; Path=/; Secure'],
    ['a=1; Partitioned; Priority=High; Unknown', 'a=1; Secure'],
    ['a=b=c; Path=/x', 'a=b=c; Path=/x; Secure'],
  ])('%j is set as %j', (value, confined) => {
    expect(confinedCookie(value)).toBe(confined)
  })

  it.each([
    '__Host-pam_app=evil; Secure; Path=/',
    '__host-pam_app=evil',
    '__Secure-pam_app=evil',
    ' __Host-pam_app =evil',
    '__Host-pam_app_sign_in_x=evil',
    '__Host-pam_app=evil; Max-Age=0',
    '=__Host-pam_app=evil',
    '__Host-pam_app',
    'no name',
    'a b=1',
    '',
  ])('%j is not set', (value) => {
    expect(confinedCookie(value)).toBeUndefined()
  })
})

it('values of cookies are replaced, and their attributes are not', () => {
  const hide = (): string => '*'
  expect(mapCookieValues('a=1; b=2=3; lone', hide)).toBe('a=*; b=*; *')
  expect(mapCookieValues('a=1; Path=/x; HttpOnly; Max-Age=3; Secure', hide)).toBe(
    'a=*; Path=/x; HttpOnly; Max-Age=3; Secure',
  )
})
