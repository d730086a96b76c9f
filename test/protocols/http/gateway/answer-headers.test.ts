import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import {
  maskHeaders,
  passedAnswerHeaders,
  passedAnswerTrailers,
  RedirectedElsewhere,
} from '../../../../src/protocols/http/gateway/answer-headers.ts'
import { needlesOf } from '../../../../src/protocols/http/gateway/secret-spellings.ts'

const at = (status: number, location: string, name = 'location') =>
  passedAnswerHeaders(
    { status, headers: [[name, location]], body: Readable.from([]) },
    { origin: 'http://target:8080', target: '/a/b?c', needles: [], isChanged: false },
  )

it.each([
  ['/x', '/x'],
  ['x?y#z', '/a/x?y#z'],
  ['?y', '/a/b?y'],
  ['http://target:8080/x', '/x'],
  ['//target:8080/x', '/x'],
  ['HTTP://TARGET:8080', '/'],
])('a location within the target becomes a path: %s', (location, path) => {
  expect(at(302, location)).toEqual([['location', path]])
})

it.each([
  'http://evil.example/',
  'https://target:8080/',
  'http://target/',
  '//evil.example/',
  '/\\evil.example',
  '\\\\evil.example',
  'http://target:8080//evil.example/',
  '/.//evil.example/',
  '/x/..//evil.example/',
  '/%2e//evil.example/',
  'http://user@target:8080/',
  '/\t/evil.example',
  'javascript:alert(1)',
  'http://target:8080@evil.example/',
  'http://[',
])('one elsewhere is refused, or left out where nothing follows it: %s', (location) => {
  for (const status of [301, 302, 303, 307, 308]) expect(() => at(status, location)).toThrow(RedirectedElsewhere)
  for (const status of [200, 201, 300, 304]) expect(at(status, location)).toEqual([])
  expect(at(302, location, 'content-location')).toEqual([])
})

it('leaves out headers and trailers that have the secret in their names', () => {
  const needles = needlesOf('Tok-1F9A51e0')
  const headers = [
    ['x-tok-1f9a51e0', '1'],
    ['x-other', '2'],
  ] as const
  const place = { origin: 'http://target', target: '/', needles, isChanged: false }
  expect(passedAnswerHeaders({ status: 200, headers, body: Readable.from([]) }, place)).toEqual([['x-other', '2']])
  expect(passedAnswerTrailers(headers, place)).toEqual([['x-other', '2']])
})

it('leaves out headers whose names hold masked values', () => {
  const masking = { columns: [], kinds: [{ kind: 'payment-card', style: 'redact', hashScope: 'session' }] } as const
  const hashKeys = { session: Buffer.alloc(32), target: Buffer.alloc(32) }
  const headers = [
    ['x-4111111111111111', '1'],
    ['x-any', '4111111111111111'],
  ] as const
  expect(maskHeaders(headers, { masking, hashKeys })).toEqual([['x-any', '****']])
})
