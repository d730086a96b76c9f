import { generateKeyPairSync, type KeyPairKeyObjectResult } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT, type JWTPayload } from 'jose'

/** How a provider answers at its token endpoint: nothing, a cut connection, or a status with a body; tokens by default. */
export type TokenAnswer = 'tokens' | 'silence' | 'cut' | readonly [status: number, body: string]

/** An OpenID provider over HTTP that answers as it is told to. */
export interface FakeProvider {
  readonly url: string
  /** What the next calls of the token endpoint are answered; tokens after that. */
  answers: TokenAnswer[]
  /** Claims of the tokens that it gives. */
  claims: JWTPayload
  /** Parameters of each call of the token endpoint. */
  readonly asked: URLSearchParams[]
  /** Answers the calls that were left waiting. */
  release(): Promise<void>
  close(): void
}

/** One pair for all providers of a process: to make one takes as long as most tests. */
let keys: KeyPairKeyObjectResult | undefined

export async function startFakeProvider(clientId = 'pamctl'): Promise<FakeProvider> {
  keys ??= generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { privateKey, publicKey } = keys
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k', alg: 'RS256', use: 'sig' }
  const waiting: ServerResponse[] = []
  const json = (response: ServerResponse, body: unknown): void =>
    void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  const tokens = async (response: ServerResponse): Promise<void> => {
    const claims = { iss: provider.url, aud: clientId, sub: 'jane', jti: String(provider.asked.length) }
    const identity = await new SignJWT({ ...claims, ...provider.claims })
      .setProtectedHeader({ alg: 'RS256', kid: 'k' })
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey)
    json(response, {
      access_token: 'x',
      token_type: 'bearer',
      id_token: identity,
      refresh_token: `refresh ${provider.asked.length}`,
    })
  }
  const server = createServer((request, response) => {
    const { url } = provider
    if (request.url === '/jwks') return json(response, { keys: [jwk] })
    if (request.url !== '/token')
      return json(response, {
        issuer: url,
        jwks_uri: `${url}/jwks`,
        token_endpoint: `${url}/token`,
        authorization_endpoint: `${url}/authorize`,
      })
    let body = ''
    request.setEncoding('utf8').on('data', (text: string) => (body += text))
    request.on('end', () => {
      provider.asked.push(new URLSearchParams(body))
      const how = provider.answers.shift() ?? 'tokens'
      if (how === 'silence') waiting.push(response)
      else if (how === 'cut') response.destroy()
      else if (how === 'tokens') void tokens(response)
      else response.writeHead(how[0], { 'content-type': 'application/json' }).end(how[1])
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const provider: FakeProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    answers: [],
    claims: {},
    asked: [],
    async release() {
      for (const response of waiting.splice(0)) await tokens(response)
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
  return provider
}
