import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeJwt, SignJWT } from 'jose'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ApiDeps } from '../../src/api/deps.ts'
import { authorizationServerRoutes } from '../../src/api/routes/authorization-server.ts'
import { deviceRoutes } from '../../src/api/routes/device.ts'
import type { ProvisioningSource } from '../../src/api/directory-standing.ts'
import { scimUsers } from '../../src/api/scim-users.ts'
import { proveToken } from '../../src/api/device/own-issuer.ts'
import { samlRoutes } from '../../src/api/routes/saml.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import { refreshSignIn, signInWithDevice, type DevicePrompt } from '../../src/gateway-client/login.ts'
import { createProver, type Prover } from '../../src/gateway-client/prover.ts'
import { issuerFetch } from '../../src/gateway-client/sign-in-issuers.ts'
import { identityVerifier } from '../../src/identity/identity-token.ts'
import { ownIssuer } from '../../src/identity/own-issuer.ts'
import { proofVerifier, type ProofSubject } from '../../src/identity/proof.ts'
import type { SignInProvider } from '../../src/identity/sign-in-provider.ts'
import type { SignIn } from '../../src/shared/identity-provider.ts'
import type { Database } from '../../src/storage/database.ts'
import { listAudit } from '../../src/storage/audit.ts'
import { findLogin, saveSignOutEverywhere } from '../../src/storage/logins.ts'
import { endLogin } from '../../src/api/prove-identity.ts'
import { SMALL_ORDER_KEYS } from '../helpers/small-order-keys.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { patchOf, source, userOf } from '../helpers/scim-service.ts'
import {
  browse,
  IDP,
  logoutXml,
  PUBLIC,
  requestIdOf,
  requestOf,
  samlAnswer,
  samlProvider,
  serveRoutes,
  signedLogoutOf,
  type Jar,
} from '../helpers/saml-routes.ts'
import { testStore } from '../helpers/test-store.ts'

/** A command line with its key, a browser, a provider whose answers are made here, and the routes of the gateway between them. */
const issuer = (name = 'corp') => ({
  name,
  issuer: `${PUBLIC}/auth/saml/${name}`,
  clientId: 'pamctl',
  scopes: ['openid', 'offline_access'],
  domains: [],
  isGateway: true,
})
const keys = generateKeyPairSync('ed25519')
const ADDRESS = '192.0.2.7'

let directory: string
let db: Database
let clock: HandClock
let app: FastifyInstance
let providers: SignInProvider[]
let deps: ApiDeps
let prover: Prover
let sources: readonly ProvisioningSource[]

async function start(): Promise<void> {
  const proofs = proofVerifier(0, { earlier: new Map(), keep: () => {} })
  db = await testStore(join(directory, 'state.db'))
  deps = {
    db,
    clock,
    registry: new SessionRegistry(),
    identities: () => identityVerifier([]),
    ownIssuer: ownIssuer(keys),
    // Proofs are made by the clock of the wall.
    proofs: { verify: (proof: string, subject: ProofSubject) => proofs.verify(proof, { ...subject, now: Date.now() }) },
    webKey: Buffer.alloc(32, 9),
    logger: { warn() {}, info() {}, error() {}, debug() {} },
    refusals: { note() {} },
    publicUrl: () => PUBLIC,
    settings: () => ({
      reproof: 300_000,
      policy: { access: [], commands: [], masking: [] },
      targets: [],
      provisioning: sources,
      web: { providers, idle: 3_600_000, maxDuration: 12 * 3_600_000 },
    }),
  } as never
  app = await serveRoutes([samlRoutes, authorizationServerRoutes, deviceRoutes], deps)
}
async function stop(): Promise<void> {
  await app.close()
  await db.close()
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-device-'))
  clock = new HandClock()
  await start()
})
// The library looks at the clock of the wall.
beforeEach(async () => {
  clock.time = Date.now()
  providers = [samlProvider('corp')]
  sources = []
  prover = await createProver()
  await db.change(async (tx) => void (await tx.deleteFrom('device_codes').execute()))
})
afterAll(async () => {
  await stop()
  rmSync(directory, { recursive: true })
})

