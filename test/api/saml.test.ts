import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { samlRoutes } from '../../src/api/routes/saml.ts'
import { signInRoutes } from '../../src/api/routes/sign-in.ts'
import type { ApiDeps } from '../../src/api/deps.ts'
import { authenticateBrowser } from '../../src/api/web-sessions.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { SignInProvider } from '../../src/identity/sign-in-provider.ts'
import type { Database } from '../../src/storage/database.ts'
import { openLoginsOf, saveSignOutEverywhere } from '../../src/storage/logins.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { base64, type ResponseParts } from '../helpers/saml-provider.ts'
import {
  browse,
  IDP,
  logoutXml,
  PUBLIC,
  requestIdOf,
  requestOf,
  samlAnswer,
  samlProvider as provider,
  serveRoutes,
  signedLogoutOf,
  type Jar,
} from '../helpers/saml-routes.ts'
import { testStore } from '../helpers/test-store.ts'

/** The routes as they are served, a provider whose answers are made here, and browsers of a header each. */
const REPROOF = 300_000

let directory: string
let db: Database
let clock: HandClock
let app: FastifyInstance
let providers: SignInProvider[]
let deps: ApiDeps
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-saml-'))
  clock = new HandClock()
  await start()
})
// The library looks at the clock of the wall.
beforeEach(() => {
  clock.time = Date.now()
  providers = [provider('corp')]
})
afterAll(async () => {
  await stop()
  rmSync(directory, { recursive: true })
})

async function start(): Promise<void> {
  db = await testStore(join(directory, 'state.db'))
  deps = {
    db,
    clock,
    registry: new SessionRegistry(),
    webKey: Buffer.alloc(32, 9),
    logger: { warn() {}, info() {}, error() {}, debug() {} },
    refusals: { note() {} },
    publicUrl: () => PUBLIC,
    settings: () => ({
      reproof: REPROOF,
      policy: { access: [], commands: [], masking: [] },
      targets: [],
      provisioning: [],
      web: { providers, idle: 3_600_000, maxDuration: 12 * 3_600_000 },
    }),
  } as never
  app = await serveRoutes([signInRoutes, samlRoutes], deps)
}

async function stop(): Promise<void> {
  await app.close()
  await db.close()
}

const get = (path: string, jar: Jar) => browse(app, path, jar)
const post = (path: string, fields: Record<string, string>) => browse(app, path, new Map(), fields)

/** Goes to the provider; the ID of the request. */
async function begin(jar: Jar, query = ''): Promise<string> {
  const before = new Set(jar.keys())
  const answer = await get(`/auth/sign-in${query}`, jar)
  expect([answer.statusCode, answer.headers.location]).toEqual([
    303,
    expect.stringContaining('https://idp.example.com/sso?'),
  ])
  const [name = ''] = [...jar.keys()].filter((key) => !before.has(key))
  expect(name).toMatch(/^__Host-pam_sign_in_/)
  return requestIdOf(answer.headers.location)
}

const answerTo = (inResponseTo: string | undefined, more: Partial<ResponseParts> = {}): string =>
  samlAnswer(clock.time, inResponseTo, more)

const deliver = (SAMLResponse: string) => post('/auth/saml/corp/acs', { SAMLResponse })

async function signIn(jar: Jar): Promise<string> {
  const answer = answerTo(await begin(jar))
  const consumed = await deliver(answer)
  const finished = await get(String(consumed.headers.location), jar)
  expect([finished.statusCode, finished.headers.location]).toEqual([303, '/'])
  return answer
}

const who = (jar: Jar) =>
  authenticateBrowser(
    {
      method: 'GET',
      headers: { cookie: `__Host-pam_session=${jar.get('__Host-pam_session') ?? ''}` },
      from: 'here',
    },
    deps,
  )

const logout = (nameId?: string, sessionIndex?: string, destination?: string): string =>
  logoutXml(clock.time, nameId, sessionIndex, destination)
const signedLogout = (xml = logout(), key: 'idp' | 'other' = 'idp'): string => signedLogoutOf(xml, key)

