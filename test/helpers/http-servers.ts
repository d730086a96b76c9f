import { spawn, type ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fastify from 'fastify'
import { freePort } from '../../src/demo/local-postgres.ts'
import { findProgram } from '../../src/shared/find-program.ts'
import { eventually } from './gateway-client.ts'
import { ROOT } from './run.ts'
import { GO_MUX, hasProgram, PYTHON } from './test-clients.ts'

export type ServerName = 'node' | 'lenient node' | 'fastify' | 'http.server' | 'Django' | 'Go' | 'PHP' | 'nginx'

/** Services of several makes with the same places that a rule forbids: `DELETE /api/orders/{id}` and `/admin/**` among them. */
export interface HttpServers {
  readonly ports: ReadonlyMap<ServerName, number>
  stop(): Promise<void>
}

/** What they say in such a place. */
export const REACHED = 'FORBIDDEN-REACHED'

const FIXTURES = join(ROOT, 'test', 'fixtures', 'http')
export const NGINX = findProgram('nginx', process.env, ['/usr/sbin'])
export const MISSING: readonly string[] = [
  ...(PYTHON === undefined ? ['Python'] : []),
  ...(GO_MUX === undefined ? ['go-mux'] : []),
  ...(hasProgram('php') ? [] : ['PHP']),
  ...(NGINX === undefined ? ['nginx'] : []),
]

export async function startHttpServers(): Promise<HttpServers> {
  const place = mkdtempSync(join(tmpdir(), 'pamctl-test-servers-'))
  const children: ChildProcess[] = []
  const ended: Promise<unknown>[] = []
  const node = createServer((request, response) => void answer(request, response))
  const lenient = createServer(
    { insecureHTTPParser: true, requireHostHeader: false },
    (request, response) => void answer(request, response),
  )
  for (const server of [node, lenient]) await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const routed = await startFastify()
  const start = (program: string, args: readonly string[]): ChildProcess => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    children.push(child)
    ended.push(new Promise((resolve) => child.once('close', resolve)))
    return child
  }
  const [php, nginx] = [await freePort(), await freePort()]
  for (const folder of ['body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']) mkdirSync(join(place, folder))
  const config = readFileSync(join(FIXTURES, 'nginx.conf'), 'utf8').replaceAll('PLACE', place)
  writeFileSync(join(place, 'nginx.conf'), config.replace(':PORT', `:${nginx}`))
  const python = start(PYTHON as string, [join(FIXTURES, 'servers.py')])
  const go = start(GO_MUX as string, [])
  start('php', ['-q', '-d', 'display_errors=0', '-S', `127.0.0.1:${php}`, '-t', join(FIXTURES, 'php')]).stdout?.resume()
  start(NGINX as string, ['-e', 'stderr', '-c', join(place, 'nginx.conf')])
  const [[filesPort = 0, djangoPort = 0], [goPort = 0]] = await Promise.all([portsSaidBy(python), portsSaidBy(go)])
  await Promise.all([listens(php), listens(nginx)])
  return {
    ports: new Map([
      ['node', (node.address() as AddressInfo).port],
      ['lenient node', (lenient.address() as AddressInfo).port],
      ['fastify', (routed.server.address() as AddressInfo).port],
      ['http.server', filesPort],
      ['Django', djangoPort],
      ['Go', goPort],
      ['PHP', php],
      ['nginx', nginx],
    ]),
    async stop() {
      for (const child of children) child.kill()
      for (const server of [node, lenient]) {
        server.closeAllConnections()
        server.close()
      }
      await routed.close()
      await Promise.all(ended)
      rmSync(place, { recursive: true, force: true })
    },
  }
}

/** What a server prints first. */
export async function portsSaidBy(child: ChildProcess): Promise<number[]> {
  let text = ''
  for await (const piece of child.stdout ?? []) {
    text += String(piece)
    if (text.includes('\n')) break
  }
  return text.trim().split(' ').map(Number)
}

/** Resolves once somebody listens there. */
export const listens = (port: number): Promise<true> =>
  eventually(
    () =>
      new Promise<true | undefined>((resolve) => {
        const socket = connect(port, '127.0.0.1', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => resolve(undefined))
      }),
    `a server listens on ${port}`,
  )

/** As is written by hand with WHATWG URLs: the path decoded, in small letters, what IIS and Symfony take from headers, method-override. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = ''
  for await (const chunk of request) body += String(chunk)
  const { method: sent = '', headers } = request
  const header = (name: string): string | undefined => headers[name]?.toString()
  const url = new URL(header('x-original-url') ?? header('x-rewrite-url') ?? request.url ?? '', 'http://any')
  let path: string
  try {
    path = decodeURIComponent(url.pathname).toLowerCase()
  } catch {
    path = url.pathname
  }
  const fields = new URLSearchParams(body)
  const named = (name: string): string | undefined => fields.get(name) ?? url.searchParams.get(name) ?? undefined
  const override = header('x-http-method-override') ?? header('x-http-method') ?? header('x-method-override')
  const method = (sent === 'POST' ? (override ?? named('_method') ?? named('[_method]')) : undefined) ?? sent
  const isForbidden =
    (method.toUpperCase() === 'DELETE' && /^\/api\/orders\/[^/]+\/?$/.test(path)) ||
    /^\/admin(?:\/|$)/.test(path) ||
    (header('x-forwarded-prefix') ?? '').startsWith('/admin') ||
    (path === '/api/status' && said(body) === 'cancelled') ||
    (path === '/api/jobs' && /^(?:true|1|yes|on|)$/i.test(named('force') ?? named('force[]') ?? 'no'))
  response.end(isForbidden ? REACHED : 'ordinary')
}

function said(body: string): unknown {
  try {
    return [(JSON.parse(body.trim()) as { status?: unknown }).status].flat()[0]
  } catch {
    return undefined
  }
}

/** A router, as lax as it can be told to be. */
async function startFastify() {
  const server = fastify({
    useSemicolonDelimiter: true,
    routerOptions: { caseSensitive: false, ignoreTrailingSlash: true, ignoreDuplicateSlashes: true },
  })
  server.removeAllContentTypeParsers()
  server.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  server.all('/*', () => 'ordinary')
  server.delete('/api/orders/:id', () => REACHED)
  server.all('/admin', () => REACHED)
  server.all('/admin/*', () => REACHED)
  await server.listen({ host: '127.0.0.1', port: 0 })
  return server
}
