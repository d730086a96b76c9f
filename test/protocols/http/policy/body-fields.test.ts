import fc from 'fast-check'
import { expect, it } from 'vitest'
import { checkBodyField, matchesBodyField } from '../../../../src/protocols/http/policy/body-fields.ts'
import type { RequestBody } from '../../../../src/protocols/http/request/http-request.ts'
import { readBody } from '../../../../src/protocols/http/request/read-body.ts'

const json = (text: string): RequestBody => {
  const body = readBody({ type: 'application/json', parameters: new Map() }, Buffer.from(text))
  if ('failure' in body || body.type !== 'json') throw new Error(`not JSON: ${text}`)
  return body
}

it.each(['/a=b', '/a/0/b=', '/a~1b=x', '/=x', '/a="x"', '/a=null'])('takes %s', (pattern) => {
  expect(checkBodyField(pattern)).toBeUndefined()
})
it.each(['a=b', '/a', '', '=x', '/a~2=x'])('refuses %s', (pattern) => {
  expect(checkBodyField(pattern)).toBeTypeOf('string')
})

type Fit = 'exact' | 'loose' | 'none'

it.each<[string, string, Fit]>([
  ['/status=cancelled', '{"status":"cancelled"}', 'exact'],
  ['/status=cancelled', '{"status":"open"}', 'none'],
  ['/status=cancelled', '{"other":"cancelled"}', 'none'],
  ['/status=cancelled', '{"Status":"cancelled"}', 'loose'],
  ['/status=cancelled', '{"ſtatus":"cancelled"}', 'loose'],
  ['/status=cancelled', String.raw`{"status\u0000x":"cancelled"}`, 'loose'],
  ['/status=cancelled', '{"status":"Cancelled "}', 'loose'],
  ['/status=cancelled', '{"status":"ｃancelled"}', 'loose'],
  ['/status=cancelled', String.raw`{"status":"cancelled\u0000"}`, 'loose'],
  ['/status=cancelled', '{"status":"open","Status":"cancelled"}', 'loose'],
  ['/status=open', '{"status":"open","Status":"cancelled"}', 'loose'],
  ['/status=cancelled', '{"status":["cancelled"]}', 'loose'],
  ['/status=cancelled', '[{"status":"cancelled"}]', 'loose'],
  ['/status=cancelled', '{"status":3}', 'loose'],
  ['/status=cancelled', '{"status":{"cancelled":1}}', 'none'],
  ['/orderStatus=x', '{"order_status":"x"}', 'loose'],
  ['/order_status=x', '{"orderStatus":"x"}', 'loose'],
  ['/items/0/amount=100', '{"items":[{"amount":100}]}', 'exact'],
  ['/items/amount=100', '{"items":[{"amount":1},{"amount":100}]}', 'loose'],
  ['/count=3', '{"count":3}', 'exact'],
  ['/count=3', '{"count":3.0}', 'exact'],
  ['/count=3', '{"count":"3"}', 'loose'],
  ['/count=3', '{"count":"3 pieces"}', 'loose'],
  ['/count=3', '{"count":3.9}', 'loose'],
  ['/count=3', '{"count":"0x3"}', 'loose'],
  ['/count=3', '{"count":30}', 'none'],
  ['/count=1', '{"count":true}', 'loose'],
  ['/id=9007199254740993', '{"id":9007199254740992}', 'loose'],
  ['/force=true', '{"force":true}', 'exact'],
  ['/force=true', '{"force":"true"}', 'loose'],
  ['/force=true', '{"force":1}', 'loose'],
  ['/force=true', '{"force":"yes"}', 'loose'],
  ['/force=true', '{"force":false}', 'none'],
  ['/force=true', '{"force":"off"}', 'none'],
  ['/force=false', '{"force":0}', 'loose'],
  ['/force=false', '{"force":null}', 'loose'],
  ['/force=false', '{"force":true}', 'none'],
  ['/force="true"', '{"force":"true"}', 'exact'],
  ['/force="true"', '{"force":true}', 'loose'],
  ['/x=null', '{"x":null}', 'exact'],
  ['/x=null', '{"x":""}', 'loose'],
  ['/x=null', '{}', 'none'],
  ['/__proto__=x', '{"__proto__":"x"}', 'exact'],
])('%s and %s: %s', (pattern, text, match) => {
  const body = json(text)
  expect([matchesBodyField(pattern, body, true), matchesBodyField(pattern, body, false)]).toEqual([
    match === 'exact',
    match !== 'none',
  ])
})

it.each<[RequestBody, boolean]>([
  [{ type: 'none' }, false],
  [{ type: 'form', fields: [] }, true],
  [{ type: 'opaque', reason: 'a body', looksLike: 'other' }, true],
  [{ type: 'long' }, true],
])('what is not JSON is never allowed by it: %j', (body, denied) => {
  expect([matchesBodyField('/a=1', body, true), matchesBodyField('/a=1', body, false)]).toEqual([false, denied])
})

it('denies and holds whatever it would allow, also under other names in the same place', () => {
  const scalar = fc.oneof(fc.string(), fc.boolean(), fc.constant(null), fc.integer())
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z]{1,6}$/), scalar, fc.boolean(), (name, value, isUpper) => {
      const pattern = `/${name}=${JSON.stringify(value)}`
      const body = (called: string): RequestBody => ({ type: 'json', value: { [called]: value } })
      expect(matchesBodyField(pattern, body(name), true)).toBe(true)
      expect(matchesBodyField(pattern, body(isUpper ? name.toUpperCase() : name), false)).toBe(true)
    }),
  )
})
