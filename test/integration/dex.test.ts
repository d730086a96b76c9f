import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiDeps } from '../../src/api/deps.ts'
import { signInRoutes } from '../../src/api/routes/sign-in.ts'
import { authenticateBrowser } from '../../src/api/web-sessions.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import { refreshSignIn, signInWithDevice } from '../../src/gateway-client/login.ts'
import { identityVerifier, type ProvenIdentity } from '../../src/identity/identity-token.ts'
import { issuerSchema } from '../../src/identity/issuer.ts'
import type { SignInProvider } from '../../src/identity/sign-in-provider.ts'
import { systemClock } from '../../src/shared/clock.ts'
import { openSqlite, type Database } from '../../src/storage/database.ts'
import type { SignIn } from '../../src/shared/identity-provider.ts'
import { DEX_PASSWORD, startDex, type Dex } from '../helpers/dex.ts'
import { FormBrowser, type FormPage } from '../helpers/form-browser.ts'
import { PUBLIC, serveRoutes } from '../helpers/saml-routes.ts'
import { DEX } from '../helpers/test-clients.ts'

/** A provider that is not ours, in the device flow that `pamctl login` uses. */
describe.skipIf(DEX === undefined)('people of a real Dex', () => {
  let dex: Dex
  beforeAll(async () => {
    dex = await startDex()
  })
  afterAll(() => dex?.stop())

  const trusted = () => ({
    ...issuerSchema.parse({ url: dex.issuer, for: 'people', clientId: 'pamctl' }),
    authority: undefined,
    fetch,
  })
  const identityOf = (token: string): Promise<ProvenIdentity> => identityVerifier([trusted()]).verify(token, Date.now())

  /** `pamctl login`, its link opened in a browser; `signIn` is what the person does once the code is confirmed. */
  async function login(
    signIn: (browser: FormBrowser, page: FormPage) => Promise<FormPage>,
  ): Promise<{ readonly signedIn: SignIn; readonly last: FormPage }> {
    let last: Promise<FormPage> | undefined
    const browser = new FormBrowser(fetch)
    const { url, clientId, scopes } = trusted()
    const signedIn = await signInWithDevice(
      { issuer: url, clientId, scopes } as Parameters<typeof signInWithDevice>[0],
      {
        fetch,
        fresh: false,
        signal: AbortSignal.timeout(30_000),
        show({ completeUrl = '' }) {
          last = browser
            .open(completeUrl)
            .then((page) => browser.submit(page))
            .then((page) => signIn(browser, page))
        },
      },
    )
    if (last === undefined) throw new Error('no link was shown')
    return { signedIn, last: await last }
  }
  /** The link to one of the ways to sign in that Dex offers. */
  const follow = (browser: FormBrowser, { html, url }: FormPage, connector: string): Promise<FormPage> => {
    const link = new RegExp(`href="([^"]*/auth/${connector}[^"]*)"`).exec(html)?.[1]
    if (link === undefined) throw new Error(`no ${connector} at ${url}: ${html.slice(0, 2000)}`)
    return browser.open(new URL(link.replaceAll('&amp;', '&').replaceAll('&#43;', '+'), url).href)
  }

  it('of a connector have its groups, and go on with a refresh token that is good once', async () => {
    const { signedIn } = await login((browser, page) => follow(browser, page, 'mock'))
    const identity = await identityOf(signedIn.identityToken)
    expect(identity).toMatchObject({ kind: 'person', label: 'kilgore@kilgore.trout', groups: ['authors'] })
    const options = { issuer: dex.issuer, clientId: 'pamctl', fetch }
    const next = await refreshSignIn(signedIn.refreshToken ?? '', options)
    const renewed = await identityOf(next.identityToken)
    expect(renewed).toMatchObject({ id: identity.id, groups: ['authors'] })
    expect(renewed.digest).not.toBe(identity.digest)
    // Dex says invalid_request of it where RFC 6749 (5.2) has invalid_grant: the sign-in ends when its last proof does (docs/identity/dex.md).
    await expect(refreshSignIn(signedIn.refreshToken ?? '', options)).rejects.toMatchObject({
      code: 'ISSUER_UNREACHABLE',
      message: expect.stringContaining('invalid_request'),
    })
  })

  it('of its own sign in with their password, and are in no group', async () => {
    const { signedIn } = await login(async (browser, page) => {
      const form = await follow(browser, page, 'local')
      const wrong = await browser.submit(form, { login: 'jane@example.com', password: 'wrong' })
      expect(wrong.status).toBe(401)
      return browser.submit(wrong, { login: 'jane@example.com', password: DEX_PASSWORD })
    })
    expect(await identityOf(signedIn.identityToken)).toMatchObject({
      kind: 'person',
      label: 'jane@example.com',
      email: 'jane@example.com',
      groups: [],
      // As docs/identity/dex.md says.
      authTime: undefined,
    })
  })

  describe('who sign in to the dashboard', () => {
    let db: Database
    let deps: ApiDeps
    let app: FastifyInstance
    let directory: string
    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), 'pamctl-test-dex-web-'))
      db = await openSqlite(join(directory, 'state.db'))
      const { url, clientId, scopes } = trusted()
      const client = { issuer: url, clientId: clientId ?? '', scopes, fetch }
      const providers: SignInProvider[] = [{ kind: 'oidc', name: 'dex', domains: [], client }]
      deps = {
        db,
        clock: systemClock,
        registry: new SessionRegistry(),
        webKey: Buffer.alloc(32, 9),
        logger: { warn() {}, info() {}, error() {}, debug() {} },
        refusals: { note() {} },
        publicUrl: () => PUBLIC,
        identities: () => identityVerifier([trusted()]),
        settings: () => ({
          reproof: 300_000,
          policy: { access: [], commands: [], masking: [] },
          targets: [],
          provisioning: [],
          web: { providers, idle: 3_600_000, maxDuration: 12 * 3_600_000 },
        }),
      } as never
      app = await serveRoutes([signInRoutes], deps)
    })
    afterAll(async () => {
      await app?.close()
      await db?.close()
      rmSync(directory, { recursive: true, force: true })
    })

    /** The gateway behind its public URL, Dex on the loopback. */
    const served: typeof fetch = async (input, init) => {
      const url = String(input)
      if (!url.startsWith(`${PUBLIC}/`)) return fetch(input, init)
      const answer = await app.inject({ url: url.slice(PUBLIC.length), headers: { ...(init?.headers as object) } })
      const headers = new Headers()
      for (const [name, value] of Object.entries(answer.headers))
        for (const one of [value ?? ''].flat()) headers.append(name, String(one))
      return new Response(answer.body, { status: answer.statusCode, headers })
    }
    const signIn = async (): Promise<FormBrowser> => {
      const browser = new FormBrowser(served)
      const choice = await browser.open(`${PUBLIC}/auth/sign-in?to=/account`)
      expect(choice.url).toContain(dex.issuer)
      expect((await follow(browser, choice, 'mock')).url).toBe(`${PUBLIC}/account`)
      return browser
    }
    const who = (cookie: string) =>
      authenticateBrowser({ method: 'GET', headers: { cookie: `__Host-pam_session=${cookie}` }, from: 'here' }, deps)

    it('come back to the page that they wanted, in a session of their own', async () => {
      const browser = await signIn()
      const cookie = browser.cookiesOf(PUBLIC).get('__Host-pam_session') ?? ''
      const { login } = await who(cookie)
      expect(login.person).toMatchObject({ label: 'kilgore@kilgore.trout', groups: ['authors'], kind: 'person' })
      expect(login.origin?.issuer).toBe(dex.issuer)
      // Nothing of the provider's is in the browser.
      expect([...browser.cookiesOf(PUBLIC).values()].join()).not.toContain('eyJ')
    })

    it('come back in the browser that they began in, and once', async () => {
      const browser = new FormBrowser(served)
      const choice = await browser.open(`${PUBLIC}/auth/sign-in`)
      let callback = ''
      const watched = new FormBrowser(async (input, init) => {
        if (String(input).startsWith(`${PUBLIC}/auth/callback`)) {
          callback = String(input)
          return new Response('', { status: 200 })
        }
        return served(input, init)
      })
      await follow(watched, choice, 'mock')
      expect(callback).toContain('code=')
      const other = await new FormBrowser(served).open(callback)
      expect([other.status, new URL(other.url).pathname]).toEqual([expect.any(Number), '/auth/callback'])
      expect(other.status).toBeGreaterThanOrEqual(400)
      expect((await browser.open(callback)).url).toBe(`${PUBLIC}/`)
      expect((await browser.open(callback)).status).toBeGreaterThanOrEqual(400)
    })
  })

  it('have tokens that are for nobody else', async () => {
    const { signedIn } = await login((browser, page) => follow(browser, page, 'mock'))
    const other = { ...trusted(), clientId: 'another' }
    await expect(identityVerifier([other]).verify(signedIn.identityToken, Date.now())).rejects.toMatchObject({
      code: 'TOKEN_INVALID',
    })
    const [head, body, signature = ''] = signedIn.identityToken.split('.')
    const changed = `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    await expect(identityOf(changed)).rejects.toMatchObject({ code: 'TOKEN_INVALID' })
  })
})
