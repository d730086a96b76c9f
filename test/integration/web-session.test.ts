import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { ownPath } from '../../src/api/own-path.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { WebBrowser } from '../helpers/web-browser.ts'
import { eventually, grantFor, openPort, signIn } from '../helpers/gateway-client.ts'
import { psql, PSQL } from '../helpers/run.ts'

/** The browser's side by hand: cookies, headers and redirects, as an attacker would send them. */
let stack: DemoStack
beforeAll(async () => {
  stack = await startHostedStack({
    configure: (yaml) =>
      `${yaml.replace('evaluation: { people: people.yaml }', 'evaluation: { people: people.yaml }\n  reverifyEvery: 3s')}\nweb: { ${IDLE}, maxDuration: 1h }\n`,
  })
})
afterAll(() => stack?.stop())

/** Longer than any machine takes from one call to the next. */
const IDLE = 'idle: 30m'
async function setIdle(idle: string): Promise<void> {
  const reloads = (): number => stack.gatewayLog().split('config.reloaded').length
  const before = reloads()
  const file = join(stack.directory, 'pam.yaml')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/idle: \w+/, idle))
  process.kill(stack.pid, 'SIGHUP')
  await eventually(() => (reloads() > before ? true : undefined), 'reloaded')
}

const browser = (): WebBrowser => new WebBrowser(stack.gateway)

