import { connect, createServer, type AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { beforeAll, describe, expect, it } from 'vitest'
import type { HttpGateway, HttpPort } from '../../helpers/http-gateway.ts'
import { BEGINNING, bodyText, frameTypes, request, talk, type RawFields } from '../../helpers/raw-http2.ts'

/** A service of HTTP/1.1, and what has reached it. */
export interface WatchedService {
  readonly port: number
  passed: string
  stop(): void
}

/** The target `shop` of a gateway, whose rules allow everything there. */
export async function startWatchedService(): Promise<WatchedService> {
  const target = createHttpServer((incoming, answer) => {
    incoming.resume()
    incoming.on('end', () => answer.end(`reached ${incoming.method} ${incoming.url}`))
  })
  await new Promise<void>((resolve) => target.listen(0, '127.0.0.1', resolve))
  const { port: own } = target.address() as AddressInfo
  const gate = createServer((socket) => {
    const through = connect(own, '127.0.0.1')
    socket.on('data', (bytes) => (service.passed += bytes.toString('latin1')))
    socket.pipe(through).pipe(socket)
    for (const stream of [socket, through]) stream.on('error', () => stream.destroy())
  })
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
  const service: WatchedService = {
    port: (gate.address() as AddressInfo).port,
    passed: '',
    stop() {
      gate.close()
      target.close()
    },
  }
  return service
}

/**
 * Requests of HTTP/2 that would be others, or several, once they are written down in HTTP/1.1 (request smuggling by downgrade): each is refused, and the
 * target, which speaks HTTP/1.1, gets not one byte.
 */
export const http2Evasions = (
  all: () => { readonly gateway: HttpGateway; readonly service: WatchedService },
): unknown =>
  describe('HTTP/2 towards a target of HTTP/1.1', () => {
    let shop: HttpPort
    let service: WatchedService

    beforeAll(async () => {
      ;({ service } = all())
      shop = await all().gateway.open('shop')
    })

    const head = (method: string, path: string, ...more: RawFields): RawFields => [
      [':method', method],
      [':scheme', 'http'],
      [':authority', `127.0.0.1:${shop.port}`],
      [':path', path],
      ['authorization', shop.authorization],
      ...more,
    ]
    const send = (fields: RawFields, rest: { body?: string; trailers?: RawFields } = {}) =>
      talk(shop.port, Buffer.concat([BEGINNING, request(1, fields, rest)]))

    it('passes an ordinary request, with trailers that are listed', async () => {
      expect(bodyText(await send(head('GET', '/a?b=c')))).toBe('reached GET /a?b=c')
      const trailers: RawFields = [
        ['x-tenant', 't1'],
        ['content-digest', 'sha-256=:x:'],
      ]
      service.passed = ''
      const answer = await send(head('PUT', '/a', ['content-type', 'text/plain']), { body: 'abc', trailers })
      expect(bodyText(answer)).toBe('reached PUT /a')
      expect(service.passed).toMatch(/\r\ntransfer-encoding: chunked\r\n/i)
      expect(service.passed).toMatch(/\r\n3\r\nabc\r\n0\r\nx-tenant: t1\r\ncontent-digest: sha-256=:x:\r\n\r\n$/)
      expect(service.passed).not.toMatch(/^content-length/im)
    })

    const smuggled = 'GET /admin HTTP/1.1\r\nHost: a\r\n\r\n'
    it.each<[string, (plain: typeof head) => RawFields, { body?: string; trailers?: RawFields }?]>([
      ['a name in capitals', (plain) => plain('GET', '/', ['X-Request-Id', 'a'])],
      ['bytes beyond ASCII in a value', (plain) => plain('GET', '/', ['x-request-id', '\xe9'])],
      ['a request within the path', (plain) => plain('GET', `/ HTTP/1.1\r\nHost: a\r\n\r\n${smuggled}`)],
      ['a blank in the path', (plain) => plain('GET', '/a b')],
      ['a version within the path', (plain) => plain('GET', '/a HTTP/1.1')],
      ['a NUL in the path', (plain) => plain('GET', '/a\0b')],
      ['an empty path', (plain) => plain('GET', '')],
      ['a path without its slash', (plain) => plain('GET', 'admin')],
      ['a path of another host', (plain) => plain('GET', 'http://other/admin')],
      ['an asterisk for a path', (plain) => plain('OPTIONS', '*')],
      ['a fragment', (plain) => plain('GET', '/a#/admin')],
      ['a request within the method', (plain) => plain('GET /admin HTTP/1.1\r\nHost: a\r\n\r\nGET', '/')],
      ['a blank in the method', (plain) => plain('GET ', '/')],
      ['a method that rules cannot name', (plain) => plain('UPDATE', '/')],
      ['a method in small letters', (plain) => plain('get', '/')],
      ['no method', (plain) => plain('GET', '/').filter(([name]) => name !== ':method')],
      ['no path', (plain) => plain('GET', '/').filter(([name]) => name !== ':path')],
      ['no scheme', (plain) => plain('GET', '/').filter(([name]) => name !== ':scheme')],
      ['no authority', (plain) => plain('GET', '/').filter(([name]) => name !== ':authority')],
      ['two paths', (plain) => [[':path', '/admin'], ...plain('GET', '/')]],
      ['two methods', (plain) => [[':method', 'DELETE'], ...plain('GET', '/')]],
      ['an authority behind headers', (plain) => [...plain('GET', '/'), [':authority', 'other']]],
      ['a pseudo-header of its own', (plain) => [[':target', '/admin'], ...plain('GET', '/')]],
      ['another host beside the authority', (plain) => plain('GET', '/', ['host', 'other'])],
      [
        'a line break in the authority',
        (plain) => plain('GET', '/').map(([name, value]) => [name, name === ':authority' ? `${value}\r\nX: y` : value]),
      ],
      [
        'a user in the authority',
        (plain) => plain('GET', '/').map(([name, value]) => [name, name === ':authority' ? `a@${value}` : value]),
      ],
      [
        'a transfer encoding',
        (plain) => plain('POST', '/', ['transfer-encoding', 'chunked']),
        { body: `0\r\n\r\n${smuggled}` },
      ],
      ['Connection', (plain) => plain('GET', '/', ['connection', 'keep-alive'])],
      ['Connection that names a header', (plain) => plain('GET', '/', ['connection', 'authorization'])],
      ['Keep-Alive', (plain) => plain('GET', '/', ['keep-alive', 'timeout=5'])],
      ['Proxy-Connection', (plain) => plain('GET', '/', ['proxy-connection', 'keep-alive'])],
      ['Upgrade', (plain) => plain('GET', '/', ['upgrade', 'websocket'])],
      ['TE with more than trailers', (plain) => plain('GET', '/', ['te', 'trailers, deflate'])],
      [
        'a length that is too long',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '99']),
        { body: 'abc' },
      ],
      [
        'a length that is too short',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '1']),
        { body: `a${smuggled}` },
      ],
      [
        'a length of nothing beside a body',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '0']),
        { body: smuggled },
      ],
      ['a length without a body', (plain) => plain('POST', '/', ['content-length', '10'])],
      [
        'two lengths',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '3'], ['content-length', '3']),
        { body: 'abc' },
      ],
      [
        'a length with a sign',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '+3']),
        { body: 'abc' },
      ],
      [
        'a list of lengths',
        (plain) => plain('POST', '/', ['content-type', 'text/plain'], ['content-length', '3, 3']),
        { body: 'abc' },
      ],
      [
        'CONNECT',
        () => [
          [':method', 'CONNECT'],
          [':authority', `127.0.0.1:${shop.port}`],
          ['authorization', shop.authorization],
        ],
      ],
      ['extended CONNECT', (plain) => [[':protocol', 'websocket'], ...plain('CONNECT', '/')]],
      ['TRACE', (plain) => plain('TRACE', '/')],
      ['cookies', (plain) => plain('GET', '/', ['cookie', 'a=1'], ['cookie', 'b=2'])],
      [
        'a length behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['content-length', '3']] },
      ],
      [
        'a transfer encoding behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['transfer-encoding', 'chunked']] },
      ],
      [
        'a path behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [[':path', '/admin']] },
      ],
      [
        'a credential behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['authorization', 'Bearer x']] },
      ],
      [
        'a host behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['host', 'other']] },
      ],
      [
        'an identity behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['x-forwarded-user', 'root']] },
      ],
      [
        'a method behind the body',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['x-http-method-override', 'DELETE']] },
      ],
      [
        'an unlisted trailer',
        (plain) => plain('PUT', '/', ['content-type', 'text/plain']),
        { body: 'abc', trailers: [['x-other', 'a']] },
      ],
    ])('refuses %s', async (_name, fields, rest) => {
      service.passed = ''
      const frames = await send(fields(head), rest)
      expect(bodyText(frames)).not.toContain('reached')
      const isRefused =
        bodyText(frames).includes('"code"') ||
        frames.some(({ type }) => type === frameTypes.rstStream || type === frameTypes.goaway)
      expect(isRefused).toBe(true)
      expect(service.passed).toBe('')
    })

    it.each<[string, (plain: typeof head) => RawFields]>([
      ['a line break in a value', (plain) => plain('GET', '/', ['x-request-id', `a\r\n\r\n${smuggled}`])],
      ['a line feed in a value', (plain) => plain('GET', '/', ['x-request-id', 'a\nb: c'])],
      ['a carriage return in a value', (plain) => plain('GET', '/', ['x-request-id', 'a\rb'])],
      ['a NUL in a value', (plain) => plain('GET', '/', ['x-request-id', 'a\0b'])],
      ['a line break in a name', (plain) => plain('GET', '/', ['x-request-id\r\ntransfer-encoding', 'chunked'])],
      ['a colon in a name', (plain) => plain('GET', '/', ['x-request-id: a\r\nb', 'c'])],
      ['a blank in a name', (plain) => plain('GET', '/', ['transfer-encoding ', 'chunked'])],
      ['an empty name', (plain) => plain('GET', '/', ['', 'a'])],
    ])(
      'loses a field that HTTP/2 does not have, as its library does, before anybody looks: %s',
      async (_name, fields) => {
        service.passed = ''
        expect(bodyText(await send(fields(head)))).toBe('reached GET /')
        expect(service.passed).toMatch(/^GET \/ HTTP\/1\.1\r\n(?:[\w-]+: [ -~]*\r\n)+\r\n$/)
        expect(service.passed).not.toMatch(/x-request-id|transfer-encoding|admin/i)
      },
    )

    it('loses such a field behind a body', async () => {
      service.passed = ''
      const trailers: RawFields = [['x-tenant', `a\r\n\r\n${smuggled}`]]
      expect(bodyText(await send(head('PUT', '/', ['content-type', 'text/plain']), { body: 'abc', trailers }))).toBe(
        'reached PUT /',
      )
      expect(service.passed).not.toMatch(/x-tenant|admin/)
    })
  })
