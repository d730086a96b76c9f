import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT, UnsecuredJWT, type JWTPayload } from 'jose'
import WebSocket from 'ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Browser } from '../../src/demo/browser.ts'
import type { SignInIssuer } from '../../src/api/schemas/identity.ts'
import { issuersOf } from '../../src/gateway-client/sign-in-issuers.ts'
import { answerReader } from '../../src/gateway-client/answer-reader.ts'
import { createApiClient } from '../../src/gateway-client/api-client.ts'
import { DEMO_PEOPLE, DEMO_SERVICE } from '../../src/demo/setup.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { createProver } from '../../src/gateway-client/prover.ts'
import { refreshSignIn, signInWithDevice } from '../../src/gateway-client/login.ts'
import { identityVerifier } from '../../src/identity/identity-token.ts'
import { issuerSchema } from '../../src/identity/issuer.ts'
import { tunnelUrl } from '../../src/gateway-client/tunnel.ts'
import { TUNNEL_PROTOCOL } from '../../src/tunnel/web-socket-channel.ts'
import type { PamError } from '../../src/shared/errors.ts'
import { openPort, serviceToken, signIn, withTokens, type SignedIn } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'

let stack: DemoStack
let jane: SignedIn
beforeAll(async () => {
  stack = await startHostedStack()
  jane = await signIn(stack.gateway, 'jane')
})
afterAll(() => stack?.stop())

/** One call with headers of the attacker's making; the problem's code, or the status. */
async function call(path: string, headers: Record<string, string>, init: RequestInit = {}): Promise<string> {
  const response = await fetch(stack.gateway + path, { ...init, headers })
  return response.ok ? 'ok' : ((await response.json()) as { code: string }).code
}