/** What the command line reaches; each call at the time of the clock. */
const throughApp: typeof fetch = async (input, init) => {
  const request = new Request(input, init)
  const answer = await app.inject({
    method: request.method as 'GET',
    url: new URL(request.url).pathname,
    headers: Object.fromEntries(request.headers),
    remoteAddress: ADDRESS,
    ...(request.body === null ? {} : { payload: await request.text() }),
  })
  return new Response(answer.rawPayload, { status: answer.statusCode, headers: { 'content-type': 'application/json' } })
}
const withKey = (key: Prover): typeof fetch => issuerFetch(issuer(), throughApp, (...of) => key.prove(...of))

interface Begun {
  readonly prompt: DevicePrompt
  /** It polls once, and then. */
  readonly poll: () => void
  readonly tokens: Promise<SignIn>
}

/** `pamctl login` as it is, but for when it polls. */
async function login(key = prover, { fresh = false, deviceName = 'laptop' } = {}): Promise<Begun> {
  let begin = (): void => {}
  const begun = new Promise<void>((resolve) => (begin = resolve))
  const inNoTime: typeof fetch = async (input, init) => {
    if (String(input).endsWith('/token')) await begun
    const response = await withKey(key)(input, init)
    if (!String(input).endsWith('/device_authorization') || !response.ok) return response
    return Response.json({ ...((await response.json()) as object), interval: 0.01 })
  }
  return new Promise((resolve, reject) => {
    const tokens = signInWithDevice(issuer(), {
      fetch: inNoTime,
      fresh,
      deviceName,
      signal: AbortSignal.timeout(5000),
      show: (prompt) => resolve({ prompt, tokens, poll: begin }),
    })
    tokens.catch(reject)
  })
}

/** The same as single requests. */
async function ask(
  end: 'device_authorization' | 'token',
  fields: Record<string, string>,
  key: Prover | string = prover,
  name = 'corp',
) {
  const url = `${issuer(name).issuer}/${end}`
  const dpop = typeof key === 'string' ? key : await key.prove('POST', url)
  const answer = await browse(
    app,
    new URL(url).pathname,
    new Map(),
    { client_id: 'pamctl', ...fields },
    dpop === '' ? {} : { dpop },
  )
  const said: Readonly<Partial<Record<string, string>>> = answer.json()
  return { said, status: answer.statusCode }
}
const begin = (key = prover) => ask('device_authorization', {}, key)
const poll = (device_code: string, key: Prover | string = prover, name?: string) =>
  ask('token', { grant_type: 'urn:ietf:params:oauth:grant-type:device_code', device_code }, key, name)
const refresh = (refresh_token: string, key: Prover | string = prover, name?: string) =>
  ask('token', { grant_type: 'refresh_token', refresh_token }, key, name)

const get = (path: string, jar: Jar) => browse(app, path, jar)
const answerTo = (id: string, more: object = {}): string => samlAnswer(clock.time, id, more)

