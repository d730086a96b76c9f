import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { authenticateBrowser, openWebSession } from '../../src/api/web-sessions.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import { identityVerifier } from '../../src/identity/identity-token.ts'
import { issuerSchema } from '../../src/identity/issuer.ts'
import { beginSignIn, finishSignIn, type WebClient } from '../../src/identity/web-sign-in.ts'
import type { Database } from '../../src/storage/database.ts'
import { findLogin, openLoginsOf } from '../../src/storage/logins.ts'
import { startFakeProvider, type FakeProvider, type TokenAnswer } from '../helpers/fake-provider.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { source } from '../helpers/scim-service.ts'
import { testStore } from '../helpers/test-store.ts'

/** A provider over HTTP and a store; time is moved by hand. A proof holds for REPROOF and a minute. */
const REPROOF = 300_000
const IDLE = 3_600_000
const redirectUri = 'https://pam.example.com/auth/callback'

/** What is due already comes by itself. */
class WebClock extends HandClock {
  override at(at: number, callback: () => void): () => void {
    if (at > this.time) return super.at(at, callback)
    const soon = setImmediate(callback)
    return () => clearImmediate(soon)
  }
}

describe('the re-verification of a signed-in browser', () => {
  let directory: string
  let db: Database
  let provider: FakeProvider
  let clock: HandClock
  let cookie: string
  let loginId: string
  /** Whether a directory that has to know its people does not know this one. */
  let barred: boolean
  let deps: Parameters<typeof authenticateBrowser>[1]

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
    provider = await startFakeProvider()
    clock = new WebClock()
    barred = false
    const client: WebClient = { issuer: provider.url, clientId: 'pamctl', scopes: ['openid'], fetch }
    const issuer = issuerSchema.parse({ url: provider.url, for: 'people', clientId: 'pamctl' })
    const verifier = identityVerifier([{ ...issuer, authority: undefined, fetch }])
    deps = {
      db,
      clock,
      registry: new SessionRegistry(),
      // Tokens are made by the clock of the wall, and live by the one of the test.
      identities: () => ({
        verify: async (token: string) => {
          const identity = await verifier.verify(token, Date.now())
          const directory = { source: 'okta', key: 'jane' }
          return { ...identity, issuedAt: clock.now(), origin: { ...identity.origin, directory } }
        },
      }),
      logger: { warn: () => {} },
      publicUrl: () => 'https://pam.example.com',
      settings: () => ({
        reproof: REPROOF,
        policy: { access: [], commands: [], masking: [] },
        targets: [],
        provisioning: barred ? [source()] : [],
        web: {
          providers: [{ kind: 'oidc', name: 'idp', domains: [], client }],
          idle: IDLE,
          maxDuration: 12 * 3_600_000,
        },
      }),
    } as never
    const { pending } = await beginSignIn(client, { redirectUri, fresh: false })
    provider.claims = { nonce: pending.nonce }
    const answer = new URL(`${redirectUri}?code=c&state=${pending.state}`)
    const { secret, login } = await openWebSession(
      await finishSignIn(client, answer, pending, redirectUri),
      'here',
      deps,
    )
    provider.claims = {}
    ;[cookie, loginId] = [secret, login.id]
    provider.asked.length = 0
  })
  afterEach(async () => {
    provider.close()
    await db.close()
    rmSync(directory, { recursive: true })
  })

  const call = (more: Record<string, string> = {}) =>
    authenticateBrowser(
      { method: 'GET', headers: { cookie: `__Host-pam_session=${cookie}`, ...more }, from: 'here' },
      deps,
    )
  const provenUntil = async (): Promise<number> => (await findLogin(db.read, loginId))?.provenUntil ?? 0
  const limit = REPROOF + 60_000

  it('happens only when it is due, well before the limit', async () => {
    const start = clock.time
    clock.time = start + REPROOF * 0.6 - 1000
    await call()
    expect(provider.asked).toHaveLength(0)
    clock.time = start + REPROOF * 0.6 + 1000
    await call()
    expect(provider.asked.map((asked) => asked.get('refresh_token'))).toEqual(['refresh 1'])
    expect(await provenUntil()).toBe(clock.time + limit)
  })

  it('is let in for as long as something is done, and its pages that look by themselves do nothing', async () => {
    for (let time = 0; time < 3; time++) {
      clock.time += IDLE * 0.9
      await call()
    }
    clock.time += IDLE * 0.9
    await call({ 'pam-background': '1' })
    clock.time += IDLE * 0.1
    await expect(call()).rejects.toMatchObject({
      code: 'NOT_SIGNED_IN',
      message: 'your session ended after a while without activity',
    })
  })

  it.each<[string, TokenAnswer]>([
    ['cut off', 'cut'],
    ['500', [500, '{}']],
    ['502 of a proxy', [502, '<html>']],
    ['503 that calls itself a refusal', [503, '{"error":"access_denied"}']],
    ['429', [429, '{"error":"invalid_grant"}']],
    ['temporarily unavailable', [400, '{"error":"temporarily_unavailable"}']],
    ['about the client, not the person', [401, '{"error":"invalid_client"}']],
    ['what Dex says of a refresh token that was used before', [400, '{"error":"invalid_request"}']],
    ['no JSON', [200, 'hello']],
    ['without an identity token', [200, '{"access_token":"x","token_type":"bearer"}']],
  ])('keeps the session when the answer is %s, and tries again, more slowly each time', async (_what, how) => {
    const start = clock.time
    provider.answers = Array<TokenAnswer>(1000).fill(how)
    clock.time = start + REPROOF * 0.6 + 1
    const asked: number[] = []
    while (clock.time < start + limit) {
      const before = provider.asked.length
      await call()
      if (provider.asked.length > before) asked.push(clock.time - start)
      clock.time += 1000
    }
    // 2, 4, 8, 16 and then 30 seconds, each up to a fifth less: some ten times in the three minutes that are left.
    expect(asked.length).toBeGreaterThanOrEqual(8)
    expect(asked.length).toBeLessThanOrEqual(13)
    const gaps = asked.slice(1).map((time, index) => time - (asked[index] ?? 0))
    expect(gaps[0]).toBeLessThanOrEqual(3000)
    expect(Math.max(...gaps)).toBeLessThanOrEqual(31_000)
    expect((await findLogin(db.read, loginId))?.endedAt).toBeUndefined()
    // Beyond the limit nobody is let in, and nobody is signed out either: the provider has not said no.
    await expect(call()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect((await findLogin(db.read, loginId))?.endedAt).toBeUndefined()
    provider.answers = []
    clock.time += 31_000
    await call()
    expect(await provenUntil()).toBe(clock.time + limit)
  })

  it('does not wait for a slow provider while the last proof is valid, and uses its answer when it arrives', async () => {
    provider.answers = ['silence']
    clock.time += REPROOF * 0.6 + 1
    const first = call()
    await expect.poll(() => provider.asked.length).toBe(1)
    clock.next() // its patience is over
    await first
    // Nobody else waits for it, and nobody asks a second time: a refresh token is good for one use.
    clock.time += 1000
    await Promise.all([call(), call()])
    expect(provider.asked).toHaveLength(1)
    await provider.release()
    await expect.poll(provenUntil).toBe(clock.time + limit)
    expect(provider.asked).toHaveLength(1)
  })

  it('ends the session at once when a directory says no', async () => {
    barred = true
    clock.time += REPROOF * 0.6 + 1
    await expect(call()).rejects.toMatchObject({ code: 'ACCOUNT_DISABLED' })
    expect((await findLogin(db.read, loginId))?.endedAt).toBe(clock.time)
    await expect(call()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
  })

  it('ends the session when the provider names somebody else, who is not signed in by it', async () => {
    provider.claims = { sub: 'mallory' }
    clock.time += REPROOF * 0.6 + 1
    await expect(call()).rejects.toMatchObject({ code: 'IDENTITY_LOST' })
    await expect(call()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect(await openLoginsOf(db.read, `${provider.url}|mallory`)).toEqual([])
  })

  it.each<[string, TokenAnswer]>([
    ['the grant is over', [400, '{"error":"invalid_grant"}']],
    ['access is denied', [403, '{"error":"access_denied"}']],
    ['the person must sign in', [400, '{"error":"login_required"}']],
  ])('ends the session at once when the provider refuses: %s', async (_what, how) => {
    provider.answers = [how]
    clock.time += REPROOF * 0.6 + 1
    await expect(call()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect((await findLogin(db.read, loginId))?.endedAt).toBe(clock.time)
    provider.answers = []
    await expect(call()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    expect(provider.asked).toHaveLength(1)
  })
})
