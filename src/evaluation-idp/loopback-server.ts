import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A server of one of the evaluation's providers, on loopback alone: nobody else reaches it, whatever is configured. */
export interface LoopbackServer {
  readonly server: Server
  /** Without a slash at its end. */
  readonly origin: string
  close(this: void): Promise<void>
}

/** Listens on 127.0.0.1; port 0 picks a free one. Rejects where the port is taken. */
export async function listenOnLoopback(port: number): Promise<LoopbackServer> {
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => resolve())
  })
  return {
    server,
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

/** The fields of a form. Throws where it is too long. */
export async function readForm(request: IncomingMessage, maxLength = 10_000): Promise<URLSearchParams> {
  let body = ''
  for await (const chunk of request) {
    body += String(chunk)
    if (body.length > maxLength) throw new Error('the form is too long')
  }
  return new URLSearchParams(body)
}

/** Of a page that loads nothing. `formAction` is what its forms may be sent to, and `script` what it may run, as sources of CSP. */
export const htmlHeaders = (formAction: string, script = "'none'"): Record<string, string> => ({
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'unsafe-inline'; script-src ${script}; form-action ${formAction}; frame-ancestors 'none'`,
  'cache-control': 'no-store',
})

/** As long as the gateway's: clients that use a connection again must not meet one that is being closed. */
const KEEP_ALIVE_MS = 72_000
