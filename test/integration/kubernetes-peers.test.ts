import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { kubernetesKinds } from '../../src/protocols/kubernetes/policy/kinds.ts'
import { makeCertificates } from '../helpers/certificates.ts'
import { throughGateway, type ClusterThroughGateway } from '../helpers/kubernetes-gateway.ts'
import { OPENSSL } from '../helpers/run.ts'

/** What a server says for each path of a pod, byte by byte. It is no API server, and wishes the gateway no good. */
type Script = (socket: TLSSocket, head: string) => void

const answer =
  (head: string, body = ''): Script =>
  (socket) =>
    socket.write(`HTTP/1.1 ${head}\r\n\r\n${body}`)
const POD = JSON.stringify({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { name: 'fine', annotations: { note: 'jo@example.com' } },
})
const JSON_TYPE = 'Content-Type: application/json\r\n'
const chunked = (body: string, trailers = ''): string =>
  `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailers}\r\n`
/** Writes until nobody listens any more. */
const forever =
  (head: string, piece: string): Script =>
  (socket) => {
    const more = (): void => {
      while (socket.writable && socket.write(piece));
    }
    socket.on('drain', more)
    socket.write(head)
    more()
  }

const SCRIPTS: Readonly<Record<string, Script>> = {
  fine: answer(`200 OK\r\n${JSON_TYPE}Content-Length: ${POD.length}`, POD),
  'switches-unasked': answer('101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: tunnel'),
  'endless-head': forever('HTTP/1.1 200 OK\r\n', `X-More: ${'x'.repeat(1000)}\r\n`),
  'too-short': (socket) => socket.end(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Length: 1000\r\n\r\n${POD}`),
  'two-lengths': answer(`200 OK\r\n${JSON_TYPE}Content-Length: 5\r\nContent-Length: 6`, '{}    '),
  'length-and-chunks': answer(`200 OK\r\n${JSON_TYPE}Content-Length: 5\r\nTransfer-Encoding: chunked`, chunked(POD)),
  'no-http': (socket) => socket.end('SSH-2.0-OpenSSH_9\r\n'),
  gone: (socket) => socket.destroy(),
  redirects: answer('302 Found\r\nLocation: https://evil.example/x\r\nContent-Length: 0'),
  'redirects-without-scheme': answer('307 Temporary Redirect\r\nLocation: //evil.example/x\r\nContent-Length: 0'),
  cookies: answer(
    `200 OK\r\n${JSON_TYPE}Set-Cookie: a=b\r\nWWW-Authenticate: Basic\r\nRefresh: 0; url=https://evil.example\r\nAccess-Control-Allow-Origin: *\r\nContent-Length: ${POD.length}`,
    POD,
  ),
  trailers: answer(
    `200 OK\r\n${JSON_TYPE}Transfer-Encoding: chunked\r\nTrailer: Set-Cookie`,
    chunked(POD, 'Set-Cookie: a=b\r\n'),
  ),
  'many-hints': answer(
    `103 Early Hints\r\n\r\n${'HTTP/1.1 103 Early Hints\r\n\r\n'.repeat(5000)}HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Length: ${POD.length}`,
    POD,
  ),
  'odd-header': (socket) =>
    socket.write(
      Buffer.from(
        `HTTP/1.1 200 OK\r\n${JSON_TYPE}Warning: 299 - "\xff\x01"\r\nContent-Length: ${POD.length}\r\n\r\n${POD}`,
        'latin1',
      ),
    ),
  // Of what is masked.
  'endless-object': forever(`HTTP/1.1 200 OK\r\n${JSON_TYPE}\r\n{"kind":"Pod","data":"`, 'x'.repeat(60_000)),
  'a-million-brackets': (socket) =>
    socket.end(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Connection: close\r\n\r\n{"kind":"Pod","a":${'['.repeat(1e6)}`),
  'deep-and-whole': answer(
    `200 OK\r\n${JSON_TYPE}Transfer-Encoding: chunked`,
    chunked(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`),
  ),
  compressed: (socket) => {
    const bomb = gzipSync(Buffer.alloc(10_000_000, 'jo@example.com '))
    socket.write(`HTTP/1.1 200 OK\r\n${JSON_TYPE}Content-Encoding: gzip\r\nContent-Length: ${bomb.length}\r\n\r\n`)
    socket.write(bomb)
  },
  'no-json': answer(`200 OK\r\n${JSON_TYPE}Content-Length: 16`, '\xff jo@example.com'.slice(0, 16)),
}

