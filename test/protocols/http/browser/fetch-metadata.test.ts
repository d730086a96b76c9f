import { describe, expect, it } from 'vitest'
import {
  crossSiteRefusal,
  foreignRefusal,
  isNavigation,
} from '../../../../src/protocols/http/browser/fetch-metadata.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'

const ORIGIN = 'https://shop.apps.example.com'
const from = (site: string, mode: string, dest: string, more: readonly Header[] = []): readonly Header[] => [
  ['sec-fetch-site', site],
  ['sec-fetch-mode', mode],
  ['sec-fetch-dest', dest],
  ...more,
]
const refusal = (method: string, headers: readonly Header[]): string | undefined =>
  crossSiteRefusal({ version: '1.1', method, target: '/', host: 'shop.apps.example.com', headers }, ORIGIN)?.code

describe('requests of a browser', () => {
  it.each<[string, string, readonly Header[]]>([
    ['a page that somebody opens', 'GET', from('none', 'navigate', 'document')],
    ['a link of another site', 'GET', from('cross-site', 'navigate', 'document')],
    ['a link of another target', 'GET', from('same-site', 'navigate', 'document')],
    ['a form', 'POST', from('same-origin', 'navigate', 'document', [['origin', ORIGIN]])],
    ['a form without a referrer', 'POST', from('same-origin', 'navigate', 'document', [['origin', 'null']])],
    ['fetch', 'DELETE', from('same-origin', 'cors', 'empty', [['origin', ORIGIN]])],
    ['a frame of the same page', 'GET', from('same-origin', 'navigate', 'iframe')],
    ['an image', 'GET', from('same-origin', 'no-cors', 'image')],
  ])('pass: %s', (_what, method, headers) => {
    expect(refusal(method, headers)).toBeUndefined()
  })

  it.each<[string, string, readonly Header[], string]>([
    [
      'a form of another site',
      'POST',
      from('cross-site', 'navigate', 'document', [['origin', 'https://evil.example']]),
      'CSRF_REFUSED',
    ],
    [
      'a form of another target',
      'POST',
      from('same-site', 'navigate', 'document', [['origin', 'https://wiki.apps.example.com']]),
      'CSRF_REFUSED',
    ],
    [
      'fetch of another target',
      'GET',
      from('same-site', 'cors', 'empty', [['origin', 'https://wiki.apps.example.com']]),
      'CSRF_REFUSED',
    ],
    ['fetch without cors', 'GET', from('same-site', 'no-cors', 'empty'), 'CSRF_REFUSED'],
    ['an image of another site', 'GET', from('cross-site', 'no-cors', 'image'), 'CSRF_REFUSED'],
    ['a script of another target', 'GET', from('same-site', 'no-cors', 'script'), 'CSRF_REFUSED'],
    ['a frame of another site', 'GET', from('cross-site', 'navigate', 'iframe'), 'CSRF_REFUSED'],
    [
      'a preflight',
      'OPTIONS',
      from('cross-site', 'cors', 'empty', [['origin', 'https://evil.example']]),
      'CSRF_REFUSED',
    ],
    [
      'a foreign origin all the same',
      'GET',
      from('same-origin', 'cors', 'empty', [['origin', 'https://evil.example']]),
      'CSRF_REFUSED',
    ],
    [
      'the origin of another port',
      'POST',
      from('same-origin', 'cors', 'empty', [['origin', `${ORIGIN}:8443`]]),
      'CSRF_REFUSED',
    ],
    ['no origin from elsewhere', 'POST', from('none', 'navigate', 'document', [['origin', 'null']]), 'CSRF_REFUSED'],
    [
      'two origins',
      'POST',
      from('same-origin', 'cors', 'empty', [
        ['origin', ORIGIN],
        ['origin', 'https://evil.example'],
      ]),
      'CSRF_REFUSED',
    ],
    ['a service worker', 'GET', from('same-origin', 'same-origin', 'serviceworker'), 'FEATURE_REFUSED'],
    [
      'a service worker by its header',
      'GET',
      from('same-origin', 'same-origin', 'script', [['service-worker', 'script']]),
      'FEATURE_REFUSED',
    ],
    ['no metadata', 'GET', [], 'FEATURE_REFUSED'],
    ['a part of it', 'GET', [['sec-fetch-site', 'none']], 'FEATURE_REFUSED'],
    [
      'metadata twice',
      'POST',
      from('same-origin', 'cors', 'empty', [['sec-fetch-site', 'cross-site']]),
      'FEATURE_REFUSED',
    ],
  ])('are refused: %s', (_what, method, headers, code) => {
    expect(refusal(method, headers)).toBe(code)
  })

  it.each<[string, string, readonly Header[], string | undefined]>([
    ['of the own page', 'websocket', [['origin', ORIGIN]], undefined],
    ['in other letters', 'WebSocket', [['origin', ORIGIN]], undefined],
    [
      'of the own page, with metadata',
      'websocket',
      from('same-origin', 'websocket', 'empty', [['origin', ORIGIN]]),
      undefined,
    ],
    ['of no page', 'websocket', [], 'FEATURE_REFUSED'],
    ['of a page that is not named', 'websocket', from('same-origin', 'websocket', 'empty'), 'FEATURE_REFUSED'],
    [
      'of a page without an origin',
      'websocket',
      from('same-origin', 'websocket', 'empty', [['origin', 'null']]),
      'CSRF_REFUSED',
    ],
    ['of another target', 'websocket', [['origin', 'https://wiki.apps.example.com']], 'CSRF_REFUSED'],
    ['of a name that begins so', 'websocket', [['origin', `${ORIGIN}.evil.example`]], 'CSRF_REFUSED'],
    [
      'of two pages',
      'websocket',
      [
        ['origin', ORIGIN],
        ['origin', ORIGIN],
      ],
      'CSRF_REFUSED',
    ],
    [
      'whose metadata say otherwise',
      'websocket',
      from('same-site', 'websocket', 'empty', [['origin', ORIGIN]]),
      'CSRF_REFUSED',
    ],
    ['for another protocol', 'h2c', [['origin', ORIGIN]], 'FEATURE_REFUSED'],
    ['for two protocols', 'websocket, h2c', [['origin', ORIGIN]], 'FEATURE_REFUSED'],
  ])('for a WebSocket: %s', (_what, upgrade, headers, code) => {
    const request = { version: '1.1', method: 'GET', target: '/', host: 'shop.apps.example.com', headers } as const
    expect(foreignRefusal({ request, upgrade }, ORIGIN)?.code).toBe(code)
  })

  it('are pages where they are shown in a tab', () => {
    expect(isNavigation({ headers: from('none', 'navigate', 'document') })).toBe(true)
    expect(isNavigation({ headers: from('none', 'navigate', 'iframe') })).toBe(false)
    expect(isNavigation({ headers: from('same-origin', 'cors', 'empty') })).toBe(false)
    expect(isNavigation({ headers: [] })).toBe(false)
  })
})
