import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** A request as the application has had it. */
export interface AppRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface WebApplication {
  readonly port: number
  /** In order. */
  readonly seen: AppRequest[]
  stop(): Promise<void>
}

/** A small web application as many are: pages, a script that fetches, forms with a token, cookies, a download; nobody signs in to it. */
export async function startWebApplication(name: string): Promise<WebApplication> {
  const seen: AppRequest[] = []
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const { method = '', url = '', headers } = request
      seen.push({ method, url, headers, body })
      const { pathname, searchParams } = new URL(url, 'http://application')
      const send = (type: string, content: string | Buffer, more: Record<string, string | string[]> = {}): void => {
        response.writeHead(200, { 'content-type': type, ...more }).end(content)
      }
      const page = (content: string, more: Record<string, string | string[]> = {}): void =>
        send('text/html; charset=utf-8', `<!doctype html><title>${name}</title><h1>${name}</h1>${content}`, more)
      switch (pathname) {
        case '/':
          return page(
            `<p id="who">${headers.cookie ?? 'no cookies'}</p><p id="items"></p><a href="/orders/17?view=full">order</a>
<form method="post" action="/orders"><input name="item" value="tea"><button>Order</button></form>
<form method="post" action="/orders/17/cancel"><input type="hidden" name="why" value="by &quot;mistake&quot;"><button>Cancel</button></form>
<a id="file" href="/report.bin">report</a><script src="/app.js"></script>`,
            { 'set-cookie': ['theme=dark; Path=/; HttpOnly', 'visits=1; Max-Age=600'] },
          )
        case '/app.js':
          return send(
            'text/javascript',
            "fetch('/api/items').then(r => r.json()).then(i => { document.getElementById('items').textContent = i.items.join() })",
          )
        case '/api/items':
          return send('application/json', JSON.stringify({ items: ['tea', 'cake'], cookies: headers.cookie ?? '' }))
        case '/orders':
          if (method === 'POST') return void response.writeHead(303, { location: '/orders/18' }).end()
          return page('<p>orders</p>')
        case '/tosses':
          return page('<p>tossed</p>', {
            'set-cookie': searchParams.getAll('cookie'),
            'clear-site-data': '"cookies"',
            'access-control-allow-origin': '*',
            'strict-transport-security': 'max-age=1; includeSubDomains; preload',
            'service-worker-allowed': '/',
            'cache-control': 'public, max-age=3600',
            'x-kept': 'yes',
          })
        case '/away':
          return void response.writeHead(302, { location: searchParams.get('to') ?? '' }).end()
        case '/report.bin':
          return send('application/octet-stream', Buffer.from(REPORT), {
            'content-disposition': 'attachment; filename="report.bin"',
          })
        case '/secret':
          return page(`<p>${headers.authorization ?? ''}</p>`)
        default:
          return page(`<p id="place">${method} ${url}</p><p id="sent">${body.replaceAll('<', '')}</p>`)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    seen,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const REPORT = Array.from({ length: 4096 }, (_, at) => at % 256)
