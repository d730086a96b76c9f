import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { constants, brotliCompressSync, gzipSync } from 'node:zlib'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { PamError } from '../shared/errors.ts'

/** A file of the dashboard; the forms that it is sent in are made when somebody first asks for them, and kept in memory. */
interface Asset {
  readonly type: string
  readonly etag: string
  readonly plain: Buffer
  readonly gzip: () => Buffer
  readonly brotli: () => Buffer
}

/** Answers what no route is for. */
type SendNotFound = (reply: FastifyReply) => Promise<unknown>

/**
 * The dashboard: its files, and its first page for every path of its own. Nothing of anybody's is in them: who opens them
 * without being signed in sees that they must sign in.
 */
export function serveWebApp(app: FastifyInstance, directory: string, notFound: SendNotFound): void {
  const files = existsSync(directory) ? readdirSync(directory, { recursive: true, encoding: 'utf8' }) : []
  const assets = new Map(
    files.filter((file) => extname(file) !== '').map((file) => [`/${file}`, loadAsset(join(directory, file))]),
  )
  const index = assets.get('/index.html')

  const send = (request: FastifyRequest, reply: FastifyReply, asset: Asset, cache: string): FastifyReply => {
    void reply.header('cache-control', cache).header('etag', asset.etag).header('vary', 'accept-encoding')
    if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send()
    const accepted = request.headers['accept-encoding'] ?? ''
    void reply.type(asset.type)
    if (/\bbr\b/.test(accepted)) return reply.header('content-encoding', 'br').send(asset.brotli())
    if (/\bgzip\b/.test(accepted)) return reply.header('content-encoding', 'gzip').send(asset.gzip())
    return reply.send(asset.plain)
  }

  const page = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    if (index === undefined)
      throw new PamError('NOT_FOUND', 'this gateway was built without the dashboard', {
        hint: 'build it: npm run build',
      })
    return send(request, reply.header('content-security-policy', CONTENT_SECURITY_POLICY), index, 'no-store')
  }
  const options = { config: { public: true, rateLimit: false as const }, schema: { hide: true } }
  for (const path of PAGES) app.get(path, options, page)
  // Who mistypes an address gets the dashboard's own page that says so; programs get an error that they can read.
  app.setNotFoundHandler((request, reply) =>
    index !== undefined && isNavigation(request) ? page(request, reply.code(404)) : notFound(reply),
  )
  for (const [path, asset] of assets) {
    if (path === '/index.html') continue
    // Names of built files carry a digest of what is in them.
    const cache = path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'public, max-age=3600'
    app.get(path, options, async (request, reply) => send(request, reply, asset, cache))
  }
}

/** Whether a browser opens it as a page, by Fetch Metadata or, in browsers without it, by what it accepts. */
function isNavigation({ method, url, headers }: FastifyRequest): boolean {
  if (method !== 'GET' || NO_PAGE.test(url)) return false
  const mode = headers['sec-fetch-mode']
  return mode === undefined ? (headers.accept ?? '').includes('text/html') : mode === 'navigate'
}

/** Paths for programs. */
const NO_PAGE = /^\/(?:v\d+|auth|oauth|scim|saml|assets|\.well-known)(?:\/|\?|$)/

/** On every answer, of the API as well: nothing is framed, sniffed, referred from or read by other origins. */
export function securityHeaders(isSecure: boolean): Readonly<Record<string, string>> {
  return {
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
    // An answer of the API that somebody opens as a page does nothing.
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    ...(isSecure ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  }
}

/** The player of terminals is WebAssembly: that is compiled, and no script from a text. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "font-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** The paths of web/app/routes.ts. */
export const PAGES = [
  '/',
  '/reviews/*',
  '/live',
  '/live/*',
  '/sessions',
  '/sessions/*',
  '/access',
  '/locks',
  '/policy',
  '/audit',
  '/account',
]

function loadAsset(file: string): Asset {
  const plain = readFileSync(file)
  return {
    type: TYPES[extname(file)] ?? 'application/octet-stream',
    etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
    plain,
    gzip: once(() => gzipSync(plain, { level: 9 })),
    brotli: once(() => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } })),
  }
}

function once<T>(make: () => T): () => T {
  let made: T | undefined
  return () => (made ??= make())
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
}
