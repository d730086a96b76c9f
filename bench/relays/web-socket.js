// A bare WebSocket tunnel with the package that pamctl uses: what our own design costs before it does anything.
//   web-socket.js exit PORT TARGET_PORT [CERTIFICATE KEY]     the gateway's place
//   web-socket.js entry PORT EXIT_PORT [CERTIFICATE]          the agent's place
import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { connect, createServer } from 'node:net'
import WebSocket, { WebSocketServer } from 'ws'

const [role, port, other, certificate, key] = process.argv.slice(2)
const BINARY = { binary: true }
const HIGH_WATER = 256 * 1024

if (role === 'exit') {
  const server =
    certificate === undefined
      ? createHttpServer()
      : createHttpsServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  const sockets = new WebSocketServer({ server, perMessageDeflate: false })
  sockets.on('connection', (tunnel) => {
    const upstream = connect({ port: Number(other), host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
    join(tunnel, upstream)
  })
  server.listen(Number(port), '127.0.0.1')
} else {
  createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
    client.setNoDelay(true)
    const tunnel = new WebSocket(`${certificate === undefined ? 'ws' : 'wss'}://127.0.0.1:${other}/`, {
      perMessageDeflate: false,
      ...(certificate === undefined ? {} : { ca: readFileSync(certificate) }),
    })
    tunnel.on('error', () => client.destroy())
    tunnel.on('open', () => {
      join(tunnel, client)
      client.resume()
    })
  }).listen(Number(port), '127.0.0.1')
}

function join(tunnel, socket) {
  const sent = () => {
    if (tunnel.bufferedAmount < HIGH_WATER / 4) socket.resume()
  }
  socket.on('data', (bytes) => {
    tunnel.send(bytes, BINARY, sent)
    if (tunnel.bufferedAmount > HIGH_WATER) socket.pause()
  })
  tunnel.on('message', (bytes) => {
    if (!socket.write(bytes)) tunnel.pause()
  })
  socket.on('drain', () => tunnel.resume())
  socket.on('end', () => tunnel.close())
  socket.on('error', () => tunnel.terminate())
  socket.on('close', () => tunnel.close())
  tunnel.on('close', () => socket.end())
  tunnel.on('error', () => socket.destroy())
}