describe('signing in to the dashboard with SAML', () => {
  it('leads to the provider and back to the page that was wanted', async () => {
    const jar: Jar = new Map()
    const consumed = await deliver(answerTo(await begin(jar, '?to=/sessions')))
    expect(consumed.statusCode).toBe(303)
    const finished = await get(String(consumed.headers.location), jar)
    expect(finished.headers.location).toBe('/sessions')
    const { login } = await who(jar)
    expect(login.person).toEqual({
      id: `saml:${IDP}|jane-0001`,
      kind: 'person',
      label: 'jane@example.com',
      groups: ['engineering'],
    })
    expect(login.authTime).toBe(clock.time - 5000)
    expect([...jar.keys()]).toEqual(['__Host-pam_session'])
  })

  it('asks for a fresh sign-in on request', async () => {
    const answer = await get('/auth/sign-in?fresh=true', new Map())
    expect(requestOf(answer.headers.location)).toContain('ForceAuthn="true"')
  })

  it('cannot be finished in a browser that did not start it, or twice', async () => {
    const [jane, mallory]: Jar[] = [new Map(), new Map()]
    const consumed = await deliver(answerTo(await begin(jane as Jar)))
    const path = String(consumed.headers.location)
    await begin(mallory as Jar)
    expect((await get(path, mallory as Jar)).statusCode).toBe(401)
    expect((await get(path, jane as Jar)).statusCode).toBe(303)
    expect((await get(path, jane as Jar)).statusCode).toBe(401)
  })

  it('accepts one response to a request, once, also after a restart', async () => {
    const jar: Jar = new Map()
    const request = await begin(jar)
    const answer = answerTo(request)
    expect((await deliver(answer)).statusCode).toBe(303)
    await stop()
    await start()
    for (const again of [answer, answerTo(request)]) expect((await deliver(again)).statusCode).toBe(401)
  })

  it('accepts one of two responses that arrive at the same time', async () => {
    const answer = answerTo(await begin(new Map()))
    const both = await Promise.all([deliver(answer), deliver(answer)])
    expect(both.map(({ statusCode }) => statusCode).toSorted((a, b) => a - b)).toEqual([303, 401])
  })

  it('expires a minute after the form', async () => {
    const jar: Jar = new Map()
    const consumed = await deliver(answerTo(await begin(jar)))
    clock.time += 61_000
    expect((await get(String(consumed.headers.location), jar)).statusCode).toBe(401)
  })

  it('may be started by the provider only where that is configured', async () => {
    expect((await deliver(answerTo(undefined))).statusCode).toBe(401)
    providers = [provider('corp', { idpInitiated: true })]
    const jar: Jar = new Map()
    const consumed = await deliver(answerTo(undefined))
    expect((await get(String(consumed.headers.location), jar)).headers.location).toBe('/')
    expect((await who(jar)).login.person.label).toBe('jane@example.com')
  })

  it('quotes nothing of a forged response', async () => {
    const jar: Jar = new Map()
    const forged = answerTo(await begin(jar), { audience: '<script>' })
    const answer = await deliver(forged)
    expect([answer.statusCode, answer.body.includes('<script')]).toEqual([401, false])
    expect((await post('/auth/saml/corp/acs', { SAMLResponse: 'x'.repeat(2_000_000) })).statusCode).toBe(413)
    expect((await post('/auth/saml/nobody/acs', { SAMLResponse: 'x' })).statusCode).toBe(404)
  })
})

