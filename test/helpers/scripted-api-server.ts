import { readFileSync } from 'node:fs'
import type { RequestListener } from 'node:http'
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Socket } from 'node:net'
import { buffer } from 'node:stream/consumers'
import type { TestCertificates } from './certificates.ts'

export interface ScriptedRequest {
  readonly version: string
  readonly method: string
  readonly target: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** A server that answers as a test says, over HTTP/2 and HTTP/1.1, and keeps what it was asked. */
export interface ScriptedApiServer {
  readonly port: number
  readonly requests: ScriptedRequest[]
  /** Sockets that are open. */
  readonly sockets: ReadonlySet<Socket>
  close(): Promise<void>
}

/** Answers, or leaves it unanswered. */
export type Script = (request: ScriptedRequest, response: Http2ServerResponse) => void

export async function startScriptedApiServer(
  certificates: TestCertificates,
  script: Script,
  protocols: readonly ['h2', 'http/1.1'] | readonly ['http/1.1'] = ['h2', 'http/1.1'],
): Promise<ScriptedApiServer> {
  const requests: ScriptedRequest[] = []
  const sockets = new Set<Socket>()
  const keys = { cert: readFileSync(certificates.certificate), key: readFileSync(certificates.key) }
  const serve = (request: Http2ServerRequest, response: Http2ServerResponse): void => {
    void buffer(request).then(
      (body) => {
        const { httpVersion: version, method, url: target, headers } = request
        const asked = { version, method, target, headers, body }
        requests.push(asked)
        script(asked, response)
      },
      () => {},
    )
  }
  // The one of HTTP/1.1 has the same methods, as far as scripts use them.
  const server: Http2SecureServer | HttpsServer =
    protocols[0] === 'h2'
      ? createSecureServer({ ...keys, allowHTTP1: true }, serve)
      : createHttpsServer(keys, serve as unknown as RequestListener)
  server.on('secureConnection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    sockets,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve))
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
