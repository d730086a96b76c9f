import { createServer } from 'node:net'
import { forward } from '../dist/agent/forward.js'
import { SharedTunnel } from '../dist/gateway-client/shared-tunnel.js'
import { localHalves } from '../dist/protocols/local.js'
import { socketChannel } from '../dist/shared/socket-channel.js'
import { headersAs } from './lib/api.js'

/** Jane, signed in to a demo gateway without an agent. */
export async function signInToDemo(gateway) {
  let headers = await headersAs('jane', gateway, fetch)
  // Identity tokens of the evaluation provider are short-lived, and there is no agent here that renews them.
  setInterval(() => void headersAs('jane', gateway, fetch).then((next) => (headers = next)), 240_000).unref()
  return { gateway, headers: (method, url) => headers(method, url) }
}

/** A loopback port that forwards to a target as this person, as the agent does: all its connections share one tunnel. */
export async function openGatewayPort(person, target) {
  const tunnel = new SharedTunnel({ gateway: person.gateway, ca: undefined, authorize: person.headers })
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    forward(socketChannel(socket), {
      protocol: localHalves.postgres,
      open: () => tunnel.open(target),
      tell: () => {},
      failed: () => {},
      closed: () => {},
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return server.address().port
}
