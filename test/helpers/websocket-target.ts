import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { WebSocketServer, type WebSocket } from 'ws'
import { acceptOf } from '../../src/protocols/http/wire/websocket-handshake.ts'

export interface WebSocketTarget {
  readonly port: number
  /** The requests for WebSockets that have reached it, in order. */
  readonly asked: IncomingMessage[]
  /** Those that are open, in order, and what each has heard. */
  readonly sockets: WebSocket[]
  readonly heard: string[]
  stop(): Promise<void>
}

/** A service with WebSockets (the library ws) that does what its path says, and a stream of events at /events. Below /raw it answers by hand. */
export async function startWebSocketTarget(): Promise<WebSocketTarget> {
  const asked: IncomingMessage[] = []
  const sockets: WebSocket[] = []
  const heard: string[] = []
  const open = new Set<Duplex>()
  const server = createServer((request, response) => {
    asked.push(request)
    if (request.url === '/events') {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      return void response.write('data: begun\n\n')
    }
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.end(`not a WebSocket: ${request.url}`)
  })
  const sockServer = new WebSocketServer({ noServer: true, perMessageDeflate: true })
  server.on('connection', (socket: Socket) => {
    open.add(socket)
    socket.on('error', () => {})
  })
  server.on('upgrade', (request, socket, head) => {
    asked.push(request)
    const path = new URL(request.url ?? '', 'http://target').pathname
    if (path.startsWith('/raw/')) return answerByHand(path, request, socket)
    sockServer.handleUpgrade(request, socket, head, (webSocket) => {
      sockets.push(webSocket)
      webSocket.on('message', (data: Buffer, isBinary) => {
        heard.push(isBinary ? `\\x${data.toString('hex')}` : data.toString('utf8'))
        if (path.endsWith('/echo')) webSocket.send(data, { binary: isBinary })
      })
      webSocket.on('error', () => {})
      begin(path, webSocket, request)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    sockets,
    heard,
    async stop() {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function begin(path: string, socket: WebSocket, { headers }: IncomingMessage): void {
  const credential = headers.authorization ?? ''
  switch (path) {
    case '/ws/credential':
      socket.send(`it is ${credential}`)
      socket.send(Buffer.from(`it is ${credential}`))
      socket.send(JSON.stringify({ credential: Buffer.from(credential).toString('base64') }))
      socket.ping(credential)
      return socket.close(4000, credential)
    case '/ws/customers':
      socket.send('{"name":"Jane","email":"jane.roe@example.org","card":4111111111111111}')
      return socket.send('jane.roe@example.org has called')
    case '/ws/picture':
      socket.send('before')
      return socket.send(Buffer.from([0x89, 0x50]))
  }
}

/** Answers that a server should not give. */
function answerByHand(path: string, { headers }: IncomingMessage, socket: Duplex): void {
  const say = (...lines: readonly string[]): unknown => socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  const accept = `Sec-WebSocket-Accept: ${acceptOf(headers['sec-websocket-key'] ?? '')}`
  const switching = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade']
  switch (path) {
    case '/raw/ok':
      return void say('HTTP/1.1 200 OK', 'Content-Length: 6', '', 'secret')
    case '/raw/426':
      return void say('HTTP/1.1 426 Upgrade Required', 'Upgrade: websocket', 'Content-Length: 5', '', 'never')
    case '/raw/other-key':
      return void say(...switching, 'Upgrade: websocket', 'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=')
    case '/raw/other-protocol':
      return void say(...switching, 'Upgrade: h2c', accept)
    case '/raw/extension':
      return void say(...switching, 'Upgrade: websocket', accept, 'Sec-WebSocket-Extensions: permessage-deflate')
    case '/raw/subprotocol':
      return void say(...switching, 'Upgrade: websocket', accept, 'Sec-WebSocket-Protocol: never-offered')
    case '/raw/compressed':
      say(...switching, 'Upgrade: websocket', accept)
      return void socket.write(Buffer.from('c10548656c6c6f', 'hex'))
    case '/raw/gone':
      say(...switching, 'Upgrade: websocket', accept)
      return void socket.end()
    case '/raw/no-answer':
      return
    default:
      socket.destroy()
  }
}
