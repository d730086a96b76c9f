import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'

/** A request as the target has had it. */
export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  /** Resolves when it has come, with what came of it. */
  readonly body: Promise<{ readonly bytes: number; readonly sha256: string; readonly text: string }>
  readonly closed: Promise<void>
}

export interface HttpTestTarget {
  readonly port: number
  /** In order. */
  readonly seen: SeenRequest[]
  stop(): Promise<void>
}

/** A service that does what its path says. */
export async function startHttpTarget(): Promise<HttpTestTarget> {
  const seen: SeenRequest[] = []
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request
    const closed = new Promise<void>((resolve) => response.once('close', resolve))
    const body = collect(request)
    seen.push({ method, url, headers, body, closed })
    void answer(request, response, body)
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

async function collect(request: IncomingMessage): ReturnType<() => SeenRequest['body']> {
  const hash = createHash('sha256')
  let [bytes, text] = [0, '']
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk)
      bytes += chunk.length
      if (text.length < 65_536) text += chunk.toString('latin1')
    }
  } catch {
    text = '(cut off)'
  }
  return { bytes, sha256: hash.digest('hex'), text }
}

async function answer(request: IncomingMessage, response: ServerResponse, body: SeenRequest['body']): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? '', 'http://target')
  const json = (value: unknown, headers: Record<string, string | string[]> = {}): void => {
    const text = JSON.stringify(value)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length, ...headers })
    response.end(text)
  }
  const { socket } = request
  switch (pathname) {
    case '/echo':
      return json({ method: request.method, url: request.url, headers: request.headers, body: (await body).text })
    case '/echo/base64': {
      const text = `who asks: ${request.headers.authorization}.`
      response.setHeader('x-repeated', text)
      return void response.end(Buffer.from(text).toString('base64'))
    }
    case '/echo/pieces':
      // In pieces of one byte each.
      response.writeHead(200, { 'content-type': 'text/plain' })
      for (const letter of `<${request.headers.authorization}>`) response.write(letter)
      return void response.end()
    case '/echo/gzip': {
      response.writeHead(200, { 'content-type': 'text/plain', 'content-encoding': 'gzip', etag: '"1"' })
      return void response.end(gzipSync(`it is ${request.headers.authorization}`))
    }
    case '/hashed':
      return json(await body)
    case '/redirect':
      response.writeHead(302, { location: searchParams.get('to') ?? '' })
      return void response.end()
    case '/signs-in':
      return json({}, { 'set-cookie': ['session=1', 'other=2'], 'alt-svc': 'h3=":1"', 'x-kept': '1' })
    case '/unauthorized':
      response.writeHead(401, { 'www-authenticate': 'Basic realm="target"' })
      return void response.end('sign in')
    case '/empty':
      response.writeHead(204)
      return void response.end()
    case '/unchanged':
      response.writeHead(304, { etag: '"1"' })
      return void response.end()
    case '/events':
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return void response.write('data: first\n\n')
    case '/big': {
      const size = Number(searchParams.get('bytes'))
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': size })
      const chunk = Buffer.alloc(65_536, 'x')
      for (let left = size; left > 0; left -= chunk.length)
        if (!response.write(chunk.subarray(0, Math.min(left, chunk.length))))
          await new Promise((resolve) => {
            response.once('drain', resolve)
            response.once('close', resolve)
          })
      return void response.end()
    }
    case '/short':
      response.writeHead(200, { 'content-length': 1000 })
      response.write('not a thousand bytes')
      return void setImmediate(() => socket.destroySoon())
    case '/reset':
      return void socket.resetAndDestroy()
    case '/not-http':
      socket.write('220 mail.example.com ESMTP\r\n\r\n')
      return void socket.end()
    case '/switches':
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n')
      return
    case '/body-with-204':
      socket.write('HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello')
      return
    case '/customers':
      return json({ customers: [{ name: 'Jane', email: 'jane.roe@example.org', card: 4111111111111111 }] })
    case '/picture':
      response.writeHead(200, { 'content-type': 'image/png', etag: '"p"' })
      return void response.end(Buffer.from([0x89, 0x50, 0x4e, 0x47]))
    default:
      return json({ reached: `${request.method} ${request.url}` })
  }
}
