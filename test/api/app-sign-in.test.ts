import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { appAnswer, AppSignIn } from '../../src/api/app-sign-in.ts'
import { newCookieSecret, webSessionId } from '../../src/api/cookies.ts'
import { endLogin } from '../../src/api/prove-identity.ts'
import { SessionRegistry } from '../../src/gateway/session-registry.ts'
import type { Login } from '../../src/identity/login.ts'
import type { Database } from '../../src/storage/database.ts'
import { saveLogin } from '../../src/storage/logins.ts'
import { saveWebSession, type WebSession } from '../../src/storage/web-sessions.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { testStore } from '../helpers/test-store.ts'

/** The hand-over between the dashboard and a target's host, as an attacker would bend it. */
describe('signing in at a host of a target', () => {
  let directory: string
  let db: Database
  let clock: HandClock
  let secret: string
  let login: Login
  let session: WebSession
  let deps: ConstructorParameters<typeof AppSignIn>[0]
  let apps: AppSignIn

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
    db = await testStore(join(directory, 'state.db'))
    clock = new HandClock()
    secret = newCookieSecret()
    const now = clock.now()
    login = {
      id: 'lgn_1',
      person: { id: 'p1', kind: 'person', label: 'jane', groups: [] },
      thumbprint: `web:${webSessionId(secret)}`,
      email: undefined,
      authTime: undefined,
      provenUntil: now + 100 * HOUR,
      createdAt: now,
      endedAt: undefined,
    }
    session = {
      id: webSessionId(secret),
      loginId: 'lgn_1',
      createdAt: now,
      seenAt: now,
      endsAt: now + 12 * HOUR,
      refresh: undefined,
      provider: undefined,
    }
    await db.change(async (tx) => {
      await saveLogin(tx, login)
      await saveWebSession(tx, session)
    })
    deps = {
      db,
      clock,
      registry: new SessionRegistry(),
      webKey: randomBytes(32),
      publicUrl: () => 'https://pam.example.com',
      settings: () => ({
        apps: { domain: 'apps.example.com' },
        reproof: 300_000,
        web: { idle: HOUR, maxDuration: 12 * HOUR },
      }),
    } as never
    apps = new AppSignIn(deps)
  })
  afterEach(async () => {
    await db.close()
    rmSync(directory, { recursive: true })
  })

  /** What a browser keeps and where it is sent, of a sign-in that begins at a target. */
  const begin = (target: string, path = '/a?b=1') => {
    const { to, cookies } = apps.begin(target, path)
    const query = new URL(to).searchParams
    const asked = {
      target: query.get('target') ?? '',
      state: query.get('state') ?? '',
      challenge: query.get('challenge') ?? '',
    }
    return { to, cookie: pairOf(cookies[0]), setCookie: cookies[0], asked }
  }
  const answer = (asked: Parameters<typeof appAnswer>[1]): string => {
    const url = new URL(appAnswer({ session, secret }, asked, deps))
    return url.pathname + url.search
  }
  const visit = (target: string, cookie: string | undefined, isUse = true) =>
    apps.visitor(target, cookie, { isUse, from: 'here' })

  it('leads to the dashboard and back to the page, with nothing but a code in a URL', async () => {
    const { to, setCookie, cookie, asked } = begin('shop')
    expect(to).toMatch(/^https:\/\/pam\.example\.com\/auth\/app\?target=shop&state=[\w-]{43}&challenge=[\w-]{43}$/)
    expect(setCookie).toMatch(
      /^__Host-pam_app_sign_in_[\w-]{12}=[\w-]+; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/,
    )
    const back = appAnswer({ session, secret }, asked, deps)
    expect(back).toMatch(/^https:\/\/shop\.apps\.example\.com\/\.pamctl\/signed-in\?code=[\w-]+&state=[\w-]{43}$/)
    expect(back).not.toContain(secret)
    const done = await apps.finish('shop', answer(asked), cookie)
    expect(done.to).toBe('/a?b=1')
    expect(done.cookies[0]).toMatch(/^__Host-pam_app=[\w-]+; Path=\/; Max-Age=43200; HttpOnly; SameSite=Lax; Secure$/)
    expect(done.cookies[1]).toMatch(/^__Host-pam_app_sign_in_[\w-]{12}=; Path=\/; Max-Age=0;/)
    expect((await visit('shop', pairOf(done.cookies[0]))).id).toBe('lgn_1')
  })

  it.each(['//evil.example/', '/\\evil.example', '/x/..//evil.example', `/${'a'.repeat(2000)}`])(
    'comes back to a path of its own: %j',
    async (path) => {
      const { cookie, asked } = begin('shop', path)
      expect((await apps.finish('shop', answer(asked), cookie)).to).toBe('/')
    },
  )

  const refused = async (work: Promise<unknown>): Promise<void> =>
    expect(work).rejects.toMatchObject({ code: 'TOKEN_INVALID' })

  it('accepts a code once', async () => {
    const { cookie, asked } = begin('shop')
    const url = answer(asked)
    await apps.finish('shop', url, cookie)
    await refused(apps.finish('shop', url, cookie))
  })

  it('rejects a code in a browser that did not start the sign-in: nobody is signed in as somebody else', async () => {
    const attacker = begin('shop')
    const url = answer(attacker.asked)
    await refused(apps.finish('shop', url, undefined))
    await refused(apps.finish('shop', url, begin('shop').cookie))
  })

  it("rejects a code that was made for another browser's challenge", async () => {
    const [victim, attacker] = [begin('shop'), begin('shop')]
    await refused(apps.finish('shop', answer({ ...attacker.asked, state: victim.asked.state }), victim.cookie))
  })

  it('rejects codes and sign-ins of another target', async () => {
    const [shop, wiki] = [begin('shop'), begin('wiki')]
    await refused(apps.finish('shop', answer({ ...shop.asked, target: 'wiki' }), shop.cookie))
    await refused(apps.finish('shop', answer({ ...wiki.asked, target: 'shop' }), wiki.cookie))
  })

  it('rejects expired and forged codes', async () => {
    const first = begin('shop')
    const url = answer(first.asked)
    clock.time += 60_000
    await refused(apps.finish('shop', url, first.cookie))
    const late = begin('shop')
    clock.time += 600_000
    await refused(apps.finish('shop', answer(late.asked), late.cookie))
    const { cookie, asked } = begin('shop')
    for (const code of ['', 'x', 'a'.repeat(200)])
      await refused(apps.finish('shop', `/.pamctl/signed-in?code=${code}&state=${asked.state}`, cookie))
    await refused(apps.finish('shop', '/.pamctl/signed-in', cookie))
  })

  it("gives a cookie that is of no use at another target's host, or as another kind of cookie", async () => {
    const { cookie, asked } = begin('shop')
    const { cookies } = await apps.finish('shop', answer(asked), cookie)
    const pair = pairOf(cookies[0]) ?? ''
    const value = pair.slice(pair.indexOf('=') + 1)
    const no = { code: 'NOT_SIGNED_IN' }
    await expect(visit('wiki', pair)).rejects.toMatchObject(no)
    await expect(visit('shop', `__Host-pam_session=${value}`)).rejects.toMatchObject(no)
    await expect(visit('shop', `__Host-pam_app=${secret}`)).rejects.toMatchObject(no)
    await expect(visit('shop', `__Host-pam_app=${(cookie ?? '').split('=')[1]}`)).rejects.toMatchObject(no)
    await expect(visit('shop', undefined)).rejects.toMatchObject(no)
    await refused(apps.finish('shop', `/.pamctl/signed-in?code=${value}&state=${asked.state}`, cookie))
  })

  it('ends with the session of the dashboard: signed out, expired or idle', async () => {
    const { cookie, asked } = begin('shop')
    const { cookies } = await apps.finish('shop', answer(asked), cookie)
    const pair = pairOf(cookies[0])
    clock.time += 50 * 60_000
    await visit('shop', pair)
    clock.time += 50 * 60_000
    // A page that looks by itself does nothing.
    await visit('shop', pair, false)
    clock.time += 10 * 60_000
    await expect(visit('shop', pair)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    clock.time -= 30 * 60_000
    await visit('shop', pair)
    await endLogin(login, {}, deps)
    await expect(visit('shop', pair)).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    const again = begin('shop')
    await expect(apps.finish('shop', answer(again.asked), again.cookie)).rejects.toMatchObject({
      code: 'NOT_SIGNED_IN',
    })
  })
})

const pairOf = (setCookie: string | undefined): string | undefined => setCookie?.split(';')[0]
const HOUR = 3_600_000
