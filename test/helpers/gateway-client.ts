import { connect, createServer, type AddressInfo, type Server } from 'node:net'
import { getCurrentTest } from 'vitest/suite'
import { localHalves } from '../../src/protocols/local.ts'
import { forward } from '../../src/agent/forward.ts'
import type { ProtocolName } from '../../src/protocols/names.ts'
import { PamError } from '../../src/shared/errors.ts'
import { Browser } from '../../src/demo/browser.ts'
import { DEMO_PEOPLE, DEMO_SERVICE } from '../../src/demo/setup.ts'
import { answerReader } from '../../src/gateway-client/answer-reader.ts'
import { createApiClient, type ApiClient } from '../../src/gateway-client/api-client.ts'
import type { SignInIssuer } from '../../src/api/schemas/identity.ts'
import { issuersOf } from '../../src/gateway-client/sign-in-issuers.ts'
import { signInWithDevice } from '../../src/gateway-client/login.ts'
import type { SignIn } from '../../src/shared/identity-provider.ts'
import { createProver, type Prover } from '../../src/gateway-client/prover.ts'
import { openTunnel, tunnelUrl } from '../../src/gateway-client/tunnel.ts'
import type { Token } from '../../src/api/schemas/identity.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import type { TunnelChannel, TunnelFrame } from '../../src/tunnel/web-socket-channel.ts'
import { HOOK_TIMEOUT } from './timeouts.ts'

/** Somebody who is signed in, without an agent: tests hold the key and the tokens in their hands. */
export interface SignedIn {
  readonly gateway: string
  readonly prover: Prover
  readonly tokens: SignIn
  token: Token
  readonly api: ApiClient
  headers(method: string, url: string): Promise<Record<string, string>>
  exchange(identityToken: string): Promise<Token>
}

export async function signIn(gateway: string, who: keyof typeof DEMO_PEOPLE): Promise<SignedIn> {
  const discovery = await createApiClient({ gateway, fetch, answers: answerReader() }).discover()
  let signedIn: Promise<unknown> | undefined
  const tokens = await signInWithDevice(issuersOf(discovery)[0] as SignInIssuer, {
    // A command line asks once a second whether the person has signed in. Here that is known, so it asks once, at that moment.
    fetch: async (input, init) => {
      await signedIn
      const response = await fetch(input, init)
      if (!String(input).endsWith('/device/auth') || !response.ok) return response
      return Response.json({ ...((await response.json()) as object), interval: 0.001 }, { headers: response.headers })
    },
    fresh: true,
    signal: new AbortController().signal,
    show: ({ completeUrl }) => {
      signedIn = new Browser().signIn(completeUrl ?? '', DEMO_PEOPLE[who])
      signedIn.catch(() => {})
    },
  })
  return withTokens(gateway, tokens)
}

export async function withTokens(gateway: string, tokens: SignIn, prover?: Prover): Promise<SignedIn> {
  const key = prover ?? (await createProver())
  const exchange = (identityToken: string): Promise<Token> =>
    createApiClient({
      gateway,
      fetch,
      authorize: async (method, url) => ({ dpop: await key.prove(method, url) }),
      answers: answerReader(),
    }).token(identityToken)
  const person = {
    gateway,
    prover: key,
    tokens,
    token: await exchange(tokens.identityToken),
    exchange,
    headers: async (method: string, url: string) => ({
      authorization: `DPoP ${person.token.accessToken}`,
      dpop: await key.prove(method, url, person.token.accessToken),
    }),
    api: undefined as unknown as ApiClient,
  }
  person.api = createApiClient({
    gateway,
    fetch,
    authorize: (method, url) => person.headers(method, url),
    answers: answerReader(),
  })
  return person
}

/** A token of the demo's service, as a CI system would give one to a job. */
export async function serviceToken(issuer: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${DEMO_SERVICE.id}:${DEMO_SERVICE.secret}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await response.json()) as { access_token: string }).access_token
}

/** A request that is approved: a grant. */
export async function grantFor(
  requester: SignedIn,
  approver: SignedIn,
  target: string,
  lengthMs = 600_000,
): Promise<string> {
  const request = await requester.api.requests.create({ target, reason: 'test', lengthMs })
  const { grant } = await approver.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })
  return grant?.id ?? ''
}

export async function tunnel(person: SignedIn, target: string): Promise<TunnelChannel> {
  return openTunnel(person.gateway, target, {
    headers: await person.headers('GET', tunnelUrl(person.gateway, target)),
    ca: undefined,
  })
}

export interface Port {
  readonly port: number
  readonly frames: TunnelFrame[]
  /** Why connections were refused or cut off, where that was not the gateway's doing. */
  readonly failures: PamError[]
  close(): void
}

/** A loopback port that forwards to a target as this person, as the agent does. */
export async function openPort(person: SignedIn, target: string, protocol: ProtocolName = 'postgres'): Promise<Port> {
  const frames: TunnelFrame[] = []
  const failures: PamError[] = []
  const closers = new Set<(reason: PamError) => void>()
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
    const close = forward(socketChannel(socket), {
      protocol: localHalves[protocol],
      open: () => tunnel(person, target),
      tell: (frame) => frames.push(frame),
      failed: (error) => failures.push(error),
      closed: () => closers.delete(close),
    })
    closers.add(close)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    frames,
    failures,
    close() {
      server.close()
      for (const close of closers) close(new PamError('SHUTTING_DOWN', 'the test closes its port'))
    },
  }
}

/** Sends bytes and gives everything that comes back until the peer closes. */
export function exchangeBytes(port: number, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('error', reject)
    socket.on('close', () => resolve(Buffer.concat(chunks)))
  })
}

/**
 * Polls until it holds; for things that happen in another process. It waits for as long as the test has: a shorter limit would
 * test the speed of the machine.
 */
export async function eventually<T>(probe: () => Promise<T | undefined> | T | undefined, what: string): Promise<T> {
  const test = getCurrentTest()
  const end = test === undefined ? Date.now() + HOOK_TIMEOUT : (test.result?.startTime ?? Date.now()) + test.timeout
  for (;;) {
    const value = await probe()
    if (value !== undefined) return value
    // A little before the test ends, so that it says what it waited for.
    if (Date.now() > end - 1000) throw new Error(`never happened: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