describe('a browser that is signed in', () => {
  it('holds one cookie that scripts cannot see, and no token', async () => {
    const jane = browser()
    await jane.signIn('jane')
    const [cookie] = jane.setCookies.filter((text) => text.startsWith('pam_session='))
    expect(cookie).toMatch(/^pam_session=[\w-]{43}; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict$/)
    const me = await jane.json('/v1/whoami')
    expect(me.body).toMatchObject({ person: { label: 'jane@example.com', groups: ['engineering'] } })
    const session = await jane.json('/v1/web-session')
    expect(JSON.stringify([me.body, session.body])).not.toMatch(/eyJ|refresh/)
    expect(me.headers.get('cache-control')).toBe('no-store')
  })

  it('is known to the store by a digest; the refresh token is sealed by the cookie alone', async () => {
    const jane = browser()
    await jane.signIn('jane')
    const secret = jane.cookies.get('pam_session') ?? ''
    const db = new Libsql(join(stack.directory, 'data', 'state.db'), { readonly: true })
    const id = createHash('sha256').update(`session ${secret}`).digest('hex')
    const row = db.prepare('select * from web_sessions where id = ?').get(id) as { refresh: string } | undefined
    expect(row?.refresh).toMatch(/^[\w-]{60,}$/)
    const everything = readFileSync(join(stack.directory, 'data', 'state.db'), 'latin1')
    expect(everything).not.toContain(secret)
    db.close()
  })

  it('changes nothing without a token that only pages of the gateway have', async () => {
    const jane = browser()
    await jane.signIn('jane')
    const { csrf } = (await jane.json('/v1/web-session')).body as { csrf: string }
    const body = { target: 'prod-db', reason: 'csrf' }
    const origin = stack.gateway
    const tries: [string, Record<string, string>][] = [
      ['no token', { origin }],
      ['an empty token', { origin, 'pam-csrf': '' }],
      ['a made-up token', { origin, 'pam-csrf': csrf.replace(/^./, (char) => (char === 'A' ? 'B' : 'A')) }],
      ['another origin', { origin: 'http://evil.example', 'pam-csrf': csrf }],
      ['another port of this host', { origin: stack.issuer, 'pam-csrf': csrf, 'sec-fetch-site': 'same-site' }],
      ['no origin', { 'pam-csrf': csrf }],
      ['origin null', { origin: 'null', 'pam-csrf': csrf }],
      ['cross-site by its metadata', { origin, 'pam-csrf': csrf, 'sec-fetch-site': 'cross-site' }],
    ]
    for (const [what, headers] of tries) {
      const answer = await jane.json('/v1/requests', { method: 'POST', body, headers })
      expect([what, answer.status, answer.code]).toEqual([what, 403, 'CSRF_REFUSED'])
    }
    // A form of another page, as browsers send it without asking.
    const form = await jane.json('/v1/requests', {
      method: 'POST',
      raw: 'target=prod-db&reason=x',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://evil.example' },
    })
    expect(form.code).toBe('CSRF_REFUSED')
    expect((await jane.json('/v1/requests')).body).toMatchObject({ items: [] })
    const right = await jane.json('/v1/requests', { method: 'POST', body, headers: { origin, 'pam-csrf': csrf } })
    expect(right.status).toBe(201)
    const { id } = right.body as { id: string }
    expect((await jane.change(`/v1/requests/${id}/withdraw`, 'POST', {})).status).toBe(200)
  })

  it('reveals nothing to other pages: neither by a GET of another site, nor by CORS', async () => {
    const jane = browser()
    await jane.signIn('jane')
    for (const site of ['cross-site', 'same-site']) {
      const answer = await jane.json('/v1/whoami', { headers: { 'sec-fetch-site': site } })
      expect([site, answer.status, answer.code]).toEqual([site, 403, 'CSRF_REFUSED'])
    }
    const cors = await jane.json('/v1/whoami', { headers: { origin: stack.issuer } })
    expect(cors.code).toBe('CSRF_REFUSED')
    const preflight = await jane.json('/v1/requests', {
      method: 'OPTIONS',
      headers: { origin: 'http://evil.example', 'access-control-request-method': 'POST' },
    })
    expect([...preflight.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it("another browser's token is rejected, and a cookie beside a token is ignored", async () => {
    const [jane, bob] = [browser(), browser()]
    await jane.signIn('jane')
    await bob.signIn('bob')
    const { csrf } = (await bob.json('/v1/web-session')).body as { csrf: string }
    const answer = await jane.json('/v1/requests', {
      method: 'POST',
      body: { target: 'prod-db' },
      headers: { origin: stack.gateway, 'pam-csrf': csrf },
    })
    expect(answer.code).toBe('CSRF_REFUSED')
    const mixed = await jane.json('/v1/whoami', { headers: { authorization: 'DPoP nonsense' } })
    expect([mixed.status, mixed.code]).toEqual([401, 'TOKEN_INVALID'])
  })

  it('opens no tunnel', async () => {
    const jane = browser()
    await jane.signIn('jane')
    const status = await new Promise<number>((resolve, reject) => {
      const call = request(`${stack.gateway}/v1/tunnel?target=dev-db`, {
        headers: {
          connection: 'Upgrade',
          upgrade: 'websocket',
          'sec-websocket-version': '13',
          'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
          'sec-websocket-protocol': 'pam.tunnel.v1',
          cookie: jane.cookieHeader(),
        },
      })
      call.on('response', (response) => resolve(response.statusCode ?? 0))
      call.on('upgrade', () => resolve(101))
      call.on('error', reject)
      call.end()
    })
    expect([401, 426]).toContain(status)
  })
})

describe('signing in', () => {
  it('gives a new cookie whatever the browser brought along (session fixation)', async () => {
    const victim = browser()
    const planted = 'A'.repeat(43)
    victim.cookies.set('pam_session', planted)
    await victim.signIn('jane')
    expect(victim.cookies.get('pam_session')).not.toBe(planted)
    const attacker = browser()
    attacker.cookies.set('pam_session', planted)
    expect((await attacker.json('/v1/whoami')).status).toBe(401)
  })

  it('ends what was signed in before in the same browser', async () => {
    const jane = browser()
    await jane.signIn('jane')
    const old = jane.cookies.get('pam_session') ?? ''
    await jane.signIn('bob', { fresh: true })
    expect((await jane.json('/v1/whoami')).body).toMatchObject({ person: { label: 'bob@example.com' } })
    const thief = browser()
    thief.cookies.set('pam_session', old)
    expect((await thief.json('/v1/whoami')).code).toBe('NOT_SIGNED_IN')
  })

  it('is refused where it was not begun here, was changed on its way, or is used twice', async () => {
    const jane = browser()
    const { answer } = await jane.signInUpTo('jane')
    // Somebody else's browser, with the link that was to bring the victim in as the attacker (login CSRF).
    const other = browser()
    expect(await other.open(answer)).toMatchObject({ status: 401, html: /not started in this browser/ })
    for (const change of [
      (url: URL) => url.searchParams.set('state', 'x'.repeat(43)),
      (url: URL) => url.searchParams.delete('state'),
      (url: URL) => url.searchParams.set('code', 'nonsense'),
      (url: URL) => url.searchParams.set('iss', 'http://evil.example'),
      (url: URL) => url.searchParams.delete('iss'),
    ]) {
      const again = browser()
      const { answer: fine } = await again.signInUpTo('jane')
      const changed = new URL(fine)
      change(changed)
      const { status } = await again.open(changed.href)
      expect([changed.search.slice(0, 40), status >= 400]).toEqual([changed.search.slice(0, 40), true])
      expect(again.cookies.has('pam_session')).toBe(false)
    }
    expect((await jane.open(answer)).status).toBe(200)
    expect(jane.cookies.has('pam_session')).toBe(true)
    const replay = await jane.open(answer)
    expect(replay.status).toBe(401)
  })

  it('refused at the provider says so, and shows nothing of what came with it', async () => {
    const jane = browser()
    const { answer } = await jane.signInUpTo('jane')
    const refused = new URL(answer)
    refused.searchParams.delete('code')
    refused.searchParams.set('error', 'access_denied')
    refused.searchParams.set('error_description', '<img src=x onerror=alert(1)>')
    const { status, html } = await jane.open(refused.href)
    expect(status).toBe(403)
    expect(html).toContain('the sign-in was refused')
    expect(html).not.toContain('onerror')
  })

  it("shows the provider's own words, in one line, cut short and without what a reader would not see", async () => {
    const jane = browser()
    const { answer } = await jane.signInUpTo('jane')
    const refused = new URL(answer)
    refused.searchParams.delete('code')
    refused.searchParams.set('error', 'invalid_scope')
    refused.searchParams.set('error_description', `Invalid scopes: openid\n"groups" & \u202e${'x'.repeat(3000)}`)
    const { status, html } = await jane.open(refused.href)
    expect(status).toBe(403)
    expect(html).toMatch(
      /refused the sign-in \(invalid_scope: Invalid scopes: openid &#34;groups&#34; &#38; \\u\{202e\}x{200,300}…\)/,
    )
    expect(stack.gatewayLog()).toMatch(
      /refused the sign-in \(invalid_scope: Invalid scopes: openid .*web\.sign_in_refused/,
    )
  })

  it.each([
    ['/reviews/req_1?x=1#y', '/reviews/req_1?x=1#y'],
    ['https://evil.example/', '/'],
    ['//evil.example/', '/'],
    ['/\\evil.example', '/'],
    ['/\t/evil.example', '/'],
    ['javascript:alert(1)', '/'],
    ['/..//evil.example', '/'],
    ['', '/'],
  ])('leads back to a page of its own only: %s', (to, expected) => {
    expect(ownPath(to)).toBe(expected)
  })
})

describe('the end of a session in a browser', () => {
  it('comes when nothing is done, however often the page looks by itself', async () => {
    const jane = browser()
    await jane.signIn('jane')
    await setIdle('idle: 2s')
    try {
      // By the call that finds it idle, or by the gateway's round before that.
      await eventually(async () => {
        const { status } = await jane.json('/v1/whoami', { headers: { 'pam-background': '1' } })
        return status === 401 ? true : undefined
      }, 'the session is over')
    } finally {
      await setIdle(IDLE)
    }
  })

  it('comes by signing out: here, and everywhere with what is running', async () => {
    const [one, two] = [browser(), browser()]
    await one.signIn('jane')
    await two.signIn('jane')
    const stolen = one.cookies.get('pam_session') ?? ''
    expect((await one.change('/v1/login', 'DELETE')).status).toBe(204)
    expect(one.cookies.has('pam_session')).toBe(false)
    const thief = browser()
    thief.cookies.set('pam_session', stolen)
    expect((await thief.json('/v1/whoami')).status).toBe(401)
    expect((await two.json('/v1/whoami')).status).toBe(200)

    const cli = await signIn(stack.gateway, 'jane')
    const port = PSQL ? await openPort(cli, 'dev-db') : undefined
    const running = port && psql(port, 'app_dev', 'select pg_sleep(600)')
    if (port !== undefined)
      await eventually(async () => (await cli.api.sessions.list({ active: true })).items[0], 'a session')
    expect((await two.change('/v1/logins', 'DELETE')).status).toBe(204)
    expect((await two.json('/v1/whoami')).status).toBe(401)
    await expect(cli.api.whoami()).rejects.toMatchObject({ code: 'NOT_SIGNED_IN' })
    if (running !== undefined) expect((await running).stderr).toMatch(/signed out/)
    port?.close()
  })

  it('comes when the provider no longer confirms the person; until then the page needs nothing', async () => {
    const bob = browser()
    await bob.signIn('bob')
    // A proof lasts 3 s and a minute more: what is older than 3 s is renewed at the next call.
    const proven = async (): Promise<string> =>
      ((await bob.json('/v1/whoami')).body as { provenUntil: string }).provenUntil
    const first = await proven()
    await eventually(async () => ((await proven()) > first ? true : undefined), 'it is proven again')
    const file = join(stack.directory, 'people.yaml')
    const people = readFileSync(file, 'utf8')
    writeFileSync(file, people.replace('id: bob,', 'id: bob, disabled: true,'))
    try {
      const { detail } = await eventually(async () => {
        const { status, body } = await bob.json('/v1/whoami')
        return status === 401 ? (body as { detail: string }) : undefined
      }, 'bob is signed out')
      // Not because his proof has expired.
      expect(detail).toMatch(/no longer confirms this sign-in|you were signed out/)
    } finally {
      writeFileSync(file, people)
    }
  })

  it('does not come while parallel calls renew the same proof', async () => {
    const jane = browser()
    await jane.signIn('jane')
    await new Promise((resolve) => setTimeout(resolve, 3200))
    const answers = await Promise.all(Array.from({ length: 12 }, () => jane.json('/v1/whoami')))
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 12 }, () => 200))
    expect((await jane.json('/v1/whoami')).status).toBe(200)
  })
})

describe('approving in a browser', () => {
  it('asks for a recent sign-in as everywhere, and refuses decisions on your own request', async () => {
    const [jane, bob] = [await signIn(stack.gateway, 'jane'), browser()]
    await bob.signIn('bob')
    const request = await jane.api.requests.create({ target: 'prod-db', reason: 'x' })
    const own = browser()
    await own.signIn('jane')
    const refused = await own.change(`/v1/reviews/${request.id}/decision`, 'POST', { verdict: 'approve' })
    expect(refused.code).toBe('SELF_APPROVAL')
    expect((await bob.change(`/v1/reviews/${request.id}/decision`, 'POST', { verdict: 'approve' })).status).toBe(200)
    await expect(grantFor(jane, jane, 'prod-db')).rejects.toMatchObject({ code: 'SELF_APPROVAL' })
  })
})

describe('every answer', () => {
  it.each(['/', '/live', '/sessions/ses_x', '/v1/whoami', '/healthz', '/icon.svg', '/nowhere', '/auth/callback'])(
    'cannot be framed, sniffed or referred from: %s',
    async (path) => {
      const { headers } = await browser().json(path)
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('content-security-policy')).toMatch(/frame-ancestors 'none'/)
      expect(headers.get('content-security-policy')).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*/)
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cross-origin-resource-policy')).toBe('same-origin')
    },
  )

  it('is small: the first load stays under 100 KB, and says nothing of anybody', async () => {
    const page = await fetch(`${stack.gateway}/`, { headers: { 'accept-encoding': 'gzip' } })
    const html = await page.text()
    expect(page.headers.get('cache-control')).toBe('no-store')
    const paths = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '')
    expect(paths.some((path) => path.endsWith('.js'))).toBe(true)
    let bytes = Buffer.byteLength(html)
    for (const path of paths) bytes += await transferred(path)
    expect(bytes).toBeLessThan(100 * 1024)
    expect(html).not.toMatch(/<script>|style=|\son\w+=/)
  })
})

/** Bytes of the body as sent, gzipped. */
function transferred(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(stack.gateway + path, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      let bytes = 0
      response.on('data', (chunk: Buffer) => (bytes += chunk.length))
      response.on('end', () => {
        expect([path, response.statusCode, response.headers['content-encoding']]).toEqual([path, 200, 'gzip'])
        resolve(bytes)
      })
    })
    call.on('error', reject)
    call.end()
  })
}
