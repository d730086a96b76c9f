import { describe, expect, it } from 'vitest'
import { passedHeaders, wrongHeaderName } from '../../../../src/protocols/http/request/read-headers.ts'
import { PamError } from '../../../../src/shared/errors.ts'

describe('passedHeaders', () => {
  it('refuses a trailer that is announced and does not pass', () => {
    expect(passedHeaders([['trailer', 'Content-Digest, x-sum']], ['x-sum'])).toEqual([])
    expect(passedHeaders([['trailer', 'content-digest, X-Other']], ['x-sum'])).toMatchObject({
      code: 'FEATURE_REFUSED',
      message: expect.stringContaining('the trailer x-other') as string,
    })
  })

  it('passes what is listed, leaves out what belongs to the connection', () => {
    expect(
      passedHeaders(
        [
          ['accept', '*/*'],
          ['authorization', 'Basic x'],
          ['connection', 'keep-alive, Upgrade'],
          ['te', 'trailers'],
          ['content-length', '3'],
          ['origin', 'http://127.0.0.1:1'],
          ['x-tenant', 't1'],
          ['if-match', '"1"'],
          ['if-match', '"2"'],
        ],
        ['x-tenant'],
      ),
    ).toEqual([
      ['accept', '*/*'],
      ['x-tenant', 't1'],
      ['if-match', '"1"'],
      ['if-match', '"2"'],
    ])
  })

  it.each([
    ['cookie', 'a=b'],
    ['x-http-method-override', 'DELETE'],
    ['x-http-method', 'DELETE'],
    ['x-method-override', 'DELETE'],
    ['x_http_method_override', 'DELETE'],
    ['x-original-url', '/admin'],
    ['x-rewrite-url', '/admin'],
    ['x-forwarded-for', '127.0.0.1'],
    ['x-forwarded-prefix', '/admin'],
    ['forwarded', 'for=127.0.0.1'],
    ['x-remote-user', 'root'],
    ['x-dry-run', '1'],
    ['from', 'root@example.org'],
    ['destination', '/admin'],
    ['content-disposition', 'inline'],
    ['x-tenant', 't1'],
    ['connection', 'close, x-tenant'],
    ['connection', 'content-type'],
    ['content-encoding', 'gzip, gzip'],
    ['content-encoding', 'compress'],
    ['content-type', 'application/json, text/plain'],
    ['content-type', 'json'],
    ['content-type', 'text/plain; charset'],
    ['content-type', 'text/plain; charset="a\\"b"'],
    ['content-type', 'multipart/form-data; boundary=a; boundary=b'],
    ['content-type', 'multipart/form-data; boundary=a; Boundary=b'],
    ['content-type', 'multipart/form-data; x="; boundary=a; y="; boundary=b'],
    ['content-type', "multipart/form-data; boundary*=utf-8''a"],
    ['content-type', 'application/json; charset=utf-8; charset=utf-16'],
  ])('refuses %s: %s', (name, value) => {
    expect(passedHeaders([[name, value]], [])).toBeInstanceOf(PamError)
  })

  it('refuses two ranges', () => {
    const range = ['range', 'bytes=0-1'] as const
    expect(passedHeaders([range], [])).toEqual([range])
    expect(passedHeaders([range, range], [])).toBeInstanceOf(PamError)
  })
})

describe('wrongHeaderName', () => {
  it.each(['x-tenant', 'x-grafana-org-id', 'x-api-version', 'depth'])('takes %s', (name) => {
    expect(wrongHeaderName(name)).toBeUndefined()
  })

  it.each([
    'X-Tenant',
    'x_tenant',
    '',
    '-x',
    'x-',
    'x--y',
    'cookie',
    'cookie2',
    'host',
    'authorization',
    'content-length',
    'transfer-encoding',
    'te',
    'trailer',
    'upgrade',
    'proxy-authorization',
    'expect',
    'connection',
    'keep-alive',
    'forwarded',
    'via',
    'x-forwarded',
    'x-forwarded-for',
    'x-forwarded-host',
    'x-real-ip',
    'true-client-ip',
    'x-original-url',
    'x-original-host',
    'x-rewrite-url',
    'x-http-method',
    'x-http-method-override',
    'x-method-override',
    'x-tunneled-method',
    'x-override-url',
    'x-remote-user',
    'remote-user',
    'x-user',
    'x-user-id',
    'x-auth',
    'x-auth-user',
    'x-authenticated-user',
    'x-webauth-user',
    'x-consumer-username',
    'x-goog-iap-jwt-assertion',
    'x-goog-authenticated-user-email',
    'x-amzn-oidc-data',
    'x-ms-client-principal',

    'x-ssl-client-dn',
    'ssl-client-cert',
    'x-client-cert',
    'x-client-ip',
    'x-cluster-client-ip',
    'cf-connecting-ip',

    'x-pam-assertion',
    'impersonate-user',
    'x-originating-ip',
    'x-custom-ip-authorization',
    'x-middleware-subrequest',

    'x-script-name',
    'script-name',
    'http-host',
    'x-host',
    'proxy',
    'destination',
    'translate',
    'sec-websocket-key',
  ])('never takes %s', (name) => {
    expect(wrongHeaderName(name)).toBeTypeOf('string')
  })
})

// Whatever takes the square of the length does not come to an end here.
it('reads a header of blanks as quickly as any', () => {
  const blanks = ' '.repeat(2_000_000)
  expect(passedHeaders([['connection', `close,${blanks}`]], [])).toEqual([])
  expect(passedHeaders([['connection', `close,${blanks}x`]], [])).toMatchObject({ code: 'PROTOCOL_VIOLATION' })
})
