import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { passedAnswerHeaders, RedirectedElsewhere } from '../../../../src/protocols/http/gateway/answer-headers.ts'

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
