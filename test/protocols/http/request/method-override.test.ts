import { expect, it } from 'vitest'
import { isOverriding, mayOverride, tunnelingName } from '../../../../src/protocols/http/request/method-override.ts'

it.each([
  '_method',
  '_METHOD',
  ' _method',
  '_method ',
  '_method\n',
  '.method',
  ' .method',
  '-method',
  '$method',
  '@method',
  '__method',
  '_method[]',
  '_method[0]',
  '_method[a][b]',
  '[_method]',
  '[[_method]]',
  '_httpMethod',
  '$httpMethod',
  'X-HTTP-Method-Override',
  'x_http_method_override',
  'X-HTTP-Method',
  'X-Method-Override',
  'http_method_override',
  'httpMethodOverride',
  'method_override',
  'methodOverride',
  'x-tunneled-method',
  '＿method',
  '_ｍethod',
])('%s names another method', (name) => {
  expect(isOverriding(name)).toBe(true)
})

it.each([
  'method',
  'payment_method',
  'http_method',
  'methods',
  '_methods',
  'shipping.method',
  'a[_method]',
  '',
  '_',
  'methodology',
])('%s does not', (name) => {
  expect(isOverriding(name)).toBe(false)
})

it.each([
  ['POST', 'method', 'DELETE', true],
  ['POST', 'http-method', 'put', true],
  ['POST', '_verb', 'PATCH ', true],
  ['GET', 'method', 'DELETE', false],
  ['POST', 'method', 'card', false],
  ['POST', 'method', 'POST', false],
  ['POST', 'methodical', 'PUT', false],
])('%s with %s=%s', (method, name, value, is) => {
  expect(tunnelingName(method, [{ name, value }])).toBe(is ? name : undefined)
})

it.each([
  ['twice a name', '{"_method":"DELETE","a":1,"a":2}', true],
  ['with a byte order mark', '\ufeff{"_method":"DELETE"}', true],
  ['escaped', String.raw`{"\u005fmethod":"DELETE",}`, true],
  ['escaped in part', String.raw`{"_met\u0068od":"DELETE",}`, true],
  ['a form of another type', 'a=1&_method=DELETE', true],
  ['such a form, encoded', 'a=1&%5Fm%65thod=DELETE', true],
  ['another name', '{"payment_method":"card",}', false],
  ['lines of JSON', '{"a":1}\n{"method":"GET"}\n', false],
  ['nothing of the kind', 'just text', false],
])('looks into what is not read: %s', (_name, text, may) => {
  expect(mayOverride(Buffer.from(text))).toBe(may)
  expect(mayOverride(Buffer.from(text, 'utf16le'))).toBe(may)
})
