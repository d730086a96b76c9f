import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DOCUMENT, EVASIONS, OPERATION_EVASIONS, SLASH_EVASIONS, type Evasion } from '../fixtures/http-evasions.ts'
import { startHttpGateway, type HttpGateway, type HttpPort } from '../helpers/http-gateway.ts'
import { MISSING, REACHED, startHttpServers, type HttpServers, type ServerName } from '../helpers/http-servers.ts'

/**
 * Requests that get where a rule forbids to be, on at least one server, each first past the gateway: there it must get there. Through the gateway,
 * where everything else is allowed, it is refused, and the target gets not one byte.
 */
describe.skipIf(MISSING.length > 0)('ways around rules for HTTP', () => {
  let servers: HttpServers
  let gateway: HttpGateway
  let shop: HttpPort
  /** Rules by the operations of a document: one target denies some, the other allows some. */
  let described: readonly HttpPort[]
  /** Takes encoded slashes: rules by routes for one target, by operations for the other. */
  let slashed: readonly HttpPort[]
  let place: string
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
    place = mkdtempSync(join(tmpdir(), 'pamctl-test-openapi-'))
    const openapi = join(place, 'shop.yaml')
    writeFileSync(openapi, DOCUMENT)
    const target = { type: 'http', host: '127.0.0.1', port, tls: 'disable' }
    const denying = { names: ['denying', 'slashed-operations'] }
    const allowing = { names: ['allowing'] }
    gateway = await startHttpGateway({
      targets: [
        { name: 'shop', ...target },
        { name: 'denying', ...target, openapi },
        { name: 'allowing', ...target, openapi },
        { name: 'slashed', ...target, encodedSlashes: true },
        { name: 'slashed-operations', ...target, openapi, encodedSlashes: true },
      ],
      commands: [
        {
          name: 'no other operations',
          targets: allowing,
          match: { operations: ['listOrders', 'createOrder', 'latestOrder', 'getOrder', 'updateOrder', 'home'] },
          allow: true,
        },
        { name: 'no deletion', targets: denying, match: { operations: ['deleteOrder'] }, deny: 'orders stay' },
        { name: 'no administrators', targets: denying, match: { tags: ['administration'] }, deny: 'not here' },
        { name: 'whatever else', targets: denying, match: { unknown: true }, allow: true },
        { name: 'orders stay', match: { methods: ['DELETE'], routes: ['/api/orders/{id}'] }, deny: 'orders stay' },
        { name: 'no administration', match: { routes: ['/admin/**'] }, deny: 'not here' },
        { name: 'no cancelling', match: { routes: ['/api/status'], body: ['/status=cancelled'] }, deny: 'not this' },
        { name: 'no force', match: { routes: ['/api/jobs'], query: ['force=true'] }, deny: 'not by force' },
        {
          name: 'all else',
          targets: { names: ['shop', 'slashed'] },
          match: { methods: ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] },
          allow: true,
        },
      ],
    })
    shop = await gateway.open('shop')
    described = [await gateway.open('denying'), await gateway.open('allowing')]
    slashed = [await gateway.open('slashed'), await gateway.open('slashed-operations')]
  })

  afterAll(async () => {
    await gateway?.stop()
    await servers?.stop()
    gate?.close()
    rmSync(place, { recursive: true, force: true })
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

  async function getsThereDirectly(server: ServerName, request: string): Promise<void> {
    const port = servers.ports.get(server) ?? 0
    const direct = await exchange(port, bytesOf(request, `127.0.0.1:${port}`, []))
    // A HEAD is answered by its length alone.
    expect(direct).toMatch(request.startsWith('HEAD ') ? /^HTTP\/1\.1 200 [^]*content-length: 18\r\n/i : REACHED)
  }

  async function isStopped(request: string, port: HttpPort): Promise<void> {
    const before = passed
    const answer = await port.raw(bytesOf(request, `127.0.0.1:${port.port}`, [`Authorization: ${port.authorization}`]))
    // Whoever is still sending may find the connection closed before the answer is read.
    if (request.length < 1_000_000 || answer !== '') expect(answer).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(answer).not.toContain(REACHED)
    expect(passed).toBe(before)
  }

  const rows = (evasions: readonly Evasion[]) =>
    evasions.map(([server, request]) => [server, request.slice(0, 200), request] as const)

  it.each(rows(EVASIONS))('%s: %s', async (server, _shown, request) => {
    await getsThereDirectly(server, request)
    await isStopped(request, shop)
  })

  it.each(rows(OPERATION_EVASIONS))('by operations, %s: %s', async (server, _shown, request) => {
    await getsThereDirectly(server, request)
    for (const port of described) await isStopped(request, port)
  })

  it.each(rows(SLASH_EVASIONS))('by encoded slashes, %s: %s', async (server, _shown, request) => {
    await getsThereDirectly(server, request)
    for (const port of [shop, ...slashed]) await isStopped(request, port)
  })

  it('lets an encoded slash through where the target takes them', async () => {
    const [port] = slashed
    if (port === undefined) throw new Error('no port')
    for (const path of ['/@acme%2Futil', '/api/orders/a%2Fb', '/projects/a%2Fb/files/c%2Fd']) {
      const own = bytesOf(`GET ${path}`, `127.0.0.1:${port.port}`, [`Authorization: ${port.authorization}`])
      expect(await port.raw(own)).toMatch(/^HTTP\/1\.1 200 [^]*ordinary$/)
    }
  })

  it.each([
    'GET /public',
    'HEAD /public',
    'GET /api/orders',
    'GET /api/orders/7',
    'GET /api/orders/latest',
    'GET /api/orders/7.json?verbose=1',
    'POST /api/orders\nContent-Type: application/json\n\n{"item":1}',
  ])('by operations, lets an ordinary request through: %s', async (request) => {
    for (const port of described) {
      const own = bytesOf(request, `127.0.0.1:${port.port}`, [`Authorization: ${port.authorization}`])
      expect(await port.raw(own)).toMatch(
        request.startsWith('HEAD') ? /^HTTP\/1\.1 200 / : /^HTTP\/1\.1 200 [^]*ordinary$/,
      )
    }
  })

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
