import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EVASIONS } from '../fixtures/http-evasions.ts'
import { startHttpGateway, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { MISSING, REACHED, startHttpServers, type HttpServers } from '../helpers/http-servers.ts'

/**
 * Requests that get where a rule forbids to be, on at least one server, each first past the gateway: there it must get there. Through the gateway,
 * where everything else is allowed, it is refused, and the target gets not one byte.
 */
describe.skipIf(MISSING.length > 0)('ways around rules for HTTP', () => {
  let servers: HttpServers
  let gateway: HttpGateway
  let shop: HttpPort
  /** In front of the target. */
  let gate: Server
  let passed = 0

  beforeAll(async () => {
    servers = await startHttpServers()
    gate = createServer((socket) => {
      const target = connect(servers.ports.get('node') ?? 0, '127.0.0.1')
      socket.on('data', (bytes) => (passed += bytes.length))
      socket.pipe(target).pipe(socket)
      for (const stream of [socket, target]) stream.on('error', () => stream.destroy())
    })
    await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve))
    const { port } = gate.address() as AddressInfo
    gateway = await startHttpGateway({
      targets: [{ name: 'shop', type: 'http', host: '127.0.0.1', port, tls: 'disable' }],
      commands: [
        { name: 'orders stay', match: { methods: ['DELETE'], routes: ['/api/orders/{id}'] }, deny: 'orders stay' },
        { name: 'no administration', match: { routes: ['/admin/**'] }, deny: 'not here' },
        { name: 'no cancelling', match: { routes: ['/api/status'], body: ['/status=cancelled'] }, deny: 'not this' },
        { name: 'no force', match: { routes: ['/api/jobs'], query: ['force=true'] }, deny: 'not by force' },
        { name: 'all else', match: { methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] }, allow: true },
      ],
    })
    shop = await gateway.open('shop')
  })

  afterAll(async () => {
    await gateway?.stop()
    await servers?.stop()
    gate?.close()
  })

  /** The bytes of a request, with what the place asks for. */
  function bytesOf(request: string, host: string, more: readonly string[]): string {
    const at = request.indexOf('\n\n')
    const [line = '', ...headers] = (at < 0 ? request : request.slice(0, at)).split('\n')
    const body = at < 0 ? '' : request.slice(at + 2)
    const isSized = body === '' || headers.some((header) => /^(?:transfer-encoding|content-length):/i.test(header))
    const length = isSized ? [] : [`Content-Length: ${Buffer.byteLength(body)}`]
    const first = `${line.replace('{host}', host)} HTTP/1.1`
    // One that is within another ends the connection itself.
    const end = body.includes('Connection: close') ? [] : ['Connection: close']
    return `${[first, `Host: ${host}`, ...end, ...more, ...headers, ...length].join('\r\n')}\r\n\r\n${body}`
  }

  it.each(EVASIONS.map(([server, request]) => [server, request.slice(0, 200), request] as const))(
    '%s: %s',
    async (server, _shown, request) => {
      const port = servers.ports.get(server) ?? 0
      const direct = await exchange(port, bytesOf(request, `127.0.0.1:${port}`, []))
      // A HEAD is answered by its length alone.
      expect(direct).toMatch(request.startsWith('HEAD ') ? /^HTTP\/1\.1 200 [^]*content-length: 18\r\n/i : REACHED)
      const before = passed
      const own = bytesOf(request, `127.0.0.1:${shop.port}`, [`Authorization: ${shop.authorization}`])
      const answer = await shop.raw(own)
      // Whoever is still sending may find the connection closed before the answer is read.
      if (request.length < 1_000_000 || answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
      expect(answer).not.toContain(REACHED)
      expect(passed).toBe(before)
    },
  )

  it.each([
    'GET /public',
    'GET /',
    'GET /administration',
    'GET /api/orders/7',
    'PUT /api/orders/7\nContent-Type: application/json\n\n{"status":"open"}',
    'POST /api/status\nContent-Type: application/json\n\n{"status":"open"}',
    'POST /api/jobs?force=false',
    'POST /api/jobs\nContent-Type: application/x-www-form-urlencoded\n\nforce=0&a=b+c',
    'DELETE /api/orders',
    'GET /search?q=a%2Fb%20c&path=/admin/x',
    "GET /a.b-c_d~e!$&'()*+,=:@/%C3%A9",
    'POST /upload\nContent-Type: multipart/form-data; boundary=b\n\n--b\r\nContent-Disposition: form-data; name="a"; filename="x.png"\r\nContent-Type: image/png\r\n\r\n\x89PNG\r\n--b--\r\n',
  ])('lets an ordinary request through: %s', async (request) => {
    const answer = await shop.raw(bytesOf(request, `127.0.0.1:${shop.port}`, [`Authorization: ${shop.authorization}`]))
    expect(answer).toMatch(/^HTTP\/1\.1 200 [^]*ordinary$/)
  })
})

/** All that comes until the server closes. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    socket.setEncoding('latin1').on('data', (text: string) => (answer += text))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
    )
    socket.on('close', () => resolve(answer))
  })
}
