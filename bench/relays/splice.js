// The least that a hop can do in Node: bytes from one socket to another, by hand. `splice.js PORT TARGET_PORT`
import { connect, createServer } from 'node:net'

const [port, target] = process.argv.slice(2).map(Number)

createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
  const upstream = connect({ port: target, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
  client.setNoDelay(true)
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ]) {
    from.on('data', (bytes) => {
      if (!to.write(bytes)) from.pause()
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
    to.on('drain', () => from.resume())
  }
  client.resume()
}).listen(port, '127.0.0.1')
