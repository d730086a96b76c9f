import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkQueryField, matchesQueryField } from '../../../../src/protocols/http/policy/query-fields.ts'
import type { RequestBody } from '../../../../src/protocols/http/request/http-request.ts'
import { readParameters } from '../../../../src/protocols/http/request/read-target.ts'

const parametersOf = (text: string) => {
  const read = readParameters(text)
  if ('failure' in read) throw new Error(read.failure)
  return read
}
const NONE: RequestBody = { type: 'none' }

it.each(['force', 'force=true', 'name=a*', 'a='])('takes %s', (pattern) => {
  expect(checkQueryField(pattern)).toBeUndefined()
})
it.each(['', '=x', 'a b=1', 'a&b'])('refuses %s', (pattern) => {
  expect(checkQueryField(pattern)).toBeTypeOf('string')
})

type Fit = 'exact' | 'loose' | 'none'

it.each<[string, string, Fit]>([
  ['force', 'force', 'exact'],
  ['force', 'force=no', 'exact'],
  ['force', 'other=1', 'none'],
  ['force=true', 'force=true', 'exact'],
  ['force=true', 'force=%74rue', 'exact'],
  ['force=true', 'FORCE=true', 'loose'],
  ['force=true', 'force=TRUE', 'loose'],
  ['force=true', 'force=1', 'loose'],
  ['force=true', 'force', 'loose'],
  ['force=true', 'force=false', 'none'],
  ['force=true', 'force=false&force=true', 'loose'],
  ['force=true', 'force=true&force=false', 'loose'],
  ['force=true', 'force=true&Force=false', 'loose'],
  ['force=true', 'force[]=true', 'loose'],
  ['force=true', '+force=true', 'loose'],
  ['force=true', 'force%5Bx=true', 'loose'],
  ['dry_run=1', 'dry.run=1', 'loose'],
  ['dry_run=1', 'dryRun=1', 'loose'],
  ['limit=100', 'limit=0100', 'loose'],
  ['limit=100', 'limit=1000', 'none'],
  ['name=a*', 'name=abc', 'exact'],
  ['name=a*', 'name=ABC', 'loose'],
  ['name=a*', 'name=bca', 'none'],
])('%s and ?%s: %s', (pattern, query, match) => {
  const request = { query: parametersOf(query), contentType: '', body: NONE }
  expect([matchesQueryField(pattern, request, true), matchesQueryField(pattern, request, false)]).toEqual([
    match === 'exact',
    match !== 'none',
  ])
})

it.each<[string, RequestBody]>([
  ['a form', { type: 'form', fields: [{ name: 'force', value: 'true' }] }],
  ['JSON', { type: 'json', value: { force: true } }],
  ['a list in JSON', { type: 'json', value: { force: [false, [true]] } }],
  ['an object in JSON, which is true', { type: 'json', value: { force: {} } }],
])('looks into the body, since frameworks have one list for both: %s', (_name, body) => {
  const contentType = ''
  expect(matchesQueryField('force=true', { query: [], contentType, body }, false)).toBe(true)
  expect(matchesQueryField('force=true', { query: [], contentType, body }, true)).toBe(false)
  const dry = { query: parametersOf('force=false'), contentType, body }
  expect(matchesQueryField('force=false', dry, true)).toBe(false)
})

it('denies and holds whatever it would allow', () => {
  const parameters = fc.array(
    fc.record({ name: fc.constantFrom('a', 'A', 'a[]', 'b'), value: fc.constantFrom('', '1', 'true', 'x') }),
  )
  const pattern = fc.constantFrom('a', 'a=1', 'a=true', 'a=*', 'b=x', 'a=')
  fc.assert(
    fc.property(pattern, parameters, parameters, (wanted, query, fields) => {
      const request = { query, contentType: '', body: { type: 'form', fields } as const }
      if (matchesQueryField(wanted, request, true)) expect(matchesQueryField(wanted, request, false)).toBe(true)
    }),
  )
})

const OPAQUE: RequestBody = { type: 'opaque', reason: 'a body with a name twice', looksLike: 'json' }

it.each<[string, string, RequestBody, boolean]>([
  ['JSON with a name twice', 'application/json', OPAQUE, true],
  ['JSON of a type of its own', 'application/vnd.api+json', OPAQUE, true],
  ['long JSON', 'application/json', { type: 'long' }, true],
  ['XML', 'text/xml', { ...OPAQUE, looksLike: 'xml' }, true],
  ['lines of JSON', 'application/x-ndjson', OPAQUE, false],
  ['a long upload', 'application/octet-stream', { type: 'long' }, false],
  ['text', 'text/plain', { ...OPAQUE, looksLike: 'other' }, false],
])('finds in %s whatever is denied, and nothing that is allowed', (_name, contentType, body, isHidden) => {
  const request = { query: parametersOf('dry=true'), contentType, body }
  expect(matchesQueryField('force=true', request, false)).toBe(isHidden)
  expect(matchesQueryField('dry=true', request, true)).toBe(!isHidden)
})
