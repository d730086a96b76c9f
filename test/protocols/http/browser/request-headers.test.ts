import { describe, expect, it } from 'vitest'
import { browserHeaders } from '../../../../src/protocols/http/browser/request-headers.ts'
import type { Header } from '../../../../src/protocols/http/wire/headers.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const origins = { shown: 'https://shop.apps.example.com', target: 'http://shop.internal:8080' }
const pass = (...headers: Header[]): readonly Header[] | PamError => browserHeaders(headers, ['x-tenant'], origins)

describe('headers of a browser', () => {
  it.each<[Header, Header[]]>([
    [['cookie', 'a=1; __Host-pam_app=s'], [['cookie', 'a=1']]],
    [['cookie', '__Host-pam_app=s'], []],
    [['origin', 'https://shop.apps.example.com'], [['origin', 'http://shop.internal:8080']]],
    [['origin', 'null'], []],
    [['referer', 'https://shop.apps.example.com/a?b=1'], [['referer', 'http://shop.internal:8080/a?b=1']]],
    [['referer', 'https://wiki.apps.example.com/secret-page'], []],
    [['referer', 'https://shop.apps.example.com.evil.example/'], []],
    [['referer', 'no url'], []],
    [['sec-fetch-site', 'same-origin'], [['sec-fetch-site', 'same-origin']]],
    [['sec-ch-ua-platform', '"Linux"'], [['sec-ch-ua-platform', '"Linux"']]],
    [['sec-ch-ua-model', '"X"'], []],
    [['upgrade-insecure-requests', '1'], []],
    [['x-csrf-token', 't'], [['x-csrf-token', 't']]],
    [['x-tenant', '7'], [['x-tenant', '7']]],
    [['accept', '*/*'], [['accept', '*/*']]],
  ])('%j pass as %j', (header, passed) => {
    expect(pass(header)).toEqual(passed)
  })

  it.each<Header[]>([
    [['authorization', 'Bearer x']],
    [['x-forwarded-for', '1.2.3.4']],
    [['x-pam-assertion', 'eyJ']],
    [['sec-other', '1']],
    [['x-unknown', '1']],
    [
      ['proxy-authorization', 'Basic x'],
      ['authorization', 'x'],
    ],
    [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
    ],
  ])('%j are refused', (...headers) => {
    expect(pass(...headers)).toBeInstanceOf(PamError)
  })
})
