import Fastify from 'fastify'
import { expect, it } from 'vitest'
import { acceptJson, parseJsonBody } from '../../src/api/json-body.ts'

const parse = (text: string | Buffer, type?: string): unknown => parseJsonBody(Buffer.from(text), type)

it.each<[string, string | Buffer, string?]>([
  ['a field twice', '{"a":1,"a":2}'],
  ['a field twice, once with an escape', '{"a":1,"\\u0061":2}'],
  ['a field twice, further in', '[{"b":{"a":":","a":"\\":"}}]'],
  ['a field of JavaScript', '{"a":{"__proto__":{}}}'],
  ['a field of JavaScript, with an escape', '{"__pr\\u006fto__":1}'],
  ['a constructor', '{"constructor":{"prototype":{}}}'],
  ['bytes that are not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ['another encoding', '{}', 'application/json; charset="UTF-16"'],
  ['something behind it', '{} {}'],
  ['nothing', ''],
])('%s is refused', (_what, text, type) => {
  expect(() => parse(text, type)).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

it.each([
  '{"a":":","b":{"a":["\\"",{"a":null}]},"c":"a"}',
  '[]',
  '1',
  '"{\\"a\\":1,\\"a\\":1}"',
  '{"constructor":"x"}',
])('%s is taken as it is', (text) => {
  expect(parse(text, 'application/json; charset=utf-8')).toEqual(JSON.parse(text))
})

it('what is nested too deep to be read is refused like anything else', () => {
  expect(() => parse('['.repeat(30_000) + ']'.repeat(30_000))).toThrow(expect.objectContaining({ code: 'USAGE' }))
})

it('is what the routes take', async () => {
  const app = Fastify()
  acceptJson(app)
  app.post('/', async ({ body }) => body)
  const post = (payload: string) =>
    app.inject({ method: 'POST', url: '/', payload, headers: { 'content-type': 'application/json' } })
  expect((await post('{"a":1}')).json()).toEqual({ a: 1 })
  expect((await post('{"a":1,"a":1}')).statusCode).not.toBe(200)
})