/** From the code to the page that asks for confirmation. */
async function toConfirmation(code: string, jar: Jar, more: object = {}) {
  const onward = await get(`/auth/device/sign-in?user_code=${code}`, jar)
  expect(onward.statusCode).toBe(303)
  const consumed = await browse(app, '/auth/saml/corp/acs', new Map(), {
    SAMLResponse: answerTo(requestIdOf(onward.headers.location), more),
  })
  return get(String(consumed.headers.location), jar)
}
const fieldsOf = (html: string): Record<string, string> =>
  Object.fromEntries(
    [...html.matchAll(/type="hidden" name="(\w+)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  )
const decide = (
  html: string,
  jar: Jar,
  more: Record<string, string> = {},
  headers: Record<string, string> = { 'sec-fetch-site': 'same-origin' },
) => browse(app, '/auth/device/decision', jar, { ...fieldsOf(html), ...more }, headers)

async function approve(code: string, jar: Jar = new Map(), more: object = {}): Promise<void> {
  const page = await toConfirmation(code, jar, more)
  expect((await decide(page.body, jar)).statusCode).toBe(200)
}

/** Signed in, as the gateway's own routes take it. */
async function signedIn(more: object = {}) {
  const {
    said: { device_code = '', user_code = '' },
  } = await begin()
  await approve(user_code, new Map(), more)
  const { status, said: tokens } = await poll(device_code)
  expect(status).toBe(200)
  return { tokens, login: await prove(tokens['id_token'] ?? '') }
}
const prove = async (token: string, key = prover) => proveToken(token, await thumbprintOf(key), ADDRESS, deps)
const thumbprintOf = async (key: Prover): Promise<string> => {
  const url = `${PUBLIC}/x`
  return deps.proofs.verify(await key.prove('POST', url), { method: 'POST', url, now: clock.time })
}

describe('pamctl login with SAML', () => {
  it('gets tokens once somebody signed in in a browser and confirmed; the gateway accepts them as those of an issuer', async () => {
    const { prompt, tokens, poll: now } = await login()
    expect(prompt).toMatchObject({
      url: `${PUBLIC}/auth/device`,
      code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
      expiresInSeconds: 600,
    })
    const jar: Jar = new Map()
    const asked = await get(String(prompt.completeUrl).slice(PUBLIC.length), jar)
    for (const text of [prompt.code, 'laptop', ADDRESS, 'If somebody sent you this link'])
      expect(asked.body).toContain(text)
    const page = await toConfirmation(prompt.code, jar)
    for (const text of ['jane@example.com', 'laptop', ADDRESS]) expect(page.body).toContain(text)
    expect((await decide(page.body, jar)).body).toContain('signed in as jane@example.com')
    // The browser itself is not signed in. It keeps what the same page can be asked for with again.
    expect([...jar.keys()]).toEqual([expect.stringMatching(/^__Host-pam_device_/)])
    now()
    const { identityToken, refreshToken = '' } = await tokens
    const { id, person, authTime, provenUntil } = await prove(identityToken)
    expect(person).toEqual({
      id: `saml:${IDP}|jane-0001`,
      kind: 'person',
      label: 'jane@example.com',
      groups: ['engineering'],
    })
    expect(authTime).toBe(clock.time - 5000)
    clock.time += 120_000
    const renewed = await refreshSignIn(refreshToken, { ...issuer(), fetch: withKey(prover) })
    const again = await prove(renewed.identityToken)
    expect([again.id, again.provenUntil - provenUntil]).toEqual([id, 120_000])
  })

  it('asks the provider for a fresh sign-in on request', async () => {
    for (const [fresh, expected] of [
      [true, true],
      [false, false],
    ] as const) {
      const { prompt, tokens, poll: now } = await login(prover, { fresh })
      const { headers } = await get(`/auth/device/sign-in?user_code=${prompt.code}`, new Map())
      expect(requestOf(headers.location).includes('ForceAuthn="true"')).toBe(expected)
      await approve(prompt.code)
      now()
      await tokens
    }
  })

  it('is refused when the person declines, and nothing of that sign-in is left', async () => {
    const { prompt, tokens, poll: now } = await login()
    const jar: Jar = new Map()
    const page = await toConfirmation(prompt.code, jar)
    expect((await decide(page.body, jar, { abort: 'yes' })).body).toContain('not signed in')
    now()
    await expect(tokens).rejects.toMatchObject({ code: 'SIGN_IN_DENIED' })
    // No stays no: it may be said again, and yes comes too late.
    expect((await decide(page.body, jar, { abort: 'yes' })).statusCode).toBe(403)
    expect((await decide(page.body, jar)).statusCode).toBe(403)
  })

  it('shows the same to a second click, and to a page that is loaded again, whatever happened in between', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    const jar: Jar = new Map()
    const page = await toConfirmation(user_code, jar)
    const approvalsIn = async (): Promise<number> =>
      (await listAudit(db.read, {}, { after: 0, limit: 1000 })).filter(({ type }) => type === 'device.approved').length
    const before = await approvalsIn()
    const clicks = await Promise.all([decide(page.body, jar), decide(page.body, jar)])
    const { said: tokens } = await poll(device_code)
    const again = await decide(page.body, jar)
    const { id } = await prove(tokens['id_token'] ?? '')
    const later = await decide(page.body, jar)
    for (const answer of [...clicks, again, later])
      expect([answer.statusCode, answer.body]).toEqual([200, expect.stringContaining('signed in as jane@example.com')])
    expect(await approvalsIn()).toBe(before + 1)
    // It says so while it is true, and the other answer is none.
    expect((await decide(page.body, jar, { abort: 'yes' })).statusCode).toBe(403)
    await endLogin((await findLogin(db.read, id)) as never, {}, deps)
    expect((await decide(page.body, jar)).statusCode).toBe(403)
  })

  it('keeps its login and its open sessions when the same person signs in again with the same key', async () => {
    const { login: first } = await signedIn()
    expect((await signedIn()).login.id).toBe(first.id)
  })

  it('continues after a restart of the gateway, before and after the confirmation', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    const jar: Jar = new Map()
    await stop()
    await start()
    const page = await toConfirmation(user_code, jar)
    await stop()
    await start()
    expect((await decide(page.body, jar)).statusCode).toBe(200)
    await stop()
    await start()
    expect((await poll(device_code)).status).toBe(200)
  })

  it('finds the issuer by its metadata', async () => {
    for (const path of [
      '/auth/saml/corp/.well-known/openid-configuration',
      '/.well-known/oauth-authorization-server/auth/saml/corp',
    ]) {
      expect((await get(path, new Map())).json()).toMatchObject({
        issuer: issuer().issuer,
        token_endpoint: `${issuer().issuer}/token`,
        dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
      })
    }
    const { keys: listed } = (await get('/auth/saml/corp/jwks', new Map())).json() as { keys: object[] }
    expect(listed).toEqual([expect.objectContaining({ kty: 'OKP', use: 'sig', alg: 'EdDSA' })])
    expect(JSON.stringify(listed)).not.toContain('"d"')
    expect((await get('/auth/saml/nobody/jwks', new Map())).statusCode).toBe(404)
  })
})

describe('a sign-in of a command line ends', () => {
  const ends: readonly (readonly [string, (loginId: string) => Promise<unknown>])[] = [
    [
      'with a logout at the provider',
      async () => {
        const SAMLRequest = signedLogoutOf(logoutXml(clock.time))
        expect((await browse(app, '/auth/saml/corp/slo', new Map(), { SAMLRequest })).statusCode).toBe(303)
      },
    ],
    [
      'when the login is signed out, as a directory does it',
      async (id) => endLogin((await findLogin(db.read, id)) as never, {}, deps),
    ],
    ['when its time is over (maxSession)', async () => (clock.time += 3_600_001)],
    ['when its provider is no longer configured', async () => (providers = [samlProvider('other')])],
  ]
  it.each(ends)('%s: neither refresh nor ID token are accepted', async (_what, end) => {
    const { tokens, login: before } = await signedIn()
    const ending = vi.spyOn(deps.registry, 'endWhere')
    await end(before.id)
    expect([400, 404]).toContain((await refresh(tokens['refresh_token'] ?? '')).status)
    await expect(prove(tokens['id_token'] ?? '')).rejects.toMatchObject({ code: expect.stringMatching(/TOKEN|ISSUER/) })
    ending.mockRestore()
  })

  it('when its person signs out everywhere, even before a login exists', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    await approve(user_code, new Map(), { nameId: 'kim-1' })
    clock.time += 2000
    await db.change((tx) => saveSignOutEverywhere(tx, `saml:${IDP}|kim-1`, clock.time))
    const {
      said: { id_token = '' },
    } = await poll(device_code)
    await expect(prove(id_token)).rejects.toMatchObject({ code: 'TOKEN_USED' })
  })

  it('when the directory of the provider disables its person, even before a login exists', async () => {
    const from = source()
    sources = [from]
    const [corp] = providers
    if (corp?.kind !== 'saml') throw new Error('expected a SAML provider')
    const provisioning = { source: from.name, claim: 'sub', isCaseExact: true }
    providers = [{ ...corp, client: { ...corp.client, provisioning } }]
    const users = scimUsers(from, PUBLIC, deps)
    const { id } = await users.create(userOf('lee-1'), () => true)
    const other = await createProver()
    const { tokens, login: open } = await signedIn({ nameId: 'lee-1' })
    const {
      said: { device_code = '', user_code = '' },
    } = await begin(other)
    await approve(user_code, new Map(), { nameId: 'lee-1' })
    await users.patch(String(id), patchOf({ op: 'replace', path: 'active', value: false }), () => true)
    expect((await findLogin(db.read, open.id))?.endedAt).toBe(clock.time)
    expect(await refresh(tokens['refresh_token'] ?? '')).toMatchObject({ said: { error: 'invalid_grant' } })
    const {
      said: { id_token = '' },
    } = await poll(device_code, other)
    await expect(prove(id_token, other)).rejects.toMatchObject({ code: 'TOKEN_USED' })
  })

  it('with the SessionNotOnOrAfter of the provider, whatever is renewed', async () => {
    providers = [samlProvider('corp', { maxSession: '1d' })]
    const { tokens } = await signedIn()
    clock.time += 3_600_001
    expect(await refresh(tokens['refresh_token'] ?? '')).toMatchObject({ said: { error: 'invalid_grant' } })
  })
})

