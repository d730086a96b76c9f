import { gzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import { requestText } from '../../../../src/protocols/http/record/request-text.ts'
import { readRequest, shownBody } from '../../../../src/protocols/http/request/read-request.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const session = {
  masking: { kinds: [{ kind: 'email', style: 'redact', hashScope: 'session' }] },
  commitment: () => 'C',
} as unknown as Parameters<typeof requestText>[4]
const FORM = 'application/x-www-form-urlencoded'

it.each([
  ['a query', '/a/b?m=jane%40example.org&z=1+2', FORM, '', 'POST /a/b?m=<secret C>&z=1%202'],
  ['a path', '/a/jane@example.org/b', FORM, '', 'POST /a/<secret C>/b'],
  ['a form', '/', FORM, 'who=jane%40example.org&a=b+c&password=x%26y', 'who=<secret C>&a=b%20c&password=<secret C>'],
  ['JSON', '/', 'application/json', '{ "who": "jane@example.org" }', '{ "who": "<secret C>" }'],
  ['a password in JSON', '/', 'application/json', '{"password":"P@ss w;rd","a":1}', '{"password":"<secret C>","a":1}'],
  ['JSON with escapes', '/', 'application/json', String.raw`{"who":"jane\u0040example.org"}`, '{"who":"<secret C>"}'],
])('keeps masked kinds out of the record: %s', (_name, target, type, body, recorded) => {
  const headers = [['content-type', type]] as const
  const bytes = Buffer.from(body)
  const request = readRequest({ version: '1.1', method: 'POST', target, headers }, bytes, undefined)
  if (request instanceof PamError) throw request
  const text = requestText(request, target, { headers, trailers: [] }, bytes, session)
  expect(text.recorded.text.split('\n')).toContain(recorded)
  expect(text.shown).toContain(body)
})

it('keeps all that stands under the name of a secret in headers, trailers and parameters out of the record', () => {
  const headers = [['x-api-key', 'a b;c'] as const, ['x-a', 'jane@example.org']] as const
  const request = readRequest(
    { version: '1.1', method: 'GET', target: '/?token=a%3Bb', headers: [] },
    Buffer.alloc(0),
    undefined,
  )
  if (request instanceof PamError) throw request
  const trailers = [['x-token', 'a b']] as const
  expect(requestText(request, '/?token=a%3Bb', { headers, trailers }, Buffer.alloc(0), session).recorded.text).toBe(
    'GET /?token=<secret C>\nx-api-key: <secret C>\nx-a: <secret C>\n\ntrailer x-token: <secret C>',
  )
})

it('has a body of more than 1 MiB by its digest, also where it was compressed', () => {
  const long = `{"a":"${'x'.repeat(1024 * 1024)}"}`
  const form = `a=${'%40'.repeat(400_000)}`
  for (const [type, body, encoding] of [
    ['application/json', long, undefined],
    ['application/json', long, 'gzip'],
    [FORM, form, undefined],
    [FORM, form, 'gzip'],
  ] as const) {
    const headers = [
      ['content-type', type] as const,
      ...(encoding === undefined ? [] : [['content-encoding', encoding] as const]),
    ]
    const bytes = encoding === undefined ? Buffer.from(body) : gzipSync(body)
    const head = { version: '1.1', method: 'POST', target: '/', headers } as const
    const request = readRequest(head, bytes, undefined, { maxBody: 8 * 1024 * 1024 })
    if (request instanceof PamError) throw request
    const { shown, recorded } = requestText(
      request,
      '/',
      { headers, trailers: [] },
      shownBody(headers, request.body, bytes),
      session,
    )
    expect([shown.length < 1000, recorded.text.length < 1000]).toEqual([true, true])
    expect(recorded.text).toMatch(/\(\d+ (?:bytes|characters)/)
  }
})

it('keeps masked kinds out of what is said of a request besides its text', () => {
  const said = (target: string, text: string): string | undefined => {
    const headers: [] = []
    const request = readRequest({ version: '1.1', method: 'GET', target, headers }, Buffer.alloc(0), undefined)
    if (request instanceof PamError) throw request
    const { recorded } = requestText(request, target, { headers, trailers: [] }, Buffer.alloc(0), session)
    return recorded.keep?.(text)
  }
  expect(said('/a/jane@example.org/b?x=1', '/a/jane@example.org/b')).toBe('/a/<secret C>/b')
  expect(said('/a/jane%40example.org/b', 'no rule allows GET /a/jane%40example.org/b on billing')).toBe(
    'no rule allows GET /a/<secret C>/b on billing',
  )
  expect(said('/a/jane%40example.org/b', 'of jane@example.org')).toBe('of <secret C>')
  expect(said('/a/b', '/a/b')).toBe('/a/b')
  expect(said('/a/b?token=hunter22', 'cannot tell what hunter22 is')).toBe('cannot tell what <secret C> is')
  // A sentence stays one.
  expect(said('/a/b', 'the header x-api-key is not passed on')).toBe('the header x-api-key is not passed on')
})
