import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify from 'fastify'
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiDeps } from '../../src/api/deps.ts'
import { proveIdentity } from '../../src/api/prove-identity.ts'
import { proveSamlSession } from '../../src/api/saml-identity.ts'
import { RefusalCounter } from '../../src/api/refusal-counter.ts'
import { providerLogoutRoutes } from '../../src/api/routes/provider-logout.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import { identityVerifier } from '../../src/identity/identity-token.ts'
import { issuerSchema } from '../../src/identity/issuer.ts'
import type { Login } from '../../src/identity/login.ts'
import type { Database } from '../../src/storage/database.ts'
import { findLogin } from '../../src/storage/logins.ts'
import { saveSamlSession, type SamlSession } from '../../src/storage/saml-sessions.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { samlProvider } from '../helpers/saml-routes.ts'
import { testStore } from '../helpers/test-store.ts'

const ISSUER = 'https://idp.example.com'
type Claims = Readonly<Record<string, unknown>>
const EVENTS = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-logout-'))
const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const strange = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const clock = new HandClock()

let db: Database
let app: ReturnType<typeof Fastify>
let deps: ApiDeps
let count = 0

/** The gateway's side, on the store of a file: as after a start. */
async function start(): Promise<void> {
  db = await testStore(join(directory, 'state.db'))
  const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'k', alg: 'ES256' }
  const answers = async (input: string | URL | Request): Promise<Response> =>
    Response.json(String(input).endsWith('/jwks') ? { keys: [jwk] } : { issuer: ISSUER, jwks_uri: `${ISSUER}/jwks` })
  const trusted = (issuer: object) => ({
    ...issuerSchema.parse(issuer),
    authority: undefined,
    fetch: answers,
  })
  const verifier = identityVerifier([
    trusted({ url: ISSUER, for: 'people', clientId: 'pamctl' }),
    trusted({ url: ISSUER, for: 'services', audience: 'ci', requireSubject: 'ci' }),
  ])
  deps = {
    db,
    clock,
    registry: new SessionRegistry(),
    refusals: new RefusalCounter(),
    logger: { warn: () => {} },
    identities: () => verifier,
    settings: () => ({
      policy: { access: [], commands: [], masking: [] },
      targets: [],
      reproof: 300_000,
      provisioning: [],
      web: { providers: [samlProvider('idp')] },
    }),
  } as unknown as ApiDeps
  app = Fastify()
  await app.register(providerLogoutRoutes, deps)
}
const stop = async (): Promise<void> => {
  await app.close()
  await db.close()
}
beforeAll(start)
afterAll(async () => {
  await stop()
  rmSync(directory, { recursive: true, force: true })
})

const seconds = (): number => Math.floor(clock.now() / 1000)
const sign = (claims: Claims, header: object = {}, key = keys.privateKey): Promise<string> =>
  new SignJWT({ iss: ISSUER, aud: 'pamctl', iat: seconds(), exp: seconds() + 120, ...claims })
    .setProtectedHeader({ alg: 'ES256', kid: 'k', ...header })
    .sign(key)
const logoutToken = (claims: Claims, header: object = { typ: 'logout+jwt' }, key = keys.privateKey): Promise<string> =>
  sign({ jti: `jti-${count++}`, events: EVENTS, ...claims }, header, key)
const signIn = async (sub: string, sid?: string, key = `key-${count++}`): Promise<Login> =>
  proveIdentity(await sign({ sub, jti: `id-${count++}`, ...(sid === undefined ? {} : { sid }) }), key, 'here', deps)
const post = async (token: string, times = 1): Promise<number> => {
  const one = `logout_token=${encodeURIComponent(token)}`
  const response = await app.inject({
    method: 'POST',
    url: '/auth/backchannel-logout',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    payload: Array.from({ length: times }, () => one).join('&'),
  })
  return response.statusCode
}
const isOpen = async ({ id }: Login): Promise<boolean> => (await findLogin(db.read, id))?.endedAt === undefined
/** A live session of a login; resolves to why it ended. */
const live = ({ id, person }: Login): { reason: string | undefined } => {
  const session: { reason: string | undefined } = { reason: undefined }
  deps.registry.add({
    id: `ses_${count++}`,
    person,
    loginId: id,
    grantId: 'g',
    target: 't',
    account: 'a',
    tally: () => ({ commands: 0, denied: 0, held: 0 }),
    activity: () => undefined,
    recent: () => [],
    end: ({ code, message }) => void (session.reason ??= `${code}: ${message}`),
    extend: () => {},
    decided: () => {},
    isAsBegun: () => true,
    held: () => undefined,
  })
  return session
}

