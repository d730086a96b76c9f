import { expect, it } from 'vitest'
import { browserAnswerHeaders } from '../../../../src/protocols/http/browser/answer-headers.ts'

it('an answer keeps its cookies to its host, and is kept by no cache', () => {
  const passed = [
    ['content-type', 'text/html'],
    ['cache-control', 'public, max-age=3600'],
    ['expires', 'Wed, 09 Jun 2032 10:18:14 GMT'],
    ['service-worker-allowed', '/'],
    ['accept-ch', 'Sec-CH-UA-Model'],
    ['speculation-rules', '"/rules.json"'],
    ['etag', '"1"'],
  ] as const
  expect(browserAnswerHeaders(passed, ['a=1; Domain=example.com', '__Host-pam_app=evil'])).toEqual([
    ['content-type', 'text/html'],
    ['etag', '"1"'],
    ['set-cookie', 'a=1; Secure'],
    ['cache-control', 'private, no-cache'],
    ['strict-transport-security', 'max-age=31536000'],
  ])
})

it('what a target wants nowhere stored is stored nowhere', () => {
  const headers = browserAnswerHeaders([['cache-control', 'private, No-Store']], [])
  expect(headers).toContainEqual(['cache-control', 'no-store'])
})