describe('attacks on the sign-in of a command line', () => {
  it('a confirmation counts once, in the browser that signed in, from its page', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    const jar: Jar = new Map()
    const page = await toConfirmation(user_code, jar)
    expect((await decide(page.body, new Map())).statusCode).toBe(403)
    expect((await decide(page.body, jar, { csrf: 'x'.repeat(43) })).statusCode).toBe(403)
    expect((await decide(page.body, jar, {}, { 'sec-fetch-site': 'cross-site' })).statusCode).toBe(403)
    expect((await decide(page.body, jar, {}, {})).statusCode).toBe(403)
    expect((await decide(page.body, jar, { id: 'x'.repeat(43) })).statusCode).toBe(403)
    expect(await poll(device_code)).toMatchObject({ said: { error: 'authorization_pending' } })
    const copy = new Map(jar)
    expect((await decide(page.body, jar)).statusCode).toBe(200)
    // A second time changes nothing: there is one pair of tokens.
    expect((await decide(page.body, copy)).statusCode).toBe(200)
    expect((await poll(device_code)).status).toBe(200)
    expect((await poll(device_code)).said).toMatchObject({ error: 'invalid_grant' })
  })

  it('a page cannot be framed or scripted, and shows the name of a computer as text', async () => {
    const {
      said: { user_code = '' },
    } = await ask('device_authorization', { device_name: '<b>x</b>"&\u202e' })
    for (const page of [
      await get(`/auth/device?user_code=${user_code}`, new Map()),
      await toConfirmation(user_code, new Map()),
    ]) {
      expect(page.headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
      // So that the browser says in `Origin` whose form it sends.
      if (page.body.includes('<form')) expect(page.headers['referrer-policy']).toBe('same-origin')
      expect(page.body).toContain('?b?x??b?')
      expect(page.body).not.toContain('<b>')
    }
  })

  it('a link past the page with the warning shows the warning before anything is granted', async () => {
    const {
      said: { user_code = '' },
    } = await begin()
    const page = await toConfirmation(user_code, new Map())
    // With the code: somebody who ran nothing has no terminal to compare it with.
    for (const text of ['If somebody sent you this link or this code', `Your terminal shows <strong>${user_code}`])
      expect(page.body).toContain(text)
  })

  it('a response to a sign-in of another browser, or to one for another code, confirms nothing', async () => {
    const {
      said: { user_code = '' },
    } = await begin()
    const [jane, mallory]: Jar[] = [new Map(), new Map()]
    const onward = await get(`/auth/device/sign-in?user_code=${user_code}`, mallory as Jar)
    const consumed = await browse(app, '/auth/saml/corp/acs', new Map(), {
      SAMLResponse: answerTo(requestIdOf(onward.headers.location)),
    })
    await get(`/auth/device/sign-in?user_code=${user_code}`, jane as Jar)
    expect((await get(String(consumed.headers.location), jane as Jar)).statusCode).toBe(401)
  })

  it('a sign-in for one command line is valid for no other', async () => {
    const [one, other] = [await begin(), await begin()]
    const [jar, second]: Jar[] = [new Map(), new Map()]
    const page = await toConfirmation(one.said['user_code'] ?? '', jar as Jar)
    const otherPage = await toConfirmation(other.said['user_code'] ?? '', second as Jar)
    const mixed = { ...fieldsOf(page.body), id: fieldsOf(otherPage.body)['id'] ?? '' }
    expect(
      (await browse(app, '/auth/device/decision', jar as Jar, mixed, { 'sec-fetch-site': 'same-origin' })).statusCode,
    ).toBe(403)
  })

  it('codes cannot be guessed: after ten wrong ones from a network, or a thousand in all, none is accepted for a minute', async () => {
    const {
      said: { user_code = '' },
    } = await begin()
    const enter = (code: string, remoteAddress: string) =>
      app.inject({ url: `/auth/device?user_code=${code}`, remoteAddress })
    for (let n = 0; n < 10; n++) expect((await enter('BBBB-BBBB', '198.51.100.1')).body).toContain('not known')
    expect((await enter(user_code, '198.51.100.1')).body).toContain('too many wrong codes')
    expect(
      (await app.inject({ url: `/auth/device/sign-in?user_code=${user_code}`, remoteAddress: '198.51.100.1' }))
        .statusCode,
    ).toBe(400)
    expect((await enter(user_code.toLowerCase().replace('-', ' '), '198.51.100.2')).body).toContain(
      'Is this your code?',
    )
    clock.time += 60_001
    expect((await enter(user_code, '198.51.100.1')).body).toContain('Is this your code?')
  })

  it('codes cannot be guessed by parallel requests, or from all addresses of one network', async () => {
    const {
      said: { user_code = '' },
    } = await begin()
    const enter = (code: string, remoteAddress: string) =>
      app.inject({ url: `/auth/device?user_code=${code}`, remoteAddress })
    const shown = async (asked: readonly ReturnType<typeof enter>[], text: string) =>
      (await Promise.all(asked)).filter(({ body }) => body.includes(text)).length
    const wrong = Array.from({ length: 20 }, () => enter('BBBB-BBBB', '198.51.100.3'))
    expect(await shown(wrong, 'not known')).toBe(10)
    const network = Array.from({ length: 20 }, (_, n) => enter('BBBB-BBBB', `2001:db8:1:2::${n}`))
    expect(await shown(network, 'not known')).toBe(10)
    // Right ones do not count, however many.
    for (let n = 0; n < 12; n++)
      expect((await enter(user_code, '2001:db8:1:3::1')).body).toContain('Is this your code?')
    clock.time += 60_001
  })

  it('all addresses of one network share one limit of codes', async () => {
    const beginFrom = async (remoteAddress: string) =>
      app.inject({
        method: 'POST',
        url: '/auth/saml/corp/device_authorization',
        remoteAddress,
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          dpop: await prover.prove('POST', `${issuer().issuer}/device_authorization`),
        },
        payload: 'client_id=pamctl',
      })
    for (let n = 0; n < 20; n++) expect((await beginFrom(`2001:db8:1:2::${n}`)).statusCode).toBe(200)
    expect((await beginFrom('2001:db8:1:2:ffff::1')).statusCode).toBe(429)
    expect((await beginFrom('2001:db8:1:3::1')).statusCode).toBe(200)
  })

  it('a flood of codes is bounded, and leaves room for other networks', async () => {
    for (let n = 0; n < 20; n++) expect((await begin()).status).toBe(200)
    expect(await begin()).toMatchObject({ status: 429, said: { error: 'temporarily_unavailable' } })
    const elsewhere = await app.inject({
      method: 'POST',
      url: '/auth/saml/corp/device_authorization',
      remoteAddress: '198.51.100.9',
      headers: {
        'content-type': 'application/x-www-form-urlencoded',
        dpop: await prover.prove('POST', `${issuer().issuer}/device_authorization`),
      },
      payload: 'client_id=pamctl',
    })
    expect(elsewhere.statusCode).toBe(200)
    clock.time += 661_000
    expect((await begin()).status).toBe(200)
  })

  it('a client that polls too fast has to slow down', async () => {
    const {
      said: { device_code = '' },
    } = await begin()
    expect(await poll(device_code)).toMatchObject({ said: { error: 'authorization_pending' } })
    expect(await poll(device_code)).toMatchObject({ status: 400, said: { error: 'slow_down' } })
    clock.time += 2000
    expect(await poll(device_code)).toMatchObject({ said: { error: 'slow_down' } })
    clock.time += 12_000
    expect(await poll(device_code)).toMatchObject({ said: { error: 'authorization_pending' } })
  })

  it('a code expires, for its person and for the command line', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    const jar: Jar = new Map()
    const page = await toConfirmation(user_code, jar)
    clock.time += 600_000
    expect((await get(`/auth/device?user_code=${user_code}`, new Map())).body).toContain('has expired')
    expect((await decide(page.body, jar)).statusCode).toBe(403)
    expect(await poll(device_code)).toMatchObject({ said: { error: 'expired_token' } })
  })

  it('a device code gives tokens once, to its key, at its issuer', async () => {
    providers = [samlProvider('corp'), samlProvider('partner')]
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    await approve(user_code)
    expect(await poll(device_code, await createProver())).toMatchObject({ said: { error: 'invalid_grant' } })
    expect(await poll(device_code, prover, 'partner')).toMatchObject({ said: { error: 'invalid_grant' } })
    expect((await poll(device_code)).status).toBe(200)
    expect(await poll(device_code)).toMatchObject({ said: { error: 'invalid_grant' } })
  })

  it('a refresh token is valid for its key and at its issuer, and nobody without the key can revoke anything with it', async () => {
    providers = [samlProvider('corp'), samlProvider('partner')]
    const { tokens } = await signedIn()
    const token = tokens['refresh_token'] ?? ''
    expect(await refresh(token, await createProver())).toMatchObject({ said: { error: 'invalid_grant' } })
    expect(await refresh(token, prover, 'partner')).toMatchObject({ said: { error: 'invalid_grant' } })
    for (const wrong of ['', 'x', `${token.split('.')[1]}.x`, `x.${token}`])
      expect((await refresh(wrong)).status).toBe(400)
    expect((await refresh(token)).status).toBe(200)
  })

  it('a refresh token that is reused after its successor was used ends the sign-in; after a lost answer it does not', async () => {
    const { tokens, login: before } = await signedIn()
    const first = tokens['refresh_token'] ?? ''
    const lost = await refresh(first)
    const second = await refresh(first)
    expect([lost.status, second.status]).toEqual([200, 200])
    const third = await refresh(second.said['refresh_token'] ?? '')
    expect(third.status).toBe(200)
    expect(await refresh(first)).toMatchObject({ said: { error: 'invalid_grant' } })
    expect(await refresh(third.said['refresh_token'] ?? '')).toMatchObject({ said: { error: 'invalid_grant' } })
    expect((await findLogin(db.read, before.id))?.endedAt).toBe(clock.time)
  })

  it('the token of a lost answer ends the sign-in too: somebody else has it', async () => {
    const { tokens } = await signedIn()
    const lost = await refresh(tokens['refresh_token'] ?? '')
    expect((await refresh(tokens['refresh_token'] ?? '')).status).toBe(200)
    expect(await refresh(lost.said['refresh_token'] ?? '')).toMatchObject({ said: { error: 'invalid_grant' } })
  })

  it('before a login was made of it, too: its ID tokens are worth nothing then', async () => {
    const {
      said: { device_code = '', user_code = '' },
    } = await begin()
    await approve(user_code)
    const { said: tokens } = await poll(device_code)
    const first = tokens['refresh_token'] ?? ''
    expect((await refresh((await refresh(first)).said['refresh_token'] ?? '')).status).toBe(200)
    expect((await refresh(first)).status).toBe(400)
    await expect(prove(tokens['id_token'] ?? '')).rejects.toMatchObject({ code: 'TOKEN_USED' })
  })

  it('a proof is required, for this URL and method, once, and recent', async () => {
    const url = `${issuer().issuer}/device_authorization`
    const replayed = await prover.prove('POST', url)
    expect((await ask('device_authorization', {}, replayed)).status).toBe(200)
    const old = await new SignJWT({ htm: 'POST', htu: url, jti: 'x'.repeat(20) })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: keys.publicKey.export({ format: 'jwk' }) as never })
      .setIssuedAt(Date.now() / 1000 - 120)
      .sign(keys.privateKey)
    for (const proof of [
      '',
      replayed,
      old,
      'x.y.z',
      await prover.prove('GET', url),
      await prover.prove('POST', `${issuer().issuer}/token`),
      await prover.prove('POST', `${issuer('partner').issuer}/device_authorization`),
    ])
      expect(await ask('device_authorization', {}, proof)).toMatchObject({
        status: 400,
        said: { error: 'invalid_dpop_proof' },
      })
  })

  it('a proof by a key that anybody can sign for proves nothing', async () => {
    const url = `${issuer().issuer}/device_authorization`
    for (const key of SMALL_ORDER_KEYS) {
      const [header, payload] = [
        { typ: 'dpop+jwt', alg: 'EdDSA', jwk: { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') } },
        { htm: 'POST', htu: url, jti: 'z'.repeat(20), iat: Math.floor(clock.time / 1000) },
      ].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      // The neutral element, and zero: the signature of every message, for the first of them.
      const signature = Buffer.concat([Buffer.from([1]), Buffer.alloc(63)]).toString('base64url')
      const proof = `${header}.${payload}.${signature}`
      await expect(deps.proofs.verify(proof, { method: 'POST', url, now: clock.time })).rejects.toMatchObject({
        code: 'PROOF_INVALID',
        cause: { message: 'a small order' },
      })
    }
  })

  it('a proof without a URL proves nothing, even if the request has none', async () => {
    const proof = await new SignJWT({ htm: 'POST', htu: 'nowhere', jti: 'y'.repeat(20) })
      .setProtectedHeader({ typ: 'dpop+jwt', alg: 'EdDSA', jwk: keys.publicKey.export({ format: 'jwk' }) as never })
      .setIssuedAt(Date.now() / 1000)
      .sign(keys.privateKey)
    // As a request line in absolute form gives it, behind our own address.
    const url = `${PUBLIC}:8443http://elsewhere/auth/saml/corp/token`
    await expect(deps.proofs.verify(proof, { method: 'POST', url, now: clock.time })).rejects.toMatchObject({
      code: 'PROOF_INVALID',
    })
  })

  it('requests of other clients and kinds are refused by name', async () => {
    expect(await ask('device_authorization', { client_id: 'other' })).toMatchObject({
      status: 401,
      said: { error: 'invalid_client' },
    })
    expect(await ask('token', {})).toMatchObject({ said: { error: 'invalid_request' } })
    expect(await ask('token', { grant_type: 'refresh_token' })).toMatchObject({ said: { error: 'invalid_request' } })
    expect(await ask('token', { grant_type: 'password' })).toMatchObject({ said: { error: 'unsupported_grant_type' } })
    const twice = await app.inject({
      method: 'POST',
      url: '/auth/saml/corp/token',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: 'client_id=pamctl&client_id=pamctl',
    })
    expect(twice.statusCode).toBe(400)
  })

  it('an ID token is valid for its key, its issuer and five minutes; after the key was replaced, not at all', async () => {
    const { tokens } = await signedIn()
    const token = tokens['id_token'] ?? ''
    await expect(prove(token, await createProver())).rejects.toMatchObject({ code: 'PROOF_INVALID' })
    const claims = decodeJwt(token)
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(300)
    const forge = (changed: object, key = keys.privateKey, typ = 'JWT') =>
      new SignJWT({ ...claims, ...changed }).setProtectedHeader({ alg: 'EdDSA', typ }).sign(key)
    const rejected = { code: 'TOKEN_INVALID' }
    await expect(prove(await forge({ aud: 'pam-gateway' }))).rejects.toMatchObject(rejected)
    await expect(prove(await forge({}, keys.privateKey, 'at+jwt'))).rejects.toMatchObject(rejected)
    await expect(prove(await forge({ sid: 'x' }))).rejects.toMatchObject(rejected)
    await expect(prove(await forge({ cnf: undefined }))).rejects.toMatchObject(rejected)
    await expect(prove(await forge({}, generateKeyPairSync('ed25519').privateKey))).rejects.toMatchObject(rejected)
    await expect(prove(await forge({ iss: 'https://idp.example' }))).rejects.toMatchObject({ code: 'ISSUER_UNTRUSTED' })
    providers = [samlProvider('corp'), samlProvider('partner')]
    await expect(prove(await forge({ iss: issuer('partner').issuer }))).rejects.toMatchObject(rejected)
    clock.time += 300_000
    await expect(prove(token)).rejects.toMatchObject({ code: 'TOKEN_EXPIRED' })
    deps = { ...deps, ownIssuer: ownIssuer(generateKeyPairSync('ed25519')) }
    await expect(prove(String((await refresh(tokens['refresh_token'] ?? '')).said['id_token']))).rejects.toMatchObject(
      rejected,
    )
  })
})