describe('a logout at the provider', () => {
  it('of a session ends its logins and what runs under them, and no others', async () => {
    const [mine, same, other, hers] = [
      await signIn('jane', 's1'),
      await signIn('jane', 's1'),
      await signIn('jane', 's2'),
      await signIn('bob', 's3'),
    ]
    const session = live(mine)
    expect(await post(await logoutToken({ sid: 's1' }))).toBe(200)
    expect(session.reason).toBe('IDENTITY_LOST: you logged out at the identity provider')
    expect(await Promise.all([mine, same, other, hers].map(isOpen))).toEqual([false, false, true, true])
  })

  it('of a subject ends all sessions of it', async () => {
    const logins = [await signIn('carol', 's4'), await signIn('carol'), await signIn('dave')]
    expect(await post(await logoutToken({ sub: 'carol' }))).toBe(200)
    expect(await Promise.all(logins.map(isOpen))).toEqual([false, false, true])
  })

  it('of both ends the session, and logins of the subject that may be of it', async () => {
    const logins = [
      await signIn('erin', 's5'),
      await signIn('erin', 's6'),
      await signIn('erin'),
      await signIn('dave2', 's5'),
    ]
    expect(await post(await logoutToken({ sub: 'erin', sid: 's5' }))).toBe(200)
    expect(await Promise.all(logins.map(isOpen))).toEqual([false, true, false, true])
  })

  it('revokes tokens that nobody has presented yet', async () => {
    const kept = await sign({ sub: 'frank', sid: 's7', jti: 'kept' })
    const all = await sign({ sub: 'grace', jti: 'all' })
    clock.time += 2000
    expect(await post(await logoutToken({ sid: 's7' }))).toBe(200)
    expect(await post(await logoutToken({ sub: 'grace' }))).toBe(200)
    for (const token of [kept, all])
      await expect(proveIdentity(token, `key-${count++}`, 'here', deps)).rejects.toMatchObject({ code: 'TOKEN_USED' })
    clock.time += 2000
    // A session that has ended gives no tokens; signing in again begins another one.
    await expect(signIn('frank', 's7')).rejects.toMatchObject({ code: 'TOKEN_USED' })
    await expect(signIn('frank', 's8')).resolves.toBeDefined()
    await expect(signIn('grace')).resolves.toBeDefined()
  })

  it('revokes the tokens of a provider whose clock is ahead', async () => {
    const ahead = (later: number): Claims => ({ sub: 'kim', jti: `id-${count++}`, iat: seconds() + later })
    const before = await Promise.all([20, 22].map((later) => sign(ahead(later))))
    clock.time += 2000
    expect(await post(await logoutToken({ sub: 'kim', iat: seconds() + 20 }))).toBe(200)
    for (const token of before)
      await expect(proveIdentity(token, `key-${count++}`, 'here', deps)).rejects.toMatchObject({ code: 'TOKEN_USED' })
    const after = await sign(ahead(21))
    await expect(proveIdentity(after, `key-${count++}`, 'here', deps)).resolves.toBeDefined()
  })

  it('ends nothing of a SAML provider with the same URL, nor of the person that both know', async () => {
    const session = (name: string, person: string): SamlSession => ({
      id: `saml-${name}`,
      provider: ISSUER,
      nameId: name,
      sessionIndex: 's9',
      requestId: undefined,
      person: { id: person, label: name, groups: [], email: undefined, authTime: undefined },
      directory: undefined,
      createdAt: clock.now(),
      endsAt: clock.now() + 3_600_000,
      endedAt: undefined,
      loginId: undefined,
    })
    const ours = await signIn('ivan', 's9')
    const [own, joined] = [session('ivan', `saml:${ISSUER}|ivan`), session('ivan@example.com', ours.person.id)]
    const logins: Login[] = []
    for (const one of [own, joined]) {
      await db.change((tx) => saveSamlSession(tx, one, one.id))
      logins.push(await proveSamlSession(one, `key of ${one.id}`, 'here', deps))
    }
    clock.time += 2000
    expect(await post(await logoutToken({ sid: 's9' }))).toBe(200)
    expect(await post(await logoutToken({ sub: 'ivan' }))).toBe(200)
    expect(await isOpen(ours)).toBe(false)
    expect(await Promise.all(logins.map(isOpen))).toEqual([true, true])
    for (const one of [own, joined])
      await expect(proveSamlSession(one, `key of ${one.id}`, 'here', deps)).resolves.toBeDefined()
  })

  it('is accepted once, also after a restart', async () => {
    const token = await logoutToken({ sub: 'heidi' })
    expect([await post(token), await post(token)]).toEqual([200, 400])
    await stop()
    await start()
    clock.time += 2000
    const login = await signIn('heidi')
    expect(await post(token)).toBe(400)
    expect(await isOpen(login)).toBe(true)
  })
})

