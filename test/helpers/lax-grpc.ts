import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'

/** A service in HTTP/2 with one method that a rule forbids, `pamctl.test.Echo/Delete`. */
export interface LaxGrpc {
  readonly port: number
  /** Requests of which anything has come. */
  readonly heard: () => number
  /** Requests that have come to their end. */
  readonly whole: () => number
  stop(): void
}

/** What it says where that method is reached. */
export const DELETED = 'FORBIDDEN-REACHED'

/**
 * As lax as servers and the proxies in front of them are, all in one: it decodes paths, takes out dots, double slashes and parameters, looks at no letter case and at no
 * prefix, type or method, and goes by headers that name another method, path or person.
 */
export async function startLaxGrpc(): Promise<LaxGrpc> {
  let [heard, whole] = [0, 0]
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    heard++
    stream.on('error', () => {})
    stream.resume()
    stream.once('end', () => {
      if (stream.rstCode !== 0) return
      whole++
      stream.respond({ ':status': 200, 'content-type': 'text/plain' })
      stream.end(isForbidden(headers) ? DELETED : 'ordinary')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard,
    whole: () => whole,
    stop: () => void server.close(),
  }
}

function isForbidden(headers: IncomingHttpHeaders): boolean {
  const path = (headers['x-original-url'] ?? headers[':path'] ?? '').toString()
  const plain = decodeURIComponent(new URL(`/${path}`.replace(/^\/+/, '/'), 'http://any').pathname)
    .replace(/;.*$/, '')
    .replaceAll(/\/+/g, '/')
    .replace(/[\s\0./]+$/, '')
    .toLowerCase()
  return (
    plain.endsWith('/pamctl.test.echo/delete') ||
    headers['x-http-method-override'] === 'DELETE' ||
    headers['x-forwarded-user'] === 'root'
  )
}
