import { spawn, type ChildProcess } from 'node:child_process'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { text } from 'node:stream/consumers'
import { status } from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../helpers/gateway-client.ts'
import { grpcEchoClient, startGrpcEcho, type EchoClient, type EchoServer } from '../helpers/grpc-echo.ts'
import { startHttpGateway, TOKEN, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { DELETED, startLaxGrpc, type LaxGrpc } from '../helpers/lax-grpc.ts'
import { run } from '../helpers/run.ts'
import { GRPC_GO } from '../helpers/test-clients.ts'

/** Clients and servers of gRPC in JavaScript and Go with a gateway between them, and directly. */
describe('gRPC through pamctl connect', () => {
  let echo: EchoServer
  let lax: LaxGrpc
  let gateway: HttpGateway
  let port: HttpPort
  let direct: EchoClient
  let client: EchoClient
  let go: { readonly process: ChildProcess; readonly port: number } | undefined

  beforeAll(async () => {
    echo = await startGrpcEcho()
    lax = await startLaxGrpc()
    go = GRPC_GO === undefined ? undefined : await startGo(GRPC_GO)
    const common = { type: 'http', host: '127.0.0.1', tls: 'disable', h2c: true }
    const credential = { type: 'bearer', token: 'file:token' }
    const headers = ['x-tenant', 'x-tenant-bin', 'x-grpc-test-echo-initial', 'x-grpc-test-echo-trailing-bin']
    gateway = await startHttpGateway({
      targets: [
        { name: 'echo', ...common, port: echo.port, credential, headers },
        { name: 'open', ...common, port: lax.port, headers },
        { name: 'ending', ...common, port: echo.port, headers },
        { name: 'interop', ...common, port: go?.port ?? 1, credential, headers },
        { name: 'masked', ...common, port: echo.port },
        { name: 'old', ...common, h2c: false, port: echo.port },
      ],
      commands: [
        {
          name: 'deleting',
          match: { grpcMethods: ['pamctl.test.Echo/Delete'] },
          targets: { names: ['open', 'ending'] },
          deny: 'nothing is deleted',
        },
        {
          name: 'a person decides',
          match: { grpcMethods: ['pamctl.test.Echo/Delete'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        {
          name: 'no caching',
          match: { grpcMethods: ['grpc.testing.TestService/CacheableUnaryCall'] },
          deny: 'not this',
        },
        { name: 'all', match: { methods: ['POST', 'GET', 'PUT'] }, allow: true },
      ],
      masking: [{ name: 'people', targets: { names: ['masked'] }, kinds: ['email'], style: 'redact' }],
    })
    port = await gateway.open('echo')
    direct = grpcEchoClient(echo.port, undefined)
    client = grpcEchoClient(port.port, port.secret)
  })

  afterAll(async () => {
    client?.stop()
    direct?.stop()
    await gateway?.stop()
    echo?.stop()
    lax?.stop()
    go?.process.kill()
  })

  const path = (name: string): string => `/pamctl.test.Echo/${name}`

  it.each<[string, string, (string | Buffer)[]]>([
    ['one message each way', 'Unary', ['hello']],
    ['an empty message', 'Unary', ['']],
    ['a message of a megabyte', 'Unary', ['x'.repeat(1_500_000)]],
    ['a status with a message', 'Fail', ['x']],
    ['a method that does not exist', 'Missing', ['x']],
    ['many messages of the server', 'Download', ['50']],
    ['none of the server', 'Download', ['0']],
    ['many messages of the client', 'Upload', Array.from({ length: 100 }, (_, index) => Buffer.alloc(20_000, index))],
    ['none of the client', 'Upload', []],
    ['many both ways', 'Chat', Array.from({ length: 50 }, (_, index) => `${index}`)],
  ])('gives the same as directly: %s', async (_name, method, messages) => {
    const options = { metadata: { 'x-tenant': 't1', 'x-tenant-bin': Buffer.from([0, 255, 7]) } }
    const here = await client.call(path(method), messages, options)
    const there = await direct.call(path(method), messages, options)
    const { 'x-signed-in': signedIn, 'x-signed-in-bin': binary, ...trailers } = here.trailers
    expect({ ...here, trailers }).toEqual(there)
    for (const value of [signedIn, binary]) expect(String(value ?? '')).not.toContain(TOKEN)
  })

  it('shows nothing of what the gateway signs in with', async () => {
    const { messages, trailers } = await client.call(path('Unary'), ['who'])
    expect(messages).toEqual([`as Bearer ${'*'.repeat(TOKEN.length)}`])
    expect(trailers['x-signed-in']).toEqual([`Bearer ${'*'.repeat(TOKEN.length)}`])
    expect(JSON.stringify(trailers)).not.toContain(TOKEN.slice(0, 10))
    // The server answers in the client's compression, although nobody has asked for that.
    const compressed = await client.call(path('Unary'), ['who'], { compressed: true })
    expect(compressed.messages).toEqual(messages)
  })

  it('passes each message as it comes', async () => {
    const chat = client.chat()
    for (const word of ['one', 'to', 'tok-']) {
      const count = chat.messages.length
      chat.send(word)
      await eventually(() => (chat.messages.length > count ? true : undefined), `the answer to ${word}`)
    }
    expect(chat.messages).toEqual(['re: one', 're: to', 're: tok-'])
    chat.end()
    expect((await chat.status).code).toBe(status.OK)
  })

  it('tells the target that a client has given up, or waits no longer', async () => {
    const chat = client.chat()
    chat.send('a')
    await eventually(() => chat.messages[0], 'an answer')
    const before = echo.cancelled()
    chat.cancel()
    await eventually(() => (echo.cancelled() > before ? true : undefined), 'it is cancelled')
    expect((await chat.status).code).toBe(status.CANCELLED)
    expect((await client.call(path('Hang'), ['x'], { deadline: 200 })).code).toBe(status.DEADLINE_EXCEEDED)
    await eventually(() => (echo.cancelled() > before + 1 ? true : undefined), 'the other one, too')
  })

  it('refuses with a status that names rule and decision, and nothing reaches the target', async () => {
    const open = await gateway.open('ending')
    const other = grpcEchoClient(open.port, open.secret)
    const before = echo.calls.length
    const refused = await other.call(path('Delete'), ['7'])
    expect(refused).toMatchObject({ code: status.PERMISSION_DENIED, messages: [] })
    expect(refused.details).toMatch(/^COMMAND_REFUSED: .*nothing is deleted.*rule "deleting"; decision dec_/)
    const unlisted = await other.call(path('Unary'), ['7'], { metadata: { 'x-user': 'root' } })
    expect(unlisted.code).toBe(status.UNIMPLEMENTED)
    expect(unlisted.details).toContain('the header x-user is not passed on')
    expect(echo.calls.length).toBe(before)
    other.stop()
    const stranger = grpcEchoClient(open.port, 'wrong')
    expect((await stranger.call(path('Unary'), ['x'])).code).toBe(status.UNAUTHENTICATED)
    stranger.stop()
  })

  it('holds a call until a person decides; its messages go on once, as they were', async () => {
    const before = echo.calls.length
    const held = client.call(path('Delete'), ['17'])
    await gateway.decide('approve')
    const answer = await held
    expect(answer).toMatchObject({ code: status.OK, messages: ['deleted 17'] })
    expect(String(answer.head['x-pam-approval'])).toMatch(/^apr_/)
    expect(echo.calls.slice(before)).toEqual(['Delete'])
    const denied = client.call(path('Delete'), ['18'])
    await gateway.decide('deny')
    expect(await denied).toMatchObject({ code: status.PERMISSION_DENIED, messages: [] })
    const late = client.call(path('Delete'), ['19'], { deadline: 300 })
    expect((await late).code).toBe(status.DEADLINE_EXCEEDED)
    await eventually(async () => ((await gateway.bob.api.reviews.list()).length === 0 ? true : undefined), 'withdrawn')
    expect(echo.calls.slice(before)).toEqual(['Delete'])
  })

  it('asks nobody about a call whose messages are too long to be kept', async () => {
    const answer = await client.call(path('Delete'), ['x'.repeat(1_100_000)])
    expect(answer.code).toBe(status.RESOURCE_EXHAUSTED)
    expect(answer.details).toContain('its messages have not ended')
  })

  it('is refused where values are masked, and where the target speaks HTTP/1.1', async () => {
    for (const [name, code, message] of [
      ['masked', status.PERMISSION_DENIED, 'values are masked here'],
      ['old', status.UNIMPLEMENTED, 'does not speak HTTP/2'],
    ] as const) {
      const other = await gateway.open(name)
      const before = echo.calls.length
      const otherClient = grpcEchoClient(other.port, other.secret)
      const answer = await otherClient.call(path('Unary'), ['x'])
      expect([answer.code, answer.details]).toEqual([code, expect.stringContaining(message)])
      expect(echo.calls.length).toBe(before)
      otherClient.stop()
    }
  })

  it('ends calls with a status where the session ends, and the target hears of it', async () => {
    const other = await gateway.open('ending')
    const otherClient = grpcEchoClient(other.port, other.secret)
    const chat = otherClient.chat()
    chat.send('a')
    await eventually(() => chat.messages[0], 'an answer')
    const before = echo.cancelled()
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--active', '--json')).stdout) as {
      id: string
      target: string
    }[]
    const { id } = sessions.find(({ target }) => target === 'ending') as { id: string }
    await gateway.bob.api.sessions.kill(id, 'enough')
    const end = await chat.status
    expect([end.code, end.details]).toEqual([status.PERMISSION_DENIED, expect.stringContaining('SESSION_KILLED')])
    await eventually(() => (echo.cancelled() > before ? true : undefined), 'it is cancelled')
    otherClient.stop()
  })

  it('has on record what was called, with its status, and messages by their number and digest', async () => {
    await client.call(path('Unary'), ['hello'], { metadata: { 'x-tenant': 't9' } })
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    const { id } = sessions.find(({ target }) => target === 'echo') as { id: string }
    const shown = await eventually(async () => {
      const { stdout } = await gateway.pamctl('replay', id)
      return /x-tenant: t9[^]*grpc-status 0/.test(stdout) ? stdout : undefined
    }, 'it is on record')
    expect(shown).toContain('POST /pamctl.test.Echo/Unary')
    expect(shown).toMatch(/sent \| 1 \| 10 \| [0-9a-f]{64}/)
    expect(shown).toMatch(/received \| 1 \| 14 \| [0-9a-f]{64}/)
    expect(shown).not.toContain('hello')
    for (const secret of [TOKEN, port.secret]) expect(shown).not.toContain(secret)
  })

  describe('ways around a rule for a method', () => {
    let session: ClientHttp2Session
    let past: ClientHttp2Session
    let secret: string
    beforeAll(async () => {
      const open = await gateway.open('open')
      secret = open.secret
      session = connectHttp2(`http://127.0.0.1:${open.port}`)
      past = connectHttp2(`http://127.0.0.1:${lax.port}`)
      for (const one of [session, past]) one.on('error', () => {})
    })
    afterAll(() => {
      session.destroy()
      past.destroy()
    })
    /** Of one request: its head, and what follows. */
    async function ask(on: ClientHttp2Session, headers: Record<string, string>, body: Buffer) {
      const stream = on.request(headers)
      stream.on('error', () => {})
      let head: Record<string, unknown> = {}
      stream.on('response', (given) => (head = given))
      if (headers[':method'] === 'GET') stream.end()
      else stream.end(body)
      const answer = await text(stream).catch(() => 'reset')
      return { head, answer }
    }

    const message = Buffer.from([0, 0, 0, 0, 1, 0x37])
    const grpc = { ':method': 'POST', te: 'trailers', 'content-type': 'application/grpc' }
    it.each<[string, Record<string, string>, Buffer?]>([
      ['as it is', { ':path': '/pamctl.test.Echo/Delete', ...grpc }],
      ['in small letters', { ':path': '/pamctl.test.echo/delete', ...grpc }],
      ['with a slash behind it', { ':path': '/pamctl.test.Echo/Delete/', ...grpc }],
      ['with two slashes', { ':path': '//pamctl.test.Echo/Delete', ...grpc }],
      ['with two slashes within', { ':path': '/pamctl.test.Echo//Delete', ...grpc }],
      ['with a letter encoded', { ':path': '/pamctl.test.Echo/%44elete', ...grpc }],
      ['with a dot encoded', { ':path': '/pamctl%2Etest.Echo/Delete', ...grpc }],
      ['with the slash encoded', { ':path': '/pamctl.test.Echo%2FDelete', ...grpc }],
      ['around a corner', { ':path': '/x/../pamctl.test.Echo/Delete', ...grpc }],
      ['with a dot segment', { ':path': '/pamctl.test.Echo/./Delete', ...grpc }],
      ['with a query', { ':path': '/pamctl.test.Echo/Delete?x', ...grpc }],
      ['with an empty query', { ':path': '/pamctl.test.Echo/Delete?', ...grpc }],
      ['with a parameter of the path', { ':path': '/pamctl.test.Echo/Delete;v=1', ...grpc }],
      ['with a dot at the end', { ':path': '/pamctl.test.Echo/Delete.', ...grpc }],
      ['with a blank at the end', { ':path': '/pamctl.test.Echo/Delete%20', ...grpc }],
      ['with a NUL at the end', { ':path': '/pamctl.test.Echo/Delete%00', ...grpc }],
      ['behind a prefix', { ':path': '/api/pamctl.test.Echo/Delete', ...grpc }],
      [
        'as JSON',
        { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/json' },
        Buffer.from('{}'),
      ],
      ['as gRPC in JSON', { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/grpc+json' }],
      ['as gRPC in capitals', { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'APPLICATION/GRPC' }],
      [
        'as gRPC with a parameter',
        { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/grpc;x=y' },
      ],
      ['as gRPC-Web', { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/grpc-web+proto' }],
      [
        'as gRPC-Web in text',
        { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/grpc-web-text' },
        Buffer.from('AAAAAAE3'),
      ],
      [
        'as Connect',
        { ':path': '/pamctl.test.Echo/Delete', ':method': 'POST', 'content-type': 'application/proto' },
        Buffer.from('7'),
      ],
      ['as Connect, by GET', { ':path': '/pamctl.test.Echo/Delete?encoding=json&message=%7B%7D', ':method': 'GET' }],
      ['without a type', { ':path': '/pamctl.test.Echo/Delete', ':method': 'PUT' }],
      [
        'with another method by a header',
        { ':path': '/pamctl.test.Echo/Unary', ...grpc, 'x-http-method-override': 'DELETE' },
      ],
      [
        'with another path by a header',
        { ':path': '/pamctl.test.Echo/Unary', ...grpc, 'x-original-url': '/pamctl.test.Echo/Delete' },
      ],
      ['with an identity', { ':path': '/pamctl.test.Echo/Unary', ...grpc, 'x-forwarded-user': 'root' }],
      [
        'in two types of content',
        { ':path': '/pamctl.test.Echo/Delete', ...grpc, 'content-type': 'application/grpc, text/plain' },
      ],
    ])(
      '%s: gets there directly, and is refused before the target hears of it',
      async (_name, headers, body = message) => {
        expect((await ask(past, headers, body)).answer).toBe(DELETED)
        const before = lax.heard()
        const { head, answer } = await ask(session, { ...headers, authorization: `Bearer ${secret}` }, body)
        const isRefused =
          /[^0]/.test(String(head['grpc-status'] ?? '0')) || Number(head[':status']) >= 400 || answer === 'reset'
        expect(isRefused, JSON.stringify([head, answer])).toBe(true)
        expect(lax.heard()).toBe(before)
      },
    )

    it.each<[string, Buffer, Record<string, string>?]>([
      ['no message', Buffer.from('a=b&c')],
      ['half a message', Buffer.from([0, 0, 0, 0, 9, 1])],
      ['a compressed one without an encoding', Buffer.from([1, 0, 0, 0, 1, 1])],
    ])('a body that is %s reaches no method as if it were whole', async (_name, body) => {
      const before = lax.whole()
      const headers = { ':path': path('Unary'), ...grpc, authorization: `Bearer ${secret}` }
      const { head } = await ask(session, headers, body)
      expect(head['grpc-status']).toBe(String(status.INVALID_ARGUMENT))
      expect(lax.whole()).toBe(before)
    })
  })

  describe.skipIf(GRPC_GO === undefined)('the interoperability tests of gRPC, in Go', () => {
    const cases = [
      'empty_unary',
      'large_unary',
      'compressed_unary',
      'client_streaming',
      'server_streaming',
      'ping_pong',
      'empty_stream',
      'timeout_on_sleeping_server',
      'cancel_after_begin',
      'cancel_after_first_response',
      'custom_metadata',
      'status_code_and_message',
      'special_status_message',
      'unimplemented_method',
      'unimplemented_service',
      'health',
    ]

    it.each(cases)('%s', async (name) => {
      const interop = await gateway.open('interop')
      const through = await run(GRPC_GO ?? '', ['client', `127.0.0.1:${interop.port}`, interop.secret, name])
      const directly = await run(GRPC_GO ?? '', ['client', `127.0.0.1:${go?.port}`, '', name])
      expect(through).toEqual(directly)
      expect(through.stdout).toContain(name)
    })

    it('is told why a method is refused', async () => {
      const interop = await gateway.open('interop')
      const { stdout, stderr, code } = await run(GRPC_GO ?? '', [
        'client',
        `127.0.0.1:${interop.port}`,
        interop.secret,
        'denied',
      ])
      expect([code, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^COMMAND_REFUSED: .*not this.*rule "no caching"; decision dec_/)
    })
  })
})

async function startGo(program: string): Promise<{ readonly process: ChildProcess; readonly port: number }> {
  const process = spawn(program, ['serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
  const line = await new Promise<string>((resolve) =>
    process.stdout.once('data', (chunk: Buffer) => resolve(String(chunk))),
  )
  return { process, port: Number(line) }
}