describe('the access token and its proof', () => {
  it('opens the API with a fresh proof', async () => {
    expect(await call('/v1/whoami', await jane.headers('GET', `${stack.gateway}/v1/whoami`))).toBe('ok')
  })

  it('a proof is for one use, one method, one path, one token, one key, one time', async () => {
    const url = `${stack.gateway}/v1/whoami`
    const headers = await jane.headers('GET', url)
    expect(await call('/v1/whoami', headers)).toBe('ok')
    expect(await call('/v1/whoami', headers)).toBe('PROOF_REPLAYED')
    expect(await call('/v1/whoami', { authorization: headers['authorization'] ?? '' })).toBe('PROOF_INVALID')
    expect(await call('/v1/whoami', await jane.headers('POST', url))).toBe('PROOF_INVALID')
    expect(await call('/v1/whoami', await jane.headers('GET', `${stack.gateway}/v1/targets`))).toBe('PROOF_INVALID')
    expect(await call('/v1/whoami', await jane.headers('GET', 'http://evil.example/v1/whoami'))).toBe('PROOF_INVALID')
    const thief = await createProver()
    const token = jane.token.accessToken
    expect(
      await call('/v1/whoami', { authorization: `DPoP ${token}`, dpop: await thief.prove('GET', url, token) }),
    ).toBe('PROOF_INVALID')
    expect(
      await call('/v1/whoami', {
        authorization: `DPoP ${token}`,
        dpop: await jane.prover.prove('GET', url, 'another'),
      }),
    ).toBe('PROOF_INVALID')
    expect(
      await call('/v1/whoami', { authorization: `DPoP ${token}`, dpop: await jane.prover.prove('GET', url) }),
    ).toBe('PROOF_INVALID')
    expect(await call('/v1/whoami', { authorization: `Bearer ${token}` })).toBe('NOT_SIGNED_IN')
    expect(
      await call('/v1/whoami', {
        authorization: `DPoP ${token.slice(0, -4)}AAAA`,
        dpop: await jane.prover.prove('GET', url, `${token.slice(0, -4)}AAAA`),
      }),
    ).toBe('TOKEN_INVALID')
  })

  it('a stale proof, one with a symmetric key and one with a private key in it are refused', async () => {
    const url = `${stack.gateway}/v1/whoami`
    const token = jane.token.accessToken
    const ath = createHash('sha256').update(token).digest('base64url')
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const claims = { htm: 'GET', htu: url, jti: 'a'.repeat(36), ath }
    const make = async (header: Record<string, unknown>, iat: number) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', ...header })
        .setIssuedAt(iat)
        .sign(privateKey)
    const now = Math.floor(Date.now() / 1000)
    const jwk = await exportJWK(publicKey)
    const send = async (dpop: string) => call('/v1/whoami', { authorization: `DPoP ${token}`, dpop })
    expect(await send(await make({ jwk }, now - 3600))).toBe('PROOF_INVALID')
    expect(await send(await make({ jwk }, now + 3600))).toBe('PROOF_INVALID')
    expect(await send(await make({ jwk: await exportJWK(privateKey) }, now))).toBe('PROOF_INVALID')
    expect(await send(await make({ jwk, typ: 'JWT' }, now))).toBe('PROOF_INVALID')
    const hmac = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'HS256', typ: 'dpop+jwt', jwk: { kty: 'oct', k: 'AAAA' } as never })
      .setIssuedAt()
      .sign(new Uint8Array(32))
    expect(await send(hmac)).toBe('PROOF_INVALID')
    expect(await send('')).toBe('PROOF_INVALID')
    expect(await send('not.a.jwt')).toBe('PROOF_INVALID')
  })

  it('every route requires a sign-in, except those that must not', async () => {
    const { paths } = (await (await fetch(`${stack.gateway}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>
    }
    const open: string[] = []
    for (const [path, methods] of Object.entries(paths)) {
      for (const method of Object.keys(methods)) {
        const response = await fetch(stack.gateway + path.replace('{id}', 'req_0'), {
          method: method.toUpperCase(),
          redirect: 'manual',
          ...(method === 'post' ? { body: '{}', headers: { 'content-type': 'application/json' } } : {}),
        })
        if (response.status !== 401) open.push(`${method} ${path}`)
        await response.body?.cancel()
      }
    }
    expect(open.toSorted()).toEqual([
      'get /.well-known/pam-gateway',
      'get /auth/sign-in',
      'get /healthz',
      'get /readyz',
      'post /v1/token',
    ])
  })
})

describe('the tunnel', () => {
  const dial = (
    headers: Record<string, string>,
    protocol = TUNNEL_PROTOCOL,
    path = '/v1/tunnel?target=dev-db',
  ): Promise<string> =>
    new Promise((resolve) => {
      const socket = new WebSocket(stack.gateway.replace('http', 'ws') + path, protocol, { headers })
      socket.on('open', () => {
        resolve('open')
        socket.terminate()
      })
      socket.on('unexpected-response', (_request, response) => {
        let body = ''
        response.on('data', (chunk: Buffer) => (body += chunk.toString()))
        response.on('end', () => resolve((JSON.parse(body) as { code: string }).code))
      })
      socket.on('error', (error) => resolve(error.message))
    })

  it('cannot be opened without token, proof and version', async () => {
    const url = tunnelUrl(stack.gateway, 'dev-db')
    expect(await dial(await jane.headers('GET', url))).toBe('open')
    expect(await dial({})).toBe('NOT_SIGNED_IN')
    expect(await dial({ authorization: 'DPoP x', dpop: 'y' })).toBe('TOKEN_INVALID')
    expect(await dial(await jane.headers('POST', url))).toBe('PROOF_INVALID')
    expect(await dial(await jane.headers('GET', url), 'pamctl.tunnel.v9')).toBe('VERSION_MISMATCH')
    expect(await dial(await jane.headers('GET', url), TUNNEL_PROTOCOL, '/v1/other')).toBe('NOT_FOUND')
  })

  it('to an unknown target, or one that is not yours, ends with the same words', async () => {
    const told: string[] = []
    for (const target of ['nowhere', 'prod-db']) {
      const alice = await signIn(stack.gateway, 'alice')
      const port = await openPort(alice, target)
      const { default: pg } = await import('pg')
      const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app', ssl: false })
      db.on('error', () => {})
      await db.connect().catch(() => {})
      told.push(port.frames.map(({ code, message }) => `${code} ${message?.replace(target, 'X')}`).join())
      port.close()
    }
    expect(told).toEqual(Array.from({ length: 2 }, () => 'TARGET_UNKNOWN no target named "X" is visible to you'))
  })
})

describe('signing in', () => {
  it('the provider keeps connections for as long as the gateway: clients use them again after some seconds', async () => {
    for (const url of [`${stack.gateway}/healthz`, `${stack.issuer}/.well-known/openid-configuration`])
      expect([url, (await fetch(url)).headers.get('keep-alive')]).toEqual([url, 'timeout=72'])
  })

  it('declining in the browser ends it, with a clear message', async () => {
    const discovery = await createApiClient({ gateway: stack.gateway, fetch, answers: answerReader() }).discover()
    const denied = signInWithDevice(issuersOf(discovery)[0] as SignInIssuer, {
      fetch,
      fresh: true,
      signal: new AbortController().signal,
      show: ({ completeUrl }) => {
        void new Browser().signIn(completeUrl ?? '', DEMO_PEOPLE.jane, { deny: true }).catch(() => {})
      },
    })
    await expect(denied).rejects.toMatchObject({
      code: 'SIGN_IN_DENIED',
      message: 'the sign-in was refused in the browser',
    })
  })

  it.each([
    { ...DEMO_PEOPLE.jane, password: 'wrong' },
    { email: 'nobody@example.com', password: 'x' },
  ])('a wrong password signs nobody in: %o', async (person) => {
    const body = new URLSearchParams({ client_id: 'pamctl', scope: 'openid' })
    const response = await fetch(`${stack.issuer}/device/auth`, { method: 'POST', body })
    const { verification_uri_complete: link } = (await response.json()) as { verification_uri_complete: string }
    await expect(new Browser().signIn(link, person)).rejects.toThrow(/E-mail or password is wrong/)
  })

  it('every problem has a code and an id to quote', async () => {
    const problem = (await (await fetch(`${stack.gateway}/v1/whoami`)).json()) as object
    expect(problem).toMatchObject({ code: 'NOT_SIGNED_IN', status: 401, id: expect.stringMatching(/^err_\w{13}$/) })
  })
})

describe('identity tokens', () => {
  it('a token is valid for one key: a copy signs nobody else in', async () => {
    await expect(withTokens(stack.gateway, jane.tokens)).rejects.toMatchObject({
      code: 'TOKEN_USED',
      hint: 'sign in again: pamctl login',
    })
    await expect(jane.exchange(jane.tokens.identityToken)).resolves.toMatchObject({ login: jane.token.login })
  })

  it('a used token is rejected once its login is signed out, here or everywhere, with its own key or another', async () => {
    for (const out of ['logout', 'logoutEverywhere'] as const) {
      const bob = await signIn(stack.gateway, 'bob')
      await bob.api[out]()
      await expect(bob.exchange(bob.tokens.identityToken)).rejects.toMatchObject({ code: 'TOKEN_USED' })
      await expect(withTokens(stack.gateway, bob.tokens)).rejects.toMatchObject({ code: 'TOKEN_USED' })
    }
  })

  /** Tokens tell seconds: two of the same second are the same token. */
  const nextSecond = (): Promise<unknown> => new Promise((resolve) => setTimeout(resolve, 1010 - (Date.now() % 1000)))

  it('a token of a signed-out login proves no later login either: neither it nor the key is valid for that person again', async () => {
    const options = { issuer: stack.issuer, clientId: 'pamctl', fetch }
    const bob = await signIn(stack.gateway, 'bob')
    await nextSecond()
    const spare = await refreshSignIn(bob.tokens.refreshToken ?? '', options)
    // As an agent goes on: with a newer sign-in, and a token that was issued before the end and never presented.
    await createApiClient({
      gateway: stack.gateway,
      fetch,
      authorize: (method, url) => bob.headers(method, url),
      answers: answerReader(),
    }).logoutEverywhere()
    await expect(bob.exchange(spare.identityToken)).rejects.toMatchObject({ code: 'KEY_SIGNED_OUT' })
    await nextSecond()
    const renewed = await refreshSignIn(spare.refreshToken ?? '', options)
    await expect(bob.exchange(renewed.identityToken)).rejects.toMatchObject({ code: 'KEY_SIGNED_OUT' })
    // What nobody had presented before the end is good for no new key either.
    await expect(withTokens(stack.gateway, spare)).rejects.toMatchObject({
      code: 'TOKEN_USED',
      message: expect.stringContaining('before you signed out everywhere'),
    })
    // Jane at the same key is another matter; and a new key takes a token that was issued after it.
    const janes = await signIn(stack.gateway, 'jane')
    expect((await janes.exchange(janes.tokens.identityToken)).login).toBe(janes.token.login)
    const again = await withTokens(stack.gateway, renewed)
    expect(again.token.login).not.toBe(bob.token.login)
    await expect(again.exchange(bob.tokens.identityToken)).rejects.toMatchObject({ code: 'TOKEN_USED' })
  })

  it('after signing out everywhere, a sign-in that follows at once is none from before; signing out here takes back no other token', async () => {
    for (let i = 0; i < 3; i++) {
      const bob = await signIn(stack.gateway, 'bob')
      await bob.api.logoutEverywhere()
    }
    const bob = await signIn(stack.gateway, 'bob')
    await nextSecond()
    const other = await refreshSignIn(bob.tokens.refreshToken ?? '', {
      issuer: stack.issuer,
      clientId: 'pamctl',
      fetch,
    })
    await bob.api.logout()
    expect((await withTokens(stack.gateway, other)).token.person.label).toBe(bob.token.person.label)
  })

  it('a service that signed out continues with its key and a later token, never with an earlier one', async () => {
    const first = await serviceToken(stack.issuer)
    await nextSecond()
    const spare = await serviceToken(stack.issuer)
    const ci = await withTokens(stack.gateway, { identityToken: first, refreshToken: undefined })
    await ci.api.logout()
    await nextSecond()
    const next = await withTokens(
      stack.gateway,
      { identityToken: await serviceToken(stack.issuer), refreshToken: undefined },
      ci.prover,
    )
    expect(next.token.login).not.toBe(ci.token.login)
    for (const old of [first, spare])
      await expect(next.exchange(old)).rejects.toMatchObject({
        code: 'TOKEN_USED',
        hint: 'request a new token from your CI provider',
      })
  })

  it('a refreshed token proves the same login again, and a used refresh token works for nobody', async () => {
    const options = { issuer: stack.issuer, clientId: 'pamctl', fetch }
    const first = jane.tokens.refreshToken ?? ''
    const next = await refreshSignIn(first, options)
    expect((await jane.exchange(next.identityToken)).login).toBe(jane.token.login)
    await expect(refreshSignIn(first, options)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('a service signs in with client credentials; it connects, and never approves', async () => {
    const response = await fetch(`${stack.issuer}/token`, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${DEMO_SERVICE.id}:${DEMO_SERVICE.secret}`).toString('base64')}`,
      },
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    })
    const { access_token: token } = (await response.json()) as { access_token: string }
    const service = await withTokens(stack.gateway, { identityToken: token, refreshToken: undefined })
    expect(service.token.person).toMatchObject({ kind: 'service', label: 'ci-deploy', groups: ['ci'] })
    const request = await service.api.requests.create({ target: 'prod-db', reason: 'deploy' })
    const janes = await jane.api.requests.create({ target: 'prod-db', reason: 'x' })
    await expect(service.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'SERVICE_APPROVAL',
    })
    await expect(service.api.reviews.decide(janes.id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })
    await jane.api.requests.withdraw(janes.id)
    await expect(withTokens(stack.gateway, { identityToken: token, refreshToken: undefined })).rejects.toMatchObject({
      code: 'TOKEN_USED',
      hint: expect.stringContaining('share the HOME') as string,
    })
  })

  it('another person cannot see, decide or withdraw a request', async () => {
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'mine' })
    const alice = await signIn(stack.gateway, 'alice') // an auditor sees, and does no more
    expect((await alice.api.requests.get(request.id)).id).toBe(request.id)
    await expect(alice.api.requests.withdraw(request.id)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await expect(alice.api.reviews.decide(request.id, { verdict: 'approve', comment: '' })).rejects.toMatchObject({
      code: 'NOT_ALLOWED',
    })
    expect((await jane.api.requests.withdraw(request.id)).state).toBe('withdrawn')
    await expect(jane.api.requests.withdraw(request.id)).rejects.toMatchObject({ code: 'ALREADY_DECIDED' })
  })

  it('of ten requests for one target at once one is filed; the others name it', async () => {
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, (_, n) => jane.api.requests.create({ target: 'prod-db', reason: `twin ${n}` })),
    )
    const [made] = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const refused = tries.flatMap((one) => (one.status === 'rejected' ? [one.reason as PamError] : []))
    expect(refused).toHaveLength(9)
    for (const error of refused) expect(error).toMatchObject({ code: 'REQUEST_PENDING', id: made?.id })
    // Another person's is their own; once it is withdrawn, a new one may be filed.
    const bob = await signIn(stack.gateway, 'bob')
    await bob.api.requests.withdraw((await bob.api.requests.create({ target: 'prod-db', reason: 'mine' })).id)
    await jane.api.requests.withdraw(made?.id ?? '')
    await jane.api.requests.withdraw((await jane.api.requests.create({ target: 'prod-db', reason: 'anew' })).id)
  })
})

describe('forged identity tokens', () => {
  const now = Date.now()
  let issuer: string
  let stop: () => void
  const signing = generateKeyPairSync('rsa', { modulusLength: 2048 })
  let keyRequests = 0

  beforeAll(async () => {
    const jwk = { ...(await exportJWK(signing.publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' }
    const server = createServer((request, response) => {
      if (request.url === '/jwks') keyRequests++
      response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify(request.url === '/jwks' ? { keys: [jwk] } : { issuer, jwks_uri: `${issuer}/jwks` }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    stop = () => void server.close()
  })
  afterAll(() => stop())

  const claims = (over: JWTPayload = {}): JWTPayload => ({
    iss: issuer,
    aud: 'pamctl',
    sub: 'jane',
    iat: now / 1000,
    exp: now / 1000 + 60,
    groups: ['g'],
    ...over,
  })
  const token = (payload: JWTPayload, header: object = {}) =>
    new SignJWT(payload).setProtectedHeader({ alg: 'RS256', kid: 'k1', ...header }).sign(signing.privateKey)
  const verifier = () =>
    identityVerifier(
      [
        issuerSchema.parse({ url: issuer, for: 'people', clientId: 'pamctl' }),
        issuerSchema.parse({ url: issuer, for: 'services', audience: 'svc', requireSubject: 'ci' }),
      ].map((entry) => ({ ...entry, authority: undefined, fetch })),
    )
  const outcome = async (text: string): Promise<string> =>
    verifier()
      .verify(text, now)
      .then(
        ({ kind }) => kind,
        (error: { code: string }) => error.code,
      )

  it('believes an address only where the issuer says that it is verified', async () => {
    const emailOf = async (over: JWTPayload) => (await verifier().verify(await token(claims(over)), now)).email
    expect(await emailOf({ email: 'Jane@Example.com', email_verified: true })).toBe('jane@example.com')
    for (const email_verified of [false, undefined, 'true', 1])
      expect(await emailOf({ email: 'jane@example.com', email_verified })).toBeUndefined()
    expect(await emailOf({ email: ['a@example.com'], email_verified: true })).toBeUndefined()
  })

  it('accepts only the listed groups, where the issuer has a list', async () => {
    const { groups } = await identityVerifier([
      {
        ...issuerSchema.parse({ url: issuer, for: 'people', clientId: 'pamctl', groups: ['all'], knownGroups: ['g'] }),
        authority: undefined,
        fetch,
      },
    ]).verify(await token(claims({ groups: ['g', 'admins', 7] })), now)
    expect(groups).toEqual(['all', 'g'])
  })

  it('accepts valid tokens, within thirty seconds of clock skew', async () => {
    expect(await outcome(await token(claims()))).toBe('person')
    expect(await outcome(await token(claims({ exp: now / 1000 - 20 })))).toBe('person')
    for (const typ of ['JWT', 'jwt']) expect(await outcome(await token(claims(), { typ }))).toBe('person')
    for (const typ of ['JWT', 'JOSE', 'at+jwt'])
      expect(await outcome(await token(claims({ aud: 'svc', sub: 'ci' }), { typ }))).toBe('service')
    const ahead = now / 1000 + 29
    expect(await outcome(await token(claims({ iat: ahead, auth_time: ahead })))).toBe('person')
    expect(await outcome(await token(claims({ aud: 'svc', sub: 'ci' })))).toBe('service')
  })

  it.each<[string, () => Promise<string>, string]>([
    ['expired', () => token(claims({ exp: now / 1000 - 31 })), 'TOKEN_EXPIRED'],
    ['that is an access token', () => token(claims(), { typ: 'at+jwt' }), 'TOKEN_INVALID'],
    ['of a type that nobody knows', () => token(claims(), { typ: 'x' }), 'TOKEN_INVALID'],
    ['for another audience', () => token(claims({ aud: 'other' })), 'TOKEN_INVALID'],
    ['of another issuer', () => token(claims({ iss: 'https://evil.example' })), 'ISSUER_UNTRUSTED'],
    ['without an algorithm', async () => new UnsecuredJWT(claims()).encode(), 'TOKEN_INVALID'],
    [
      'signed with the public key as a secret',
      async () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
          .sign(signing.publicKey.export({ type: 'spki', format: 'der' })),
      'TOKEN_INVALID',
    ],
    [
      'signed with another key',
      async () =>
        new SignJWT(claims())
          .setProtectedHeader({ alg: 'RS256', kid: 'k1' })
          .sign(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
      'TOKEN_INVALID',
    ],
    [
      'with an algorithm that is not configured',
      async () => new SignJWT(claims()).setProtectedHeader({ alg: 'RS512', kid: 'k1' }).sign(signing.privateKey),
      'TOKEN_INVALID',
    ],
    ['issued to another client', () => token(claims({ aud: ['pamctl', 'other'], azp: 'other' })), 'TOKEN_INVALID'],
    ['for several audiences without azp', () => token(claims({ aud: ['pamctl', 'other'] })), 'TOKEN_INVALID'],
    [
      'of a service that does not meet the conditions',
      () => token(claims({ aud: 'svc', sub: 'somebody' })),
      'TOKEN_INVALID',
    ],
    ['issued in the future', () => token(claims({ iat: now / 1000 + 31 })), 'TOKEN_INVALID'],
    ['of a sign-in in the future', () => token(claims({ auth_time: now / 1000 + 31 })), 'TOKEN_INVALID'],
    ['without the time of its issue', () => token({ ...claims(), iat: undefined as never }), 'TOKEN_INVALID'],
    ['without a subject', () => token({ ...claims(), sub: undefined as never }), 'TOKEN_INVALID'],
    ['not a token', async () => 'garbage', 'TOKEN_INVALID'],
  ])('refuses one %s', async (_what, make, code) => {
    expect(await outcome(await make())).toBe(code)
  })

  it('fetches unknown keys, but not for each token', async () => {
    const one = verifier()
    const before = keyRequests
    for (let i = 0; i < 20; i++) await one.verify(await token(claims(), { kid: `unknown${i}` }), now).catch(() => {})
    expect(keyRequests - before).toBeLessThanOrEqual(2)
  })

  it('an issuer of services without conditions is not loaded', () => {
    expect(() => issuerSchema.parse({ url: issuer, for: 'services', audience: 'svc' })).toThrow(
      /requireSubject or requireClaims/,
    )
    expect(() => issuerSchema.parse({ url: 'http://idp.example.com', for: 'people', clientId: 'x' })).toThrow(
      /loopback/,
    )
  })
})
