import { once } from 'node:events'
import { spawn, type ChildProcess } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { WebSocket, type ClientOptions } from 'ws'
import { eventually } from '../helpers/gateway-client.ts'
import { startHttpGateway, TOKEN, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { startWebSocketTarget, type WebSocketTarget } from '../helpers/websocket-target.ts'
import { ROOT } from '../helpers/run.ts'

const PYTHON_PEER = join(ROOT, 'test', 'fixtures', 'http', 'websocket.py')
const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Real pamctl, agent, gateway, clients and services. */
describe('WebSockets through pamctl connect', () => {
  let target: WebSocketTarget
  let python: ChildProcess
  let gateway: HttpGateway
  let chat: HttpPort
  let masked: HttpPort

  beforeAll(async () => {
    target = await startWebSocketTarget()
    python = spawn('python3', [PYTHON_PEER, 'serve'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [said] = (await once(python.stdout as NonNullable<ChildProcess['stdout']>, 'data')) as [Buffer]
    const common = { type: 'http', host: '127.0.0.1', tls: 'disable' }
    const credential = { type: 'bearer', token: 'file:token' }
    gateway = await startHttpGateway({
      targets: [
        { name: 'chat', ...common, port: target.port, credential, recordBodies: '4 KiB' },
        { name: 'python', ...common, port: Number(String(said)), credential },
        { name: 'masked', ...common, port: target.port },
        ...['kill', 'revoke'].map((name) => ({ name, ...common, port: target.port })),
        { name: 'masked-python', ...common, port: Number(String(said)) },
      ],
      commands: [
        {
          name: 'a person decides',
          match: { kinds: ['websocket'], routes: ['/held/**'] },
          hold: { approvers: { groups: ['sre'] } },
        },
        { name: 'chatting', match: { kinds: ['websocket'], routes: ['/ws/**', '/raw/**'] }, allow: true },
        { name: 'reading', match: { methods: ['GET'] }, allow: true },
      ],
      masking: [
        {
          name: 'people',
          targets: { names: ['masked', 'masked-python'] },
          kinds: ['email', 'payment-card'],
          style: 'redact',
        },
      ],
    })
    chat = await gateway.open('chat')
    masked = await gateway.open('masked')
  })

  afterAll(async () => {
    await gateway?.stop()
    await target?.stop()
    python?.kill()
  })

  const open = (port: HttpPort, path: string, options: ClientOptions = {}, protocols: string[] = []): WebSocket =>
    new WebSocket(`ws://127.0.0.1:${port.port}${path}`, protocols, {
      ...options,
      headers: { authorization: port.authorization, ...options.headers },
    })

  /** What comes until it is closed. */
  const listen = (socket: WebSocket) => {
    const got: string[] = []
    socket.on('message', (data: Buffer, isBinary) => got.push(isBinary ? `\\x${data.toString('hex')}` : String(data)))
    socket.on('ping', (data: Buffer) => got.push(`ping ${data.toString()}`))
    socket.on('pong', (data: Buffer) => got.push(`pong ${data.toString()}`))
    const closed = once(socket, 'close').then(([code, reason]) => `${code} ${String(reason)}`.trimEnd())
    return { got, closed }
  }
  /** The answer to a request for a WebSocket that is refused. */
  const refused = async (socket: WebSocket) => {
    const [, answer] = (await once(socket, 'unexpected-response')) as [unknown, import('node:http').IncomingMessage]
    let body = ''
    for await (const piece of answer) body += String(piece)
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body,
      problem: body.startsWith('{') ? (JSON.parse(body) as { code: string; detail: string }) : undefined,
    }
  }
  const sessionOf = async (name: string): Promise<string> => {
    const sessions = JSON.parse((await gateway.pamctl('sessions', '--json')).stdout) as { id: string; target: string }[]
    return sessions.find((session) => session.target === name)?.id ?? ''
  }

  it('passes messages both ways with the credential of the gateway, without extensions', async () => {
    const socket = open(chat, '/ws/echo', { perMessageDeflate: true }, ['v2.chat', 'v1.chat'])
    const { got, closed } = listen(socket)
    await once(socket, 'open')
    expect([socket.protocol, socket.extensions]).toEqual(['v2.chat', ''])
    const { headers } = target.asked.at(-1) as { headers: Record<string, string> }
    expect(headers['authorization']).toBe(`Bearer ${TOKEN}`)
    expect(headers['sec-websocket-extensions']).toBeUndefined()
    expect(Object.keys(headers).filter((name) => name.startsWith('x-') || name === 'origin')).toEqual([])
    socket.send('grüße')
    socket.send(Buffer.from([0, 255]))
    socket.ping('there?')
    await eventually(() => (got.length === 3 ? true : undefined), 'answers')
    expect(got).toEqual(['grüße', '\\x00ff', 'pong there?'])
    socket.close(4001, 'enough')
    expect(await closed).toBe('4001 enough')
  })

  it('needs a rule that names WebSockets: one that allows to read opens none', async () => {
    const before = target.asked.length
    const { status, problem } = await refused(open(chat, '/other/echo'))
    expect([status, problem?.code]).toEqual([403, 'COMMAND_NOT_ALLOWED'])
    expect(problem?.detail).toContain('WebSocket /other/echo')
    expect(target.asked.length).toBe(before)
    expect((await chat.request('GET', '/other/echo')).status).toBe(200)
    // Nor does one that allows WebSockets let anything be read.
    const ok = await refused(open(chat, '/raw/ok'))
    expect([ok.status, ok.problem?.code]).toEqual([502, 'TARGET_LEFT'])
    expect(ok.body).not.toContain('secret')
  })

  it('holds one while the client waits', async () => {
    const before = target.asked.length
    const socket = open(chat, '/held/echo')
    const { closed } = listen(socket)
    let approval: string | undefined
    socket.on('upgrade', ({ headers }) => (approval = headers['x-pam-approval'] as string))
    await eventually(async () => (await gateway.bob.api.reviews.list())[0], 'it waits')
    expect(target.asked.length).toBe(before)
    await gateway.decide('approve')
    await once(socket, 'open')
    expect(approval).toMatch(/^apr_/)
    expect(target.asked.length).toBe(before + 1)
    socket.close(1000)
    expect(await closed).toBe('1000')
    const denied = refused(open(chat, '/held/echo'))
    await gateway.decide('deny')
    expect((await denied).problem?.code).toBe('HOLD_DENIED')
  })

  it('withdraws one whose client has left', async () => {
    const before = target.asked.length
    const socket = open(chat, '/held/echo')
    socket.on('error', () => {})
    await eventually(async () => (await gateway.bob.api.reviews.list())[0], 'it waits')
    socket.terminate()
    await eventually(async () => ((await gateway.bob.api.reviews.list()).length === 0 ? true : undefined), 'withdrawn')
    expect(target.asked.length).toBe(before)
  })

  it('shows nothing of what the gateway signs in with', async () => {
    const { got, closed } = listen(open(chat, '/ws/credential'))
    expect(await closed).toMatch(/^4000 Bearer \*+$/)
    expect(got).toHaveLength(4)
    const all = got.map((one) => (one.startsWith('\\x') ? Buffer.from(one.slice(2), 'hex').toString() : one)).join('\n')
    for (const text of [all, Buffer.from(all, 'base64').toString('latin1')])
      expect(text).not.toContain(TOKEN.slice(0, 8))
  })

  it('masks texts, and shows nothing that it cannot mask', async () => {
    const customers = open(masked, '/ws/customers')
    const { got } = listen(customers)
    await eventually(() => (got.length === 2 ? true : undefined), 'both messages')
    expect(got).toEqual(['{"name":"Jane","email":"****","card":null}', '**** has called'])
    customers.close()
    const picture = listen(open(masked, '/ws/picture'))
    expect(await picture.closed).toMatch(/^1008 MASKING_REFUSED: .*binary/)
    expect(picture.got).toEqual(['before'])
  })

  it.each([
    ['/raw/other-key', 502, 'TARGET_LEFT'],
    ['/raw/other-protocol', 502, 'TARGET_LEFT'],
    ['/raw/extension', 502, 'TARGET_LEFT'],
    ['/raw/subprotocol', 502, 'TARGET_LEFT'],
    ['/raw/broken', 502, 'TARGET_LEFT'],
  ])('refuses what a target should not answer: %s', async (path, status, code) => {
    const answer = await refused(open(chat, path))
    expect([answer.status, answer.problem?.code]).toEqual([status, code])
    expect((await chat.request('GET', '/still')).status).toBe(200)
  })

  it('passes the answer of a target that wants none', async () => {
    const answer = await refused(open(chat, '/raw/426'))
    expect([answer.status, answer.body]).toEqual([426, 'never'])
  })

  it('ends one whose target breaks the protocol, or leaves', async () => {
    expect(await listen(open(chat, '/raw/compressed')).closed).toMatch(/^1011 a frame of a WebSocket uses an extension/)
    expect(await listen(open(chat, '/raw/gone')).closed).toBe('1011 the target closed the connection')
  })

  describe('asked for in other ways', () => {
    const handshake = (...lines: string[]): string =>
      [
        'GET /ws/echo HTTP/1.1',
        `Host: 127.0.0.1:${chat.port}`,
        `Authorization: ${chat.authorization}`,
        ...lines,
        '',
        '',
      ].join('\r\n')
    const usual = [
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${KEY}`,
    ]
    const other = (index: number, line: string): string[] => usual.map((one, at) => (at === index ? line : one))

    it.each<[string, () => string, number, string]>([
      ['no key', () => handshake(...usual.slice(0, 3)), 400, 'PROTOCOL_VIOLATION'],
      ['a key that is none', () => handshake(...other(3, 'Sec-WebSocket-Key: x')), 400, 'PROTOCOL_VIOLATION'],
      ['two keys', () => handshake(...usual, `Sec-WebSocket-Key: ${KEY}`), 400, 'PROTOCOL_VIOLATION'],
      ['an older version', () => handshake(...other(2, 'Sec-WebSocket-Version: 8')), 426, 'VERSION_MISMATCH'],
      ['another protocol', () => handshake(...other(1, 'Upgrade: h2c')), 400, 'FEATURE_REFUSED'],
      ['two protocols', () => handshake(...other(1, 'Upgrade: websocket, h2c')), 400, 'FEATURE_REFUSED'],
      ['two headers of protocols', () => handshake(...usual, 'Upgrade: h2c'), 400, 'PROTOCOL_VIOLATION'],
      ['HTTP/1.0', () => handshake(...usual).replace('HTTP/1.1', 'HTTP/1.0'), 400, 'PROTOCOL_VIOLATION'],
      ['another method', () => handshake(...usual).replace('GET', 'PUT'), 400, 'PROTOCOL_VIOLATION'],
      ['a body', () => `${handshake(...usual, 'Content-Length: 5')}hello`, 400, 'PROTOCOL_VIOLATION'],
      ['chunks', () => `${handshake(...usual, 'Transfer-Encoding: chunked')}0\r\n\r\n`, 400, 'PROTOCOL_VIOLATION'],
      [
        'a request behind it',
        () => `${handshake(...usual)}GET /admin HTTP/1.1\r\nHost: x\r\n\r\n`,
        400,
        'PROTOCOL_VIOLATION',
      ],
      ['a frame behind it', () => `${handshake(...usual)}\x81\x80aaaa`, 400, 'PROTOCOL_VIOLATION'],
      [
        'a connection with more',
        () => handshake(...other(0, 'Connection: Upgrade, X-Tenant')),
        400,
        'PROTOCOL_VIOLATION',
      ],
      ['something to wait for', () => handshake(...usual, 'Expect: 100-continue'), 400, 'PROTOCOL_VIOLATION'],
      [
        'a protocol that the connection does not name',
        () => handshake(...other(0, 'Connection: close')),
        400,
        'FEATURE_REFUSED',
      ],
      [
        'a token as a subprotocol',
        () => handshake(...usual, 'Sec-WebSocket-Protocol: base64url.bearer.authorization.k8s.io.eA'),
        400,
        'FEATURE_REFUSED',
      ],
      ['the page of another site', () => handshake(...usual, 'Origin: https://evil.example'), 400, 'FEATURE_REFUSED'],
      ['a page of a browser', () => handshake(...usual, 'Sec-Fetch-Site: cross-site'), 400, 'FEATURE_REFUSED'],
      ['no secret of the port', () => handshake(...usual).replace(/Authorization: .*\r\n/, ''), 401, 'PORT_SECRET'],
    ])('is refused with %s, and none of it reaches the target', async (_name, bytes, status, code) => {
      const before = target.asked.length
      const answer = await chat.raw(Buffer.from(bytes(), 'latin1'))
      expect(answer.match(/HTTP\/1\.1 \d+/g)?.filter((line) => !line.endsWith('100'))).toEqual([`HTTP/1.1 ${status}`])
      expect(answer).toContain(`"code":"${code}"`)
      expect(/^sec-websocket-version: 13/im.test(answer)).toBe(status === 426)
      expect(target.asked.length).toBe(before)
    })

    it('gets its answers in order behind requests that were sent ahead', async () => {
      const socket = connect(chat.port, '127.0.0.1')
      let answer = ''
      socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
      socket.write(`${handshake()}${handshake()}${handshake(...usual)}`)
      await eventually(() => (answer.includes(' 101 ') ? true : undefined), 'it is switched')
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 101'])
      expect((await chat.request('GET', '/still')).status).toBe(200)
      socket.destroy()
    })

    it.each([
      ['a frame without a mask', '810161', 1002],
      ['a compressed frame', 'c1810000000061', 1002],
      ['a length of 64 bits', '82ff7fffffffffffffff00000000', 1009],
      ['text that is not UTF-8', '818200000000c328', 1007],
      ['a request of HTTP', Buffer.from('GET /admin HTTP/1.1\r\nHost: x\r\n\r\n').toString('hex'), 1002],
    ])('is ended for %s, and that is on record', async (_name, bytes, code) => {
      const socket: Socket = connect(chat.port, '127.0.0.1')
      let answer = Buffer.alloc(0)
      socket.on('data', (piece: Buffer) => (answer = Buffer.concat([answer, piece])))
      const before = target.heard.length
      socket.write(handshake(...usual))
      await eventually(() => (answer.includes('\r\n\r\n') ? true : undefined), 'it is switched')
      socket.write(Buffer.from(bytes, 'hex'))
      await once(socket, 'close')
      const frame = answer.subarray(answer.indexOf('\r\n\r\n') + 4)
      expect([frame[0], frame.readUInt16BE(2)]).toEqual([0x88, code])
      expect(target.heard.length).toBe(before)
      const id = await sessionOf('chat')
      await eventually(
        async () => ((await gateway.pamctl('replay', id)).stdout.includes(`ended with ${code}`) ? true : undefined),
        'it is on record',
      )
    })
  })

  it('has both sides on record, with a commitment in place of secrets, and no more than is kept', async () => {
    const socket = open(chat, '/ws/echo')
    const { got, closed } = listen(socket)
    await once(socket, 'open')
    socket.send('the first message')
    socket.send('{"password":"hunter2secret"}')
    socket.send(Buffer.from('binary'))
    socket.send('y'.repeat(10_000))
    await eventually(() => (got.length === 4 ? true : undefined), 'answers')
    socket.close(1000, 'bye')
    await closed
    const id = await sessionOf('chat')
    const shown = await eventually(async () => {
      const { stdout } = await gateway.pamctl('replay', id)
      return stdout.includes('closed the WebSocket with 1000') ? stdout : undefined
    }, 'it is on record')
    expect(shown).toContain('GET /ws/echo\n            upgrade: websocket')
    expect(shown).toMatch(/client \| text \| the first message\n.*target \| text \| the first message/s)
    expect(shown).toContain(`client | binary | \\x${Buffer.from('binary').toString('hex')}`)
    expect(shown).toContain('messages of the client beyond 4096 bytes are not kept')
    expect(shown).not.toContain('hunter2secret')
    expect(shown).not.toContain('y'.repeat(5000))
    expect(shown).toMatch(/→ 101, 8 messages/)
  })

  it('is an entry of an archive, with its messages', async () => {
    const { stdout } = await gateway.pamctl('export', await sessionOf('chat'), '--format', 'har', '--output', '-')
    const { log } = JSON.parse(stdout) as { log: { entries: Record<string, unknown>[] } }
    const entry = log.entries.find((one) =>
      JSON.stringify(one['_webSocketMessages'] ?? '').includes('the first message'),
    )
    expect(entry).toMatchObject({ response: { status: 101 } })
  })

  it('may hold back only so much of messages that are not whole', async () => {
    const port = await gateway.open('chat')
    const before = target.heard.length
    const half = Buffer.alloc(3_900_000, 'x')
    const ends = Array.from({ length: 12 }, async () => {
      const socket = open(port, '/ws/quiet')
      const { closed } = listen(socket)
      await once(socket, 'open')
      socket.send(half, { fin: false })
      return { socket, closed }
    })
    const sockets = await Promise.all(ends)
    const first = await Promise.race(sockets.map(({ closed }) => closed))
    expect(first).toMatch(/^1013 RATE_LIMITED: /)
    for (const { socket } of sockets) socket.terminate()
    // Those that have gone make room again.
    const socket = open(port, '/ws/quiet')
    await once(socket, 'open')
    socket.send(half)
    await eventually(() => (target.heard.length > before ? true : undefined), 'a whole one arrives')
    socket.close()
  })

  it.each(['kill', 'revoke'] as const)('ends with a %s, and says why', async (how) => {
    const port = await gateway.open(how)
    const socket = open(port, '/ws/quiet')
    const { closed } = listen(socket)
    await once(socket, 'open')
    const there = target.sockets.at(-1) as WebSocket
    const left = once(there, 'close')
    const id = await sessionOf(how)
    if (how === 'kill') await gateway.bob.api.sessions.kill(id, 'enough')
    else {
      const { grantId } = await gateway.bob.api.sessions.get(id)
      await gateway.bob.api.grants.revoke(grantId, 'enough')
    }
    expect(await closed).toMatch(how === 'kill' ? /^1008 SESSION_KILLED: / : /^1008 GRANT_REVOKED: /)
    expect((await left)[0]).toBe(1001)
  })

  describe('clients', () => {
    it.each([
      ['python', 'both'],
      ['masked-python', 'text'],
    ])('Python, by hand, reaches a server in Python: %s', async (name, kinds) => {
      const { stdout, stderr, code } = await gateway.pamctl(
        'connect',
        name,
        '--',
        'python3',
        PYTHON_PEER,
        'connect',
        '/ws',
        kinds,
      )
      expect([stdout, stderr, code]).toEqual(['closed 1000\n', '', 0])
    })

    it('Go, by hand', async () => {
      const program = join(ROOT, 'test', 'fixtures', 'http', 'websocket.go')
      const { stdout, stderr, code } = await gateway.pamctl('connect', 'chat', '--', 'go', 'run', program, '/ws/echo')
      expect([stderr, code]).toEqual(['', 0])
      expect(stdout).toBe('101 v2.chat\n1 hello from Go\n10 there?\n8 1000\n')
    })

    it("Node's own", async () => {
      const program = `
        const socket = new WebSocket(process.env.PAMCTL_URL.replace('http', 'ws') + '/ws/echo', {
          headers: { authorization: 'Bearer ' + process.env.PAMCTL_SECRET },
        })
        socket.onopen = () => socket.send('hello from Node')
        socket.onmessage = ({ data }) => { console.log(data); socket.close(1000, 'done') }
        socket.onclose = ({ code, reason }) => console.log(code, reason)
        socket.onerror = ({ message, error }) => console.log('error', message, error)`
      const { stdout, stderr, code } = await gateway.pamctl(
        'connect',
        'chat',
        '--',
        'node',
        '--no-warnings',
        '--experimental-websocket',
        '-e',
        program,
      )
      expect([stdout, stderr, code]).toEqual(['hello from Node\n1000 done\n', '', 0])
    })
  })
})
