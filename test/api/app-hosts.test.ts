import { describe, expect, it } from 'vitest'
import { appNameOf, appOrigin } from '../../src/api/app-hosts.ts'

const deps = (publicUrl: string) =>
  ({ publicUrl: () => publicUrl, settings: () => ({ apps: { domain: 'apps.example.com' } }) }) as never

describe('the host of a request', () => {
  const plain = deps('https://pam.example.com')
  const ported = deps('https://pam.example.com:8443')
  it.each([
    ['shop.apps.example.com', { name: 'shop' }],
    ['SHOP.apps.Example.com', { name: 'shop' }],
    ['shop.apps.example.com.', 'none'],
    ['shop.apps.example.com:8443', 'none'],
    ['shop.apps.example.com:', 'none'],
    ['apps.example.com', 'none'],
    ['a.shop.apps.example.com', 'none'],
    ['-shop.apps.example.com', 'none'],
    ['sh_op.apps.example.com', 'none'],
    ['.apps.example.com', 'none'],
    ['pam.example.com', undefined],
    ['shopapps.example.com', undefined],
    ['apps.example.com.evil.example', undefined],
    ['', undefined],
  ])('%j is that of %j', (host, app) => {
    expect(appNameOf(host, plain)).toEqual(app)
  })

  it('has the port of the gateway', () => {
    expect(appNameOf('shop.apps.example.com:8443', ported)).toEqual({ name: 'shop' })
    expect(appNameOf('shop.apps.example.com', ported)).toBe('none')
    expect(appOrigin('shop', ported)).toBe('https://shop.apps.example.com:8443')
    expect(appOrigin('shop', plain)).toBe('https://shop.apps.example.com')
  })

  it('is the gateway where there are no apps', () => {
    const without = { publicUrl: () => 'https://pam.example.com', settings: () => ({ apps: undefined }) }
    expect(appNameOf('shop.apps.example.com', without as never)).toBeUndefined()
  })
})
