import { brotliCompressSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { readRequest } from '../../../../src/protocols/http/request/read-request.ts'
import { PamError } from '../../../../src/shared/errors.ts'

const FORM = 'application/x-www-form-urlencoded'
const JSON_TYPE = 'application/json'

function read(type: string | undefined, body: string | Buffer | undefined, method = 'POST', encoding?: string) {
  const headers = [
    ...(type === undefined ? [] : [['content-type', type] as const]),
    ...(encoding === undefined ? [] : [['content-encoding', encoding] as const]),
  ]
  return readRequest(
    { version: '1.1', method, target: '/a', headers },
    body === undefined ? undefined : Buffer.from(body),
    undefined,
  )
}

it.each([
  ['nothing', undefined, '', { type: 'none' }],
  ['JSON', JSON_TYPE, '{"a":[1,"x"]}', { type: 'json', value: { a: [1, 'x'] } }],
  ['JSON of a name of its own', 'application/merge-patch+json', '[]', { type: 'json', value: [] }],
  ['JSON with a name that says nothing', JSON_TYPE, '{"payment_method":1}', { type: 'json' }],
  [
    'a form',
    FORM,
    'a=1&b=%C3%A9+',
    {
      type: 'form',
      fields: [
        { name: 'a', value: '1' },
        { name: 'b', value: 'é ' },
      ],
    },
  ],
  ['a form in UTF-8', `${FORM}; charset=UTF-8`, 'a=1', { type: 'form' }],
  ['a name twice', JSON_TYPE, '{"a":1,"a":2}', { type: 'opaque' }],
  ['what is no JSON', JSON_TYPE, "{'a':1}", { type: 'opaque' }],
  ['lines of JSON', 'application/x-ndjson', '{"index":{}}\n{}\n', { type: 'opaque' }],
  ['text', 'text/plain', 'a', { type: 'opaque' }],
])('reads %s', (_name, type, body, expected) => {
  expect(read(type, body)).toMatchObject({ method: 'POST', body: expected })
})

it.each([
  ['long, of a type of its own', 'application/octet-stream', undefined, 'POST', { type: 'long' }],
  ['long JSON that no framework looks into for a method', JSON_TYPE, undefined, 'PUT', { type: 'long' }],
  ['long lines of JSON', 'application/x-ndjson', undefined, 'POST', { type: 'long' }],
])('reads what is %s', (_name, type, body, method, expected) => {
  expect(read(type, body, method)).toMatchObject({ body: expected })
})

/** Each is a request of another method, or with other fields, for some framework. */
it.each([
  ['a form with _method', FORM, '_method=DELETE'],
  ['encoded', FORM, '%5Fmethod=DELETE'],
  ['as PHP reads it', FORM, '.method=DELETE'],
  ['in brackets', FORM, '[_method]=DELETE'],
  ['behind a semicolon', FORM, 'a=1;_method=DELETE'],
  ['a form that is not UTF-8', FORM, '%FF=1'],
  ['a form in UTF-7', `${FORM}; charset=utf-7`, '%2BAF8-method=DELETE'],
  ['a form in EBCDIC', `${FORM}; charset=ibm037`, '%6D%94%85%A3%88%96%84=x'],
  ['a form that says another character set', FORM, '_charset_=utf-7&%2BAF8-method=DELETE'],
  ['a type that begins as a form', `${FORM}x`, '_method=DELETE'],
  [
    'a form in parts',
    'multipart/form-data; boundary=b',
    '--b\r\nContent-Disposition: form-data; name="_method"\r\n\r\nDELETE\r\n--b--\r\n',
  ],
  ['JSON with _method', JSON_TYPE, '{"_method":"DELETE"}'],
  ['escaped', JSON_TYPE, String.raw`{"\u005fmethod":"DELETE"}`],
  ['beside a name twice', JSON_TYPE, '{"_method":"DELETE","a":1,"a":2}'],
  ['in what a lenient reader takes for JSON', JSON_TYPE, '{"_method":"DELETE",}'],
  ['behind a byte order mark', JSON_TYPE, '\ufeff{"_method":"DELETE"}'],
  ['in UTF-16', `${JSON_TYPE}; charset=utf-16le`, Buffer.from('{"_method":"DELETE"}', 'utf16le')],
  ['in UTF-7', `${JSON_TYPE}; charset=utf-7`, '{"+AF8-method":"DELETE"}'],
  ['in a type that Laravel takes for JSON', 'application/jsonx', '{"_method":"DELETE"}'],
  ['in a parameter that it takes for JSON', 'text/plain; x=/json', '{"_method":"DELETE"}'],
  ['in text that is a form to some', 'text/plain', 'a=1&_method=DELETE'],
  ['of no type', undefined, 'a=1'],
  ['a long form', FORM, undefined],
  ['a long form in parts', 'multipart/form-data; boundary=b', undefined],
  ['long JSON', JSON_TYPE, undefined],
  ['long, of a type that Laravel takes for JSON', 'text/plain; x=/json', undefined],
])('refuses a POST: %s', (_name, type, body) => {
  expect(read(type, body)).toBeInstanceOf(PamError)
})

it.each([
  [FORM, 'POST', 'MESSAGE_TOO_LARGE'],
  ['multipart/form-data; boundary=x', 'PUT', 'MESSAGE_TOO_LARGE'],
  [JSON_TYPE, 'POST', 'MESSAGE_TOO_LARGE'],
  ['application/merge-patch+json', 'POST', 'MESSAGE_TOO_LARGE'],
  [JSON_TYPE, 'PUT', 'long'],
  [JSON_TYPE, 'PATCH', 'long'],
  ['application/octet-stream', 'POST', 'long'],
  ['text/csv', 'POST', 'long'],
])('a longer body of %s in a %s: only what could name another method is refused', (type, method, what) => {
  const outcome = read(type, undefined, method)
  expect(outcome instanceof PamError ? outcome.code : outcome.body.type).toBe(what)
  if (outcome instanceof PamError)
    expect([outcome.message, outcome.hint]).toEqual([
      expect.stringContaining('1 MiB'),
      expect.stringContaining('maxBody'),
    ])
})

it('reads as much of a compressed body as the target says', () => {
  const headers = [
    ['content-type', JSON_TYPE],
    ['content-encoding', 'gzip'],
  ] as const
  const head = { version: '1.1', method: 'POST', target: '/', headers } as const
  const bytes = gzipSync(JSON.stringify({ note: 'x'.repeat(2 * 1024 * 1024) }))
  expect(readRequest(head, bytes, undefined)).toBeInstanceOf(PamError)
  expect(readRequest(head, bytes, undefined, { maxBody: 4 * 1024 * 1024 })).toMatchObject({ body: { type: 'json' } })
})

describe('a compressed body', () => {
  const compressed = (type: string, body: string | Buffer, method = 'POST', encoding = 'gzip') =>
    readRequest(
      {
        version: '1.1',
        method,
        target: '/',
        headers: [
          ['content-type', type],
          ['content-encoding', encoding],
        ],
      },
      encoding === 'gzip' ? gzipSync(body) : brotliCompressSync(body),
      undefined,
    )

  it('is read as it is without that', () => {
    const text = JSON.stringify({ status: 'open', note: 'é'.repeat(100) })
    for (const encoding of ['gzip', 'br'])
      for (const method of ['POST', 'PUT'])
        expect(compressed(JSON_TYPE, text, method, encoding)).toMatchObject({
          body: { type: 'json', value: { status: 'open' } },
        })
    expect(compressed(FORM, 'a=1&b=2')).toMatchObject({
      body: { type: 'form', fields: [{ name: 'a' }, { name: 'b' }] },
    })
  })

  it.each([
    [JSON_TYPE, '{"_method":"DELETE"}'],
    [FORM, '_method=DELETE'],
    ['text/plain', 'a=1&_method=DELETE'],
    [JSON_TYPE, JSON.stringify({ a: 'x'.repeat(1_100_000) })],
    [FORM, Buffer.alloc(50_000_000)],
  ])('is refused where it could name another method: %s', (type, body) => {
    expect(compressed(type, body)).toBeInstanceOf(PamError)
  })

  it('is refused where a server that does not decompress it would find another method in it', () => {
    const stored = gzipSync('{"a":"&_method=DELETE&"}', { level: 0 })
    expect(read(JSON_TYPE, stored, 'PUT', 'gzip')).toBeInstanceOf(PamError)
    expect(read(JSON_TYPE, gzipSync('{"a":"&_metho=DELETE&"}', { level: 0 }), 'PUT', 'gzip')).toMatchObject({
      body: { type: 'json' },
    })
  })

  it('may say anything where it is too long, or another coding', () => {
    expect(compressed(JSON_TYPE, Buffer.alloc(50_000_000, ' '), 'PUT')).toMatchObject({
      body: { type: 'opaque', looksLike: 'any', reason: expect.stringContaining('longer than') as string },
    })
  })
})

it('refuses what is compressed where it could name a method', () => {
  expect(read(FORM, 'x', 'PUT', 'gzip')).toBeInstanceOf(PamError)
  expect(read(JSON_TYPE, 'x', 'POST', 'gzip')).toBeInstanceOf(PamError)
  expect(read(JSON_TYPE, 'x', 'PUT', 'gzip')).toMatchObject({ body: { type: 'opaque' } })
  expect(read('text/csv', 'x', 'POST', 'gzip')).toMatchObject({ body: { type: 'opaque' } })
})

it.each(['/a?_method=DELETE', '/a?x=1&_METHOD=DELETE', '/a?X-HTTP-Method-Override=DELETE', '/a?method=DELETE'])(
  'refuses the query of POST %s',
  (target) => {
    expect(
      readRequest({ version: '1.1', method: 'POST', target, headers: [] }, Buffer.alloc(0), undefined),
    ).toBeInstanceOf(PamError)
  },
)

it.each([
  ['application/grpc'],
  ['application/grpc+proto'],
  ['Application/gRPC; charset=utf-8'],
  ['application/grpc+my_proto'],
  ['application/grpcx'],
])('refuses %s in HTTP/1.1, which servers of gRPC get in HTTP/2', (type) => {
  expect(read(type, '\0\0\0\0\0')).toMatchObject({ code: 'FEATURE_REFUSED' })
})

it('refuses a call of gRPC that names its format as none is named', () => {
  const headers = [['content-type', 'application/grpc+my_proto']] as const
  const head = { version: '2', method: 'POST', target: '/a.B/C', headers } as const
  expect(readRequest(head, Buffer.alloc(5), undefined)).toMatchObject({ code: 'FEATURE_REFUSED' })
})

it('takes gRPC-Web for a request like others', () => {
  expect(read('application/grpc-web+proto', '\0\0\0\0\0')).toMatchObject({ grpc: undefined, body: { type: 'opaque' } })
})

it('takes no upgrade but that to a WebSocket, however it is spelled', () => {
  const upgraded = (upgrade: string) =>
    readRequest({ version: '1.1', method: 'GET', target: '/', headers: [] }, Buffer.alloc(0), upgrade)
  expect(upgraded('websocket')).toMatchObject({ upgrade: 'websocket' })
  expect(upgraded('WebSocket')).toMatchObject({ upgrade: 'websocket' })
  for (const upgrade of ['h2c', 'TLS/1.0', 'SPDY/3.1', 'websocket, h2c', ''])
    expect(upgraded(upgrade)).toBeInstanceOf(PamError)
})
