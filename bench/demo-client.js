import { createServer } from 'node:net'
import { forward } from '../dist/agent/forward.js'
import { Browser } from '../dist/demo/browser.js'
import { DEMO_PEOPLE } from '../dist/demo/setup.js'
import { createApiClient } from '../dist/gateway-client/api-client.js'
import { signInWithDevice } from '../dist/gateway-client/login.js'
import { createProver } from '../dist/gateway-client/prover.js'
import { openTunnel, tunnelUrl } from '../dist/gateway-client/tunnel.js'
import { socketChannel } from '../dist/shared/socket-channel.js'

/** Jane, signed in to a demo gateway without an agent. */
export async function signInToDemo(gateway) {
  let session = await openSession(gateway)
  // Identity tokens of the evaluation provider are short-lived, and there is no agent here that renews them.
  setInterval(() => void openSession(gateway).then((next) => (session = next)), 240_000).unref()
  return { gateway, headers: (method, url) => session(method, url) }
}

async function openSession(gateway) {
  const prover = await createProver()
  const discovery = await createApiClient({ gateway, fetch }).discover()
  const tokens = await signInWithDevice(discovery, {
    fetch,
    fresh: true,
    signal: AbortSignal.timeout(20_000),
    show: ({ completeUrl }) => void new Browser().signIn(completeUrl ?? '', DEMO_PEOPLE.jane),
  })
  const authorize = async (method, url) => ({ dpop: await prover.prove(method, url) })
  const { accessToken } = await createApiClient({ gateway, fetch, authorize }).token(tokens.identityToken)
  return async (method, url) => ({
    authorization: `DPoP ${accessToken}`,
    dpop: await prover.prove(method, url, accessToken),
  })
}

/** A loopback port that forwards to a target as this person, as the agent does. */
export async function openGatewayPort(person, target) {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    forward(socketChannel(socket), {
      protocol: 'postgres',
      open: async () =>
        openTunnel(person.gateway, target, {
          headers: await person.headers('GET', tunnelUrl(person.gateway, target)),
          ca: undefined,
        }),
      tell: () => {},
      failed: () => {},
      closed: () => {},
    })
  })
  await new Promise((done) => server.listen(0, '127.0.0.1', done))
  return server.address().port
}