describe('a sign-in with SAML', () => {
  it('is re-verified by itself, until it ends', async () => {
    const jar: Jar = new Map()
    await signIn(jar)
    const { login: before } = await who(jar)
    clock.time += 240_000
    const { login: after } = await who(jar)
    expect(after.id).toBe(before.id)
    expect(after.provenUntil).toBe(clock.time + REPROOF + 60_000)
    for (let minute = 5; minute < 60; minute++) {
      clock.time += 60_000
      if (minute < 59) await who(jar)
    }
    expect((await who(jar)).login.provenUntil).toBeLessThanOrEqual(before.createdAt + 3_600_000)
    clock.time = before.createdAt + 3_600_001
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('drops groups that the provider may no longer give', async () => {
    const jar: Jar = new Map()
    await signIn(jar)
    expect((await who(jar)).login.person.groups).toEqual(['engineering'])
    providers = [provider('corp', { knownGroups: ['staff'], groups: ['everybody'] })]
    clock.time += 240_000
    expect((await who(jar)).login.person.groups).toEqual(['everybody'])
  })

  it('is rejected once its provider is no longer configured', async () => {
    const jar: Jar = new Map()
    await signIn(jar)
    providers = [provider('other')]
    clock.time += 240_000
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('ends with a logout at the provider: the browser, the login and what is live under it', async () => {
    const jar: Jar = new Map()
    await signIn(jar)
    const { login } = await who(jar)
    const ending = vi.spyOn(deps.registry, 'endWhere')
    const answer = await post('/auth/saml/corp/slo', { SAMLRequest: signedLogout(), RelayState: 'r' })
    expect(answer.statusCode).toBe(303)
    const back = new URL(String(answer.headers.location))
    expect([back.origin + back.pathname, back.searchParams.get('RelayState')]).toEqual([
      'https://idp.example.com/slo',
      'r',
    ])
    expect(back.searchParams.get('SAMLResponse')).not.toBeNull()
    await expect(who(jar)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect(ending.mock.calls.map(([, { code }]) => code)).toContain('IDENTITY_LOST')
    ending.mockRestore()
    expect(await openLoginsOf(db.read, login.person.id)).toEqual([])
  })

  it.each<[string, () => string, number]>([
    ['of somebody else', () => signedLogout(logout('bob-0002')), 303],
    ['of another session', () => signedLogout(logout('jane-0001', 's2')), 303],
    ['that is not signed', () => base64(logout()), 401],
    ['signed by somebody else', () => signedLogout(logout(), 'other'), 401],
    [
      'changed after it was signed',
      () =>
        base64(
          Buffer.from(signedLogout(logout('bob-0002')), 'base64')
            .toString()
            .replace('bob-0002', 'jane-0001'),
        ),
      401,
    ],
    ['for another address', () => signedLogout(logout('jane-0001', 's1', 'https://x.example.com/slo')), 401],
    ['with a document type', () => base64(`<!DOCTYPE x>${Buffer.from(signedLogout(), 'base64').toString()}`), 401],
  ])('goes on after a logout %s', async (_what, request, status) => {
    const jar: Jar = new Map()
    await signIn(jar)
    expect((await post('/auth/saml/corp/slo', { SAMLRequest: request() })).statusCode).toBe(status)
    expect((await who(jar)).login.person.label).toBe('jane@example.com')
  })

  it('made after a logout is not ended by the same request again; one that waits to be taken is ended', async () => {
    const jar: Jar = new Map()
    const consumed = await deliver(answerTo(await begin(jar)))
    const request = signedLogout()
    expect((await post('/auth/saml/corp/slo', { SAMLRequest: request })).statusCode).toBe(303)
    expect((await get(String(consumed.headers.location), jar)).statusCode).toBe(401)
    clock.time += 1000
    await signIn(jar)
    expect((await post('/auth/saml/corp/slo', { SAMLRequest: request })).statusCode).toBe(401)
    expect((await who(jar)).login.person.label).toBe('jane@example.com')
  })
})

describe('a response that is held back', () => {
  /** Made before `happens`, and delivered after. */
  const heldBack = async (nameId: string, happens: () => Promise<unknown>) => {
    const answer = answerTo(await begin(new Map()), { nameId })
    clock.time += 1000
    await happens()
    return (await deliver(answer)).statusCode
  }
  const sign = (nameId: string, index: string) => async () => {
    const SAMLRequest = signedLogout(logout(nameId, index))
    expect((await post('/auth/saml/corp/slo', { SAMLRequest })).statusCode).toBe(303)
  }

  it('is rejected after a logout at the provider, of its session or of all', async () => {
    expect(await heldBack('kim-1', sign('kim-1', 's1'))).toBe(401)
    expect(await heldBack('kim-2', sign('kim-2', ''))).toBe(401)
    // Also where another request of the same name comes late, and the gateway was restarted.
    clock.time += 1000
    expect(
      await heldBack('kim-1', async () => {
        await sign('kim-1', 's1')()
        await stop()
        await start()
      }),
    ).toBe(401)
  })

  it('is accepted after a logout of somebody else, of another session, and from before it', async () => {
    expect(await heldBack('kim-3', sign('kim-4', ''))).toBe(303)
    expect(await heldBack('kim-3', sign('kim-3', 's2'))).toBe(303)
    await sign('kim-3', '')()
    clock.time += 1000
    expect(await heldBack('kim-3', () => Promise.resolve())).toBe(303)
  })

  it('is rejected after its person was signed out everywhere', async () => {
    const everywhere = () => db.change((tx) => saveSignOutEverywhere(tx, `saml:${IDP}|kim-5`, clock.time))
    expect(await heldBack('kim-5', everywhere)).toBe(401)
    expect(await heldBack('kim-5', () => Promise.resolve())).toBe(303)
  })
})

describe('several providers', () => {
  beforeEach(() => {
    providers = [provider('corp', { domains: ['example.com'] }), provider('partner')]
  })

  it('are chosen by their buttons', async () => {
    const page = await get('/auth/sign-in?to=/live', new Map())
    expect([page.statusCode, page.headers['content-security-policy']]).toEqual([
      200,
      expect.stringContaining("form-action 'self'"),
    ])
    expect(page.body).toContain('/auth/sign-in?provider=partner&#38;to=%2Flive&#38;fresh=false')
    await begin(new Map(), '?provider=corp')
  })

  it('are chosen by the domain of an address, which cannot add one', async () => {
    const known = await get('/auth/sign-in?email=jane@Example.com', new Map())
    expect(known.body).toContain('url=/auth/sign-in?provider=corp')
    const other = await get('/auth/sign-in?email=x@example.com.evil.example', new Map())
    expect(other.body).toContain('url=/auth/sign-in?provider=partner')
    expect((await get('/auth/sign-in?provider=nobody', new Map())).statusCode).toBe(401)
  })

  it('reject each other’s responses', async () => {
    const SAMLResponse = answerTo(await begin(new Map(), '?provider=corp'))
    expect((await post('/auth/saml/partner/acs', { SAMLResponse })).statusCode).toBe(401)
  })

  it('each read their own metadata of ours', async () => {
    const { headers, body } = await get('/auth/saml/corp/metadata', new Map())
    expect(headers['content-type']).toMatch(/samlmetadata/)
    expect(body).toContain(`entityID="${PUBLIC}/auth/saml/corp/metadata"`)
    expect(body).toContain(`Location="${PUBLIC}/auth/saml/corp/acs"`)
    expect(body).toContain('WantAssertionsSigned="true"')
  })
})
