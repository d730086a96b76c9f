import { expect, it } from 'vitest'
import { checkContentType, matchesContentType } from '../../../../src/protocols/http/policy/content-types.ts'
import { readRequest } from '../../../../src/protocols/http/request/read-request.ts'
import { PamError } from '../../../../src/shared/errors.ts'

function matches(pattern: string, type: string, body: string | undefined, surely: boolean): boolean {
  const bytes = body === undefined ? undefined : Buffer.from(body)
  const headers = type === '' ? [] : ([['content-type', type]] as const)
  const request = readRequest({ version: '1.1', method: 'PUT', target: '/', headers }, bytes, undefined)
  if (request instanceof PamError) throw request
  return matchesContentType(pattern, request, surely)
}

const JSON_TYPE = 'application/json'

it.each<[string, string, string | undefined, 'exact' | 'loose' | 'none']>([
  [JSON_TYPE, 'application/json', '{}', 'exact'],
  [JSON_TYPE, 'application/json;charset=UTF-8', '{}', 'exact'],
  [JSON_TYPE, 'Application/JSON ; charset="utf-8"', '{}', 'exact'],
  [JSON_TYPE, 'application/json', undefined, 'exact'],
  [JSON_TYPE, 'application/vnd.api+json', '{}', 'loose'],
  [JSON_TYPE, 'application/json-patch+json', '[]', 'loose'],
  [JSON_TYPE, 'text/json', '{}', 'loose'],
  [JSON_TYPE, 'application/x-ndjson', '{}\n', 'loose'],
  [JSON_TYPE, 'application/json', "{'a':1}", 'exact'],
  [JSON_TYPE, 'text/plain', '{"a":1}', 'loose'],
  [JSON_TYPE, 'application/octet-stream', '\n [1]', 'loose'],
  [JSON_TYPE, 'image/png', '\ufeff{"a":1}', 'loose'],
  [JSON_TYPE, 'image/png', '{\0"\0a\0', 'loose'],
  [JSON_TYPE, 'image/png', `${' '.repeat(5000)}{}`, 'loose'],
  [JSON_TYPE, 'image/png', undefined, 'loose'],
  [JSON_TYPE, '', 'x', 'loose'],
  [JSON_TYPE, 'text/plain', 'hello', 'none'],
  [JSON_TYPE, 'application/xml', '<a/>', 'none'],
  [JSON_TYPE, 'application/json', '', 'none'],
  ['application/xml', 'text/xml', '<a/>', 'loose'],
  ['application/xml', 'application/soap+xml', '<a/>', 'loose'],
  ['application/xml', 'image/svg+xml', '<svg/>', 'loose'],
  ['application/xml', 'text/plain', '<?xml version="1.0"?>', 'loose'],
  ['application/xml', JSON_TYPE, '{}', 'none'],
  ['application/yaml', JSON_TYPE, '{}', 'loose'],
  ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded', 'a=b', 'exact'],
  ['application/x-www-form-urlencoded', JSON_TYPE, '{}', 'none'],
  ['image/*', 'image/png', 'x', 'exact'],
  ['image/*', 'application/octet-stream', 'x', 'loose'],
  ['image/*', JSON_TYPE, '{}', 'none'],
])('%s is for a body of %s, %j: %s', (pattern, type, body, how) => {
  expect(matches(pattern, type, body, true)).toBe(how === 'exact')
  expect(matches(pattern, type, body, false)).toBe(how !== 'none')
})

it.each(['application/json', 'image/*', 'application/vnd.api+json'])('takes %s', (pattern) => {
  expect(checkContentType(pattern)).toBeUndefined()
})

it.each(['json', 'Application/JSON', 'application/json; charset=utf-8', '*/*', 'image/p*'])('refuses %s', (pattern) => {
  expect(checkContentType(pattern)).toContain('expected a type')
})
