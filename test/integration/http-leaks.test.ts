import { createHash } from 'node:crypto'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createSecureServer, type Http2SecureServer } from 'node:http2'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { freePort } from '../../src/demo/local-postgres.ts'
import { CARD, EMAIL, FIELD, FIELD_LEAKS, LEAKS, type LeakCase } from '../fixtures/http-leaks.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { startHttpGateway, type HttpGateway, type HttpPort, type RawHttpAnswer } from '../helpers/http-gateway.ts'
import { NGINX } from '../helpers/http-servers.ts'
import { PYTHON } from '../helpers/test-clients.ts'

/** Files that nginx and Python's server give out under types of their own. */
const FILES: Readonly<Record<string, string>> = {
  'people.json': `{"people":[{"mail":"${EMAIL}"}]}`,
  'people.html': `<p>${EMAIL.replace('@', '&#64;')}</p>`,
  'people.txt': `mail ${EMAIL}\n`,
  'people.xml': `<a><b>${EMAIL}</b></a>`,
  'people.js': `let a = "${EMAIL}"`,
  'people.css': `/* ${EMAIL} */`,
}

/** Answers that hold what is masked: each is seen first as it comes from the service, in clear. Through the gateway nothing of it is. */
describe('values in answers of HTTP services', () => {
  const cases = [...LEAKS.map((one) => ['all', one] as const), ...FIELD_LEAKS.map((one) => ['field', one] as const)]
  let place: string
  let plain: Server
  let secure: Http2SecureServer
  let gateway: HttpGateway
  const children: ChildProcess[] = []
  const portOf = new Map<string, number>()
  /** What servers say of what they are asked. */
  let said = ''
  const through = new Map<string, HttpPort>()

  beforeAll(async () => {
    place = mkdtempSync(join(tmpdir(), 'pamctl-test-leaks-'))
    const certificates = makeCertificates(place)
    plain = createServer((request, response) =>
      request.url === '/tagged' ? tagged(request.headers, response) : void answer(caseAt(request.url), response),
    )
    const keys = { cert: readFileSync(certificates.certificate), key: readFileSync(certificates.key) }
    // Its answers have the same methods, as far as they are used here.
    const serve = (url: string | undefined, response: unknown): void =>
      void answer(caseAt(url), response as ServerResponse)
    secure = createSecureServer(keys, (request, response) => serve(request.url, response))
    for (const server of [plain, secure]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    portOf.set('node', (plain.address() as AddressInfo).port)
    await serveFiles()
    const target = (name: string, port: number) => ({ name, type: 'http', host: '127.0.0.1', port, tls: 'disable' })
    gateway = await startHttpGateway({
      targets: [
        ...[...portOf].map(([name, port]) => target(name, port)),
        {
          name: 'h2',
          type: 'http',
          host: '127.0.0.1',
          port: (secure.address() as AddressInfo).port,
          ca: certificates.ca,
        },
      ],
      commands: [{ name: 'reading', match: { methods: ['GET'] }, allow: true }],
      masking: [
        { name: 'people', kinds: ['email', 'payment-card'], style: 'redact' },
        { name: 'streets', targets: { names: ['node', 'h2'] }, fields: ['/field/**:/**/street'], style: 'redact' },
      ],
    })
    for (const name of [...portOf.keys(), 'h2']) through.set(name, await gateway.open(name))
  })

  afterAll(async () => {
    await gateway?.stop()
    const ended = children.map((child) => new Promise((resolve) => child.once('close', resolve)))
    for (const child of children) child.kill()
    await Promise.all(ended)
    plain?.closeAllConnections()
    plain?.close()
    secure?.close()
    rmSync(place, { recursive: true, force: true })
  })

  async function serveFiles(): Promise<void> {
    const files = join(place, 'files')
    mkdirSync(files)
    for (const [name, content] of Object.entries(FILES)) writeFileSync(join(files, name), content)
    const started: [string, string | undefined, readonly string[]][] = []
    const [nginx, python] = [await freePort(), await freePort()]
    writeFileSync(
      join(place, 'nginx.conf'),
      `daemon off; master_process off; pid ${place}/nginx.pid; error_log stderr crit; events {}
      http { access_log off; ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((one) => `${one}_temp_path ${place}/${one};`).join(' ')}
        types { application/json json; text/html html; text/plain txt; text/xml xml; application/javascript js; text/css css; }
        gzip on; gzip_types *; gzip_min_length 1;
        server { listen 127.0.0.1:${nginx}; root ${files}; } }`,
    )
    started.push(['nginx', NGINX, ['-e', 'stderr', '-c', join(place, 'nginx.conf')]])
    const served = ['-m', 'http.server', String(python), '--bind', '127.0.0.1', '--directory', files]
    started.push(['python', PYTHON, [...served, '--protocol', 'HTTP/1.1']])
    for (const [name, program, args] of started) {
      if (program === undefined) continue
      const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
      children.push(child)
      const port = name === 'nginx' ? nginx : python
      await eventually(() => directly(port, '/people.txt').catch(() => undefined), `${name} listens`)
      portOf.set(name, port)
    }
  }

  const caseAt = (url = ''): LeakCase | undefined => cases[Number(url.split('/').at(-1))]?.[1]
  const pathOf = (index: number): string => `/${cases[index]?.[0]}/${index}`

  it.each(cases.map(([where, one], index) => [`${where}: ${one.name}`, one, index] as const))(
    '%s',
    async (_name, one, index) => {
      const values = one.read === undefined ? [text] : [text, one.read]
      const direct = await directly(portOf.get('node') ?? 0, pathOf(index), one.method)
      const seen = (one.read ?? text)(unpacked(direct.body, direct.headers['content-encoding']), direct.head)
      expect(SECRETS.some((value) => value.test(seen))).toBe(true)
      // Node's server of HTTP/2 sends no header twice.
      const isTwice = Object.values(one.headers).some(Array.isArray)
      for (const server of isTwice ? ['node'] : ['node', 'h2']) {
        const answer = await (through.get(server) as HttpPort).request(one.method ?? 'GET', pathOf(index))
        const body = Buffer.from(answer.body, 'latin1')
        for (const read of values) {
          const shown = readOr(() => read(body, answer.head))
          for (const value of SECRETS) expect(shown).not.toMatch(value)
        }
        for (const value of SECRETS) expect(answer.head + answer.body).not.toMatch(value)
        expectOutcome(one, answer)
      }
    },
  )

  it.each(Object.keys(FILES).flatMap((file) => ['nginx', 'python'].map((server) => [server, file] as const)))(
    '%s: %s',
    async (server, file) => {
      const port = through.get(server)
      if (port === undefined) return
      const direct = await directly(portOf.get(server) ?? 0, `/${file}`)
      expect(direct.body.toString().replace('&#64;', '@')).toContain(EMAIL)
      const { status, head, body } = await port.request('GET', `/${file}`, { headers: ['Accept-Encoding: gzip'] })
      expect(status).toBe(200)
      expect(body).toContain('****')
      expect(body.replace('&#64;', '@')).not.toContain('jane')
      expect(head).not.toMatch(/^(?:content-length|etag|content-encoding|accept-ranges):/im)
    },
  )

  it.skipIf(PYTHON === undefined)('a body that its server leaves unread is no request of its own there', async () => {
    const [path, inside] = ['/people.txt?allowed', 'GET /people.css?nobody-decided HTTP/1.1\r\nHost: a\r\n\r\n']
    const headers = ['Content-Type: text/plain']
    const port = through.get('python') as HttpPort
    const head = `GET ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${inside.length}\r\n\r\n`
    const socket = connect(portOf.get('python') ?? 0, '127.0.0.1', () => socket.write(`${head}${inside}`))
    await eventually(() => said.match(/nobody-decided/g) ?? undefined, 'directly it is one')
    socket.destroy()
    for (const body of [inside, `\r\n${inside}`, inside.replaceAll(' ', '\t')])
      expect((await port.request('GET', path, { headers, body })).status).toBe(200)
    // Nothing is asked before it by then.
    expect((await port.request('GET', '/people.txt?last')).status).toBe(200)
    await eventually(() => said.match(/last/g) ?? undefined, 'all that reached it')
    expect(said.match(/nobody-decided/g)).toHaveLength(1)
  })

  it.each(['If-None-Match', 'If-Match'])('%s does not tell whether a body was guessed', async (name) => {
    const statuses = async (tags: string): Promise<readonly (number | undefined)[]> => [
      (await directly(portOf.get('node') ?? 0, '/tagged', 'GET', { [name]: tags })).status,
      (await (through.get('node') as HttpPort).request('GET', '/tagged', { headers: [`${name}: ${tags}`] })).status,
    ]
    const [wrong, right] = [await statuses('"x", W/"y"'), await statuses(`"x", ${TAG}`)]
    expect(right[0]).not.toBe(wrong[0])
    expect([right[1], wrong[1]]).toEqual(name === 'If-Match' ? [403, 403] : [200, 200])
    // Whether there is anything it tells.
    expect((await statuses('*'))[1]).toBe(name === 'If-Match' ? 200 : 304)
  })

  it('what holds nothing passes byte for byte, with its length', async () => {
    const image = await (through.get('node') as HttpPort).request('GET', '/all/image')
    expect(image.head).toMatch(/^content-length: 1024$/im)
    expect(image.head).toMatch(/^etag: "x"$/im)
    expect(Buffer.from(image.body, 'latin1')).toEqual(IMAGE)
  })
})

const IMAGE = Buffer.concat([
  Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
  Buffer.from(Array.from({ length: 1016 }, (_, at) => (at * 7919) % 256)),
])
const SECRETS = [
  new RegExp(EMAIL.replaceAll('.', '\\.')),
  new RegExp(`${CARD}|4\\.111111111111111e15`),
  new RegExp(FIELD),
]
const text = (body: Buffer): string => body.toString()

/** What a client makes of an answer that it may not be able to read any more. */
function readOr(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

function expectOutcome(one: LeakCase, { status, head, body }: RawHttpAnswer): void {
  if (one.becomes === 'refused') {
    expect(status).toBeGreaterThanOrEqual(400)
    expect(JSON.parse(body)).toMatchObject({ code: expect.stringMatching(/^(?:MASKING|FEATURE)_REFUSED$/) })
    return
  }
  if (one.becomes === 'cut') return expect(body).not.toContain('"code"')
  expect(status).toBe(one.status ?? 200)
  if (one.keeps !== undefined) expect(body).toContain(one.keeps)
  expect(head).not.toMatch(/^(?:content-encoding|etag|content-md5|digest):/im)
}

const unpacked = (body: Buffer, encoding: string | undefined): Buffer => {
  if (encoding === undefined || encoding === 'rot13') return body
  if (encoding.startsWith('gzip, ')) return gunzipSync(gunzipSync(body))
  return encoding === 'br' ? brotliDecompressSync(body) : encoding === 'deflate' ? inflateSync(body) : gunzipSync(body)
}

async function answer(one: LeakCase | undefined, response: ServerResponse): Promise<void> {
  if (one === undefined) {
    response.writeHead(200, { 'content-type': 'image/png', 'content-length': IMAGE.length, etag: '"x"' })
    return void response.end(IMAGE)
  }
  const announced = one.trailers === undefined ? {} : { trailer: Object.keys(one.trailers).join(', ') }
  response.writeHead(one.status ?? 200, { ...one.headers, ...announced })
  const pieces =
    one.pieces === 'bytes'
      ? [...one.body].map((byte) => Buffer.from([byte]))
      : one.pieces === 'halves'
        ? [one.body.subarray(0, 12), one.body.subarray(12)]
        : [one.body]
  for (const piece of pieces) {
    if (piece.length === 0) continue
    response.write(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (one.trailers !== undefined) response.addTrailers({ ...one.trailers })
  response.end()
}

/** As many services do it, with the tag that the body has. */
function tagged({ 'if-match': is, 'if-none-match': isNot }: IncomingHttpHeaders, response: ServerResponse): void {
  const matches = (tags: string): boolean => tags === '*' || tags.includes(TAG)
  if (is !== undefined && !matches(is)) return void response.writeHead(412).end()
  if (isNot !== undefined && matches(isNot)) return void response.writeHead(304, { etag: TAG }).end()
  response.writeHead(200, { 'content-type': 'application/json', etag: TAG }).end(JSON.stringify({ mail: EMAIL }))
}
const TAG = `"${createHash('sha1').update(EMAIL).digest('base64')}"`

interface DirectAnswer {
  readonly status: number | undefined
  readonly head: string
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

function directly(
  port: number,
  path: string,
  method = 'GET',
  headers: Record<string, string> = {},
): Promise<DirectAnswer> {
  return new Promise((resolve, reject) => {
    const sent = httpRequest({ host: '127.0.0.1', port, path, method, headers, agent: false }, (answered) => {
      const chunks: Buffer[] = []
      answered.on('data', (chunk: Buffer) => chunks.push(chunk))
      answered.once('error', reject)
      answered.once('end', () => {
        const head = [...answered.rawHeaders, ...answered.rawTrailers].join('\n')
        resolve({ status: answered.statusCode, head, headers: answered.headers, body: Buffer.concat(chunks) })
      })
    })
    sent.once('error', reject)
    sent.end()
  })
}