describe('a logout token', () => {
  const event = 'http://schemas.openid.net/event/backchannel-logout'
  const cases: [string, () => Promise<string>][] = [
    ['signed by another key', () => logoutToken({ sub: 'ivan' }, {}, strange.privateKey)],
    ['of another issuer', () => logoutToken({ sub: 'ivan', iss: 'https://evil.example.com' })],
    ['for another client', () => logoutToken({ sub: 'ivan', aud: 'other' })],
    ['for services', () => logoutToken({ sub: 'ivan', aud: 'ci' })],
    ['that has expired', () => logoutToken({ sub: 'ivan', iat: seconds() - 300, exp: seconds() - 60 })],
    ['of the future', () => logoutToken({ sub: 'ivan', iat: seconds() + 300, exp: seconds() + 400 })],
    ['of long ago', () => logoutToken({ sub: 'ivan', iat: seconds() - 90_000 })],
    ['valid for long', () => logoutToken({ sub: 'ivan', exp: seconds() + 90_000 })],
    ['without an end', () => logoutToken({ sub: 'ivan', exp: undefined })],
    ['without a beginning', () => logoutToken({ sub: 'ivan', iat: undefined })],
    ['without jti', () => logoutToken({ sub: 'ivan', jti: undefined })],
    ['with an empty jti', () => logoutToken({ sub: 'ivan', jti: '' })],
    ['without events', () => logoutToken({ sub: 'ivan', events: undefined })],
    ['of another event', () => logoutToken({ sub: 'ivan', events: { other: {} } })],
    ['of an event that is no object', () => logoutToken({ sub: 'ivan', events: { [event]: true } })],
    ['of an event that is a list', () => logoutToken({ sub: 'ivan', events: { [event]: [] } })],
    ['with events as a text', () => logoutToken({ sub: 'ivan', events: event })],
    ['with a nonce', () => logoutToken({ sub: 'ivan', nonce: 'n' })],
    ['with an empty nonce', () => logoutToken({ sub: 'ivan', nonce: '' })],
    ['about nobody', () => logoutToken({})],
    ['with a session that is no text', () => logoutToken({ sub: 'ivan', sid: 7 })],
    ['of the type of an access token', () => logoutToken({ sub: 'ivan' }, { typ: 'at+jwt' })],
    ['that is an identity token', () => sign({ sub: 'ivan', jti: 'x' })],
    [
      'without a signature',
      () =>
        Promise.resolve(
          new UnsecuredJWT({
            iss: ISSUER,
            aud: 'pamctl',
            iat: seconds(),
            exp: seconds() + 60,
            jti: 'u',
            sub: 'ivan',
            events: EVENTS,
          }).encode(),
        ),
    ],
    ['that is none', () => Promise.resolve('x')],
    ['that is empty', () => Promise.resolve('')],
    ['that is too long', () => logoutToken({ sub: 'ivan', x: 'x'.repeat(30_000) })],
  ]
  it.each(cases)('%s ends nothing', async (_what, make) => {
    const login = await signIn('ivan', 'si')
    expect(await post(await make())).toBeGreaterThanOrEqual(400)
    expect(await isOpen(login)).toBe(true)
  })

  it('is given once in a form, and in nothing else', async () => {
    const login = await signIn('judy')
    expect(await post(await logoutToken({ sub: 'judy' }), 2)).toBe(400)
    const token = await logoutToken({ sub: 'judy' })
    const url = '/auth/backchannel-logout'
    expect((await app.inject({ method: 'POST', url, payload: { logout_token: token } })).statusCode).toBe(400)
    expect((await app.inject({ method: 'GET', url: `${url}?logout_token=${token}` })).statusCode).toBe(404)
    expect(await isOpen(login)).toBe(true)
  })

  it('signs nobody in', async () => {
    const token = await logoutToken({ sub: 'mallory' })
    await expect(proveIdentity(token, 'key', 'here', deps)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})