describe.skipIf(!OPENSSL)('a server that is no API server', () => {
  let directory: string
  let server: Server
  let through: ClusterThroughGateway
  /** What it was asked, head by head. */
  const asked: string[] = []
  let script: Script | undefined

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-k8s-peers-'))
    const { ca, certificate, key } = makeCertificates(directory)
    server = createServer(
      { cert: readFileSync(certificate), key: readFileSync(key), ALPNProtocols: ['http/1.1'] },
      (socket) => {
        socket.on('error', () => {})
        let text = ''
        socket.setEncoding('latin1').on('data', (piece: string) => {
          text += piece
          const at = text.indexOf('\r\n\r\n')
          if (at < 0) return
          const head = text.slice(0, at)
          const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
          if (text.length < at + 4 + length) return
          text = text.slice(at + 4 + length)
          asked.push(head)
          const name = /pods\/([\w-]+)/.exec(head)?.[1] ?? ''
          ;(script ?? SCRIPTS[name] ?? SCRIPTS['fine'])?.(socket, head)
        })
      },
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    through = await throughGateway(
      { port, ca, serviceAccount: () => Promise.resolve('a-token') },
      {
        commands: [{ name: 'anything', match: { kinds: kubernetesKinds, unknown: true }, allow: true }],
        masking: [{ name: 'addresses', kinds: ['email'], style: 'redact' }],
      },
    )
  })
  beforeEach(() => {
    asked.length = 0
    script = undefined
  })
  afterAll(async () => {
    await through?.stop()
    server?.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const get = (name: string, query = '') =>
    through.request('GET', `/api/v1/namespaces/dev/pods/${name}${query}`).catch((error: Error) => error)

  it.each<[string, RegExp]>([
    ['switches-unasked', /the target closed the connection/],
    ['endless-head', /k8s|target/],
    ['two-lengths', /k8s|target/],
    ['length-and-chunks', /k8s|target/],
    ['no-http', /k8s|target/],
    ['gone', /k8s|target/],
  ])('is given up where it %s, in a Status, and others are served', async (name, message) => {
    const [seen, other] = await Promise.all([get(name), get('fine')])
    expect(seen).toMatchObject({ headers: { 'content-type': 'application/json' } })
    const { status, body } = seen as { status: number; body: string }
    expect(status).toBeGreaterThanOrEqual(500)
    expect(JSON.parse(body)).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      message: expect.stringMatching(message) as string,
    })
    expect(other).toMatchObject({ status: 200 })
  })

  it.each(['too-short', 'endless-object', 'a-million-brackets', 'deep-and-whole', 'compressed', 'no-json'])(
    'has no answer taken for whole that is %s, and nothing of it is seen',
    async (name) => {
      const [seen, other] = await Promise.all([get(name), get('fine')])
      // Either it is cut off, or refused in a Status.
      if (!(seen instanceof Error)) expect((seen as { status: number }).status).not.toBe(200)
      expect(JSON.stringify(seen)).not.toContain('jo@example.com')
      expect(other).toMatchObject({ status: 200 })
    },
  )

  it.each(['redirects', 'redirects-without-scheme', 'cookies', 'trailers', 'many-hints', 'odd-header'])(
    'sends nobody elsewhere, and sets nothing: %s',
    async (name) => {
      const seen = await get(name)
      const { headers = {} } = seen as { headers?: Record<string, unknown> }
      const foreign = Object.keys(headers).filter((header) =>
        /location|cookie|authenticate|refresh|access-control|trailer/.test(header),
      )
      expect(foreign).toEqual([])
      expect(asked.length).toBe(1)
    },
  )

  it('gets a token that was replaced meanwhile, once, for what changes nothing', async () => {
    const place = join(through.directory, 'token')
    const refusing =
      (next: string): Script =>
      (socket, head) => {
        const isNew = head.includes(`Bearer ${next}`)
        if (!isNew) writeFileSync(place, next)
        ;(isNew ? SCRIPTS['fine'] : answer('401 Unauthorized\r\nContent-Length: 2', '{}'))?.(socket, head)
      }
    const tokens = (): string[] => asked.map((head) => /Bearer (\S+)/.exec(head)?.[1] ?? '')
    script = refusing('second')
    expect(await get('fine')).toMatchObject({ status: 200 })
    expect(tokens()).toEqual(['a-token', 'second'])

    asked.length = 0
    script = refusing('third')
    const created = await through.request('POST', '/api/v1/namespaces/dev/configmaps', {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }),
    })
    expect(created).toMatchObject({ status: 503 })
    expect(created.body).toContain("did not accept the gateway's credential")
    expect(tokens()).toEqual(['second'])

    // One that nobody replaces is sent once.
    asked.length = 0
    script = answer('401 Unauthorized\r\nContent-Length: 2', '{}')
    expect(await get('fine')).toMatchObject({ status: 503 })
    expect(tokens()).toEqual(['third'])
  })
})
