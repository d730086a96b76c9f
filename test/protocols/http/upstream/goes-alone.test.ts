import { Readable } from 'node:stream'
import { expect, it } from 'vitest'
import { goesAlone } from '../../../../src/protocols/http/upstream/goes-alone.ts'

const bytes = (text: string) => ({ body: Buffer.from(text, 'latin1') })

it.each([
  'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n',
  '\r\nGET /admin\r\n',
  'DELETE\tadmin\tHTTP/1.1',
  'PURGE\x0b/\x0bHTTP/1.1',
  'get /admin\x1chttp/1.0',
  'xyz HTTP/1.1',
  'get /admin\n',
  'delete \t/admin',
  '{"a":"x\nPOST\x85/"}',
  `${'x'.repeat(100_000)}GET /`,
])('sends a body that could begin a request over a connection that ends with it: %j', (text) => {
  expect(goesAlone(bytes(text))).toBe(true)
})

it.each([
  '',
  '{"name": "Jane Roe", "see": "https://example.org/HTTP/"}',
  'a=1&b=GET',
  '--b\r\nContent-Type: text/plain',
  'OK',
])('leaves one on a connection that stays otherwise: %j', (text) => {
  expect(goesAlone(bytes(text))).toBe(false)
})

it('knows nothing of a body that is sent as it comes, and what is approved is asked once', () => {
  expect(goesAlone({ body: { stream: Readable.from([]), length: 5 } })).toBe(true)
  expect(goesAlone({ body: undefined, once: true })).toBe(true)
  expect(goesAlone({ body: undefined })).toBe(false)
})
