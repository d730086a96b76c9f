import { describe, expect, it } from 'vitest'
import { readTargetUrl } from '../../../src/server/init/first-target.ts'

const refusal = (url: string): string => {
  try {
    readTargetUrl(url, 'x')
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('nothing was refused')
}

describe('the URL of a first target', () => {
  it('names what the gateway connects to', () => {
    expect(
      readTargetUrl('postgres://pam%5fapp@[::1]:6432/my%20shop?sslmode=require&sslrootcert=a%20b.crt', 'db'),
    ).toEqual({
      type: 'postgres',
      name: 'db',
      host: '::1',
      port: 6432,
      user: 'pam_app',
      database: 'my shop',
      tls: 'require',
      ca: 'a b.crt',
    })
    expect(readTargetUrl('http://127.0.0.1:8080', 'web')).toMatchObject({ type: 'http', port: 8080, tls: 'disable' })
    expect(readTargetUrl('https://billing.example.com/', 'web')).toMatchObject({
      type: 'http',
      port: undefined,
      tls: undefined,
    })
    expect(readTargetUrl('kubernetes://api.example.com:6443?sslrootcert=ca.crt', 'k')).toMatchObject({ ca: 'ca.crt' })
    expect(readTargetUrl('ssh://deploy@web:2222', 's')).toMatchObject({ type: 'ssh', user: 'deploy', port: 2222 })
  })

  it.each([
    ['no URL', 'db.example.com', /^"db.example.com" is not the URL of a target$/],
    ['another program', 'redis://cache', /^the URL of the target: redis is not supported$/],
    ['no user', 'postgres://db/shop', /^the URL of the target needs a user: postgres:\/\//],
    ['no database and no user', 'mysql://db', /^the URL of the target needs a user and a database: /],
    ['a user of HTTP', 'https://me@billing', /^the URL of the target takes no user: /],
    ['a path of HTTP', 'https://billing/api', /^the URL of the target ends after host and port: /],
    [
      'a mode that is none',
      'postgres://u@h/d?sslmode=prefer',
      /^the URL of the target: sslmode=prefer is not supported$/,
    ],
    [
      'a parameter nobody knows',
      'postgres://u@h/d?options=-c',
      /^the URL of the target: the parameter options is not supported here/,
    ],
    ['TLS of SSH', 'ssh://u@h?sslmode=disable', /^the URL of the target: the parameter sslmode is not supported here/],
  ])('refuses %s', (_what, url, message) => expect(refusal(url)).toMatch(message))

  it('refuses a percent sign by itself, wherever it is', () => {
    for (const url of ['postgres://a%zz@h/d', 'postgres://a@h/%', 'postgres://a@h/%ff'])
      expect(() => readTargetUrl(url, 'one')).toThrow(
        'the URL of the target has a "%" that is no percent-encoded character',
      )
  })

  it('refuses a password, and does not repeat it', () => {
    const message = refusal('postgres://u:CANARY@h/d')
    expect(message).toMatch(/contains a password/)
    expect(message).not.toContain('CANARY')
  })
})
