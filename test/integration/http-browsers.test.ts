import { readFileSync } from 'node:fs'
import { createLocalJWKSet, jwtVerify } from 'jose'
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAppGateway, TOKEN, type AppGateway } from '../helpers/app-gateway.ts'
import { BROWSER_PROGRAM } from '../helpers/dashboard.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { OPENSSL } from '../helpers/run.ts'
import { REPORT } from '../helpers/web-application.ts'

/** Web applications in a real browser, at hosts of the gateway. */
describe.skipIf(BROWSER_PROGRAM === undefined || !OPENSSL)('a browser at a host of a target', () => {
  let apps: AppGateway
  beforeAll(async () => {
    apps = await startAppGateway(
      {
        commands: [
          { name: 'no admin', match: { routes: ['/admin/**'] }, deny: 'not for you' },
          {
            name: 'asks',
            match: { routes: ['/orders/{id}/cancel', '/orders/99'] },
            hold: { approvers: { groups: ['sre'] } },
          },
          { name: 'the rest', match: { unknown: true }, allow: true },
        ],
        masking: [{ name: 'people', targets: { names: ['wiki'] }, kinds: ['email', 'payment-card'], style: 'redact' }],
      },
      { wiki: { credential: { type: 'assertion', audience: 'https://wiki.internal', groups: true } } },
    )
  })
  afterAll(() => apps?.stop())

  const textOf = (page: Page, selector: string): Promise<string | null> => page.locator(selector).textContent()

  it('signs in through the dashboard, and comes back to the page that it wanted', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/orders/17?view=full`)
    await page.waitForURL(`${apps.origin('shop')}/orders/17?view=full`)
    expect(await textOf(page, '#place')).toBe('GET /orders/17?view=full')
    const [request] = apps.shop.seen
    expect(request?.headers.authorization).toBe(`Bearer ${TOKEN}`)
    expect(request?.headers.cookie).toBeUndefined()
    const cookies = await page.context().cookies(apps.origin('shop'))
    expect(cookies).toMatchObject([
      {
        name: '__Host-pam_app',
        domain: 'shop.apps.localhost',
        path: '/',
        secure: true,
        httpOnly: true,
        sameSite: 'Lax',
      },
    ])
    expect(await page.evaluate('document.cookie')).toBe('')
    const log = apps.gateway.log()
    expect(log).not.toMatch(/code=|state=/)
    await page.context().close()
  })

  it('is listed on the dashboard', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/orders/17`)
    await page.waitForURL(`${apps.origin('shop')}/orders/17`)
    await page.goto(`${apps.url}/access`)
    const link = page.getByTestId('shop').getByRole('link', { name: 'Open in the browser' })
    expect(await link.getAttribute('href')).toBe(apps.origin('shop'))
    await page.context().close()
  })

  it('uses an application as it would directly: scripts, forms, cookies, redirects, downloads', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    await page.getByText('tea,cake').waitFor()
    await page.reload()
    expect(await textOf(page, '#who')).toBe('theme=dark; visits=1')
    await page.getByRole('button', { name: 'Order' }).click()
    await page.waitForURL(`${apps.origin('shop')}/orders/18`)
    const post = apps.shop.seen.find(({ method }) => method === 'POST')
    expect(post).toMatchObject({ url: '/orders', body: 'item=tea' })
    const own = `http://127.0.0.1:${apps.shop.port}`
    expect(post?.headers).toMatchObject({ origin: own, referer: `${own}/`, 'sec-fetch-site': 'same-origin' })
    await page.goBack()
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#file')])
    expect([...readFileSync(await download.path())]).toEqual(REPORT)
    await page.goto(`${apps.origin('shop')}/secret`)
    expect(await page.content()).not.toContain('app-tok')
    await page.goto(`${apps.origin('shop')}/away?to=${encodeURIComponent(`${own}/orders?x=1`)}`)
    expect(page.url()).toBe(`${apps.origin('shop')}/orders?x=1`)
    await page.context().close()
  })

  it('shows a refusal on a page, and continues', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    const fetched = await page.evaluate(
      "fetch('/admin/x').then(async (r) => [r.status, r.headers.get('content-type')])",
    )
    expect(fetched).toEqual([403, 'application/problem+json'])
    const answer = await page.goto(`${apps.origin('shop')}/admin/users`)
    expect(answer?.status()).toBe(403)
    await page.getByText('not for you').waitFor()
    await page.goto(`${apps.origin('shop')}/away?to=https://evil.example/`)
    await page.getByText('another site').waitFor()
    await page.goto(`${apps.origin('shop')}/orders`)
    await page.getByText('orders').waitFor()
    await page.context().close()
  })

  it('is told to request access where there is no grant, and that there is no such app', async () => {
    const page = await apps.open('jane', `${apps.origin('vault')}/`)
    await page.getByText('you have no current grant for vault').waitFor()
    expect(new URL(page.url()).origin).toBe(apps.url)
    await page.goto(`${apps.origin('nothing')}/`)
    await page.getByText('no app named "nothing" is visible to you').waitFor()
    await page.context().close()
  })

  it('is signed out of every app with the dashboard', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    const cookie = await cookieOf(page.context(), apps.origin('shop'))
    await page.goto(`${apps.origin('wiki')}/`)
    await page.getByRole('heading', { name: 'wiki' }).waitFor()
    await page.goto(`${apps.url}/account`)
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByText('You are signed out.').waitFor()
    await page.goto(`${apps.origin('wiki')}/`)
    await page.getByRole('heading', { name: 'wiki' }).waitFor()
    expect(await apps.raw(navigation(apps, 'shop', '/', [`Cookie: ${cookie}`]))).toMatch(/^HTTP\/1\.1 303 /)
    await page.context().close()
  })

  it('is asserted to a service by a token of its own for each request, which it never sees itself', async () => {
    const page = await apps.open('jane', `${apps.origin('wiki')}/`)
    await page.waitForURL(`${apps.origin('wiki')}/`)
    await page.goto(`${apps.origin('wiki')}/orders`)
    const [first, second] = apps.wiki.seen.map(({ headers }) => String(headers['x-pam-assertion']))
    expect(first).not.toBe(second)
    const published = await apps.raw(
      `GET /.well-known/jwks.json HTTP/1.1\r\nHost: localhost:${apps.port}\r\nConnection: close\r\n\r\n`,
    )
    const keys = JSON.parse(published.slice(published.indexOf('\r\n\r\n'))) as Parameters<typeof createLocalJWKSet>[0]
    const { payload } = await jwtVerify(first ?? '', createLocalJWKSet(keys), {
      issuer: 'pam-gateway',
      audience: 'https://wiki.internal',
    })
    expect(payload).toMatchObject({ name: 'jane@example.com', kind: 'person', groups: ['engineering'] })
    const forged = await page.evaluate(
      "fetch('/orders', { headers: { 'X-Pam-Assertion': 'eyJ' } }).then((r) => r.status)",
    )
    expect(forged).toBe(400)
    await page.context().close()
  })

  describe('waits for approval', () => {
    let page: Page
    beforeAll(async () => {
      page = await apps.open('jane', `${apps.origin('shop')}/`)
      await page.waitForURL(`${apps.origin('shop')}/`)
    })
    afterAll(() => page?.context().close())
    const posts = (): number => apps.shop.seen.filter(({ url }) => url.startsWith('/orders/17/cancel')).length
    const cancel = async (): Promise<string> => {
      await page.goto(`${apps.origin('shop')}/`)
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByText('needs approval by').waitFor()
      return (await apps.waiting()).id
    }

    it('with a page that goes on by itself: the form is sent once, as it was, and its answer is shown in its place', async () => {
      // The page asks again by itself, for twenty seconds at a time: nothing can be looked up in it meanwhile.
      const asked = page.waitForRequest(/\/\.pamctl\/wait\//)
      const id = await cancel()
      const path = new URL((await asked).url()).pathname
      expect(posts()).toBe(0)
      // Nobody else finds it, nor does the next page have its answer.
      expect(path).toMatch(/^\/\.pamctl\/wait\/[\w-]{43}$/)
      const bob = await apps.open('bob', `${apps.origin('shop')}/`)
      await bob.waitForURL(`${apps.origin('shop')}/`)
      await bob.goto(`${apps.origin('shop')}${path}`)
      await bob.getByText('this request does not wait any longer').waitFor()
      await bob.context().close()
      await apps.pamctl('approve', id)
      await page.getByText('POST /orders/17/cancel').waitFor()
      expect(page.url()).toBe(`${apps.origin('shop')}/orders/17/cancel`)
      expect(await textOf(page, '#sent')).toBe('why=by+%22mistake%22')
      expect(posts()).toBe(1)
      expect((await page.context().cookies(apps.origin('shop'))).map(({ name }) => name)).not.toContain(
        '__Host-pam_answer',
      )
    })

    it('and is told that it is denied', async () => {
      const id = await cancel()
      await apps.pamctl('deny', id, '--comment', 'not today')
      await page.getByRole('heading', { name: 'Not approved' }).waitFor()
      expect(posts()).toBe(1)
    })

    it('and can take the request back', async () => {
      const id = await cancel()
      await page.getByRole('button', { name: 'Withdraw the request' }).click()
      await page.getByText('the request was withdrawn').waitFor()
      await eventually(async () => {
        const items = JSON.parse((await apps.pamctl('reviews', '--json')).stdout) as { id: string }[]
        return items.some((item) => item.id === id) ? undefined : true
      }, 'it waits for nobody')
      expect(posts()).toBe(1)
    })

    it('within a script, which waits as a program does', async () => {
      await page.goto(`${apps.origin('shop')}/`)
      const fetched = page.evaluate("fetch('/orders/99').then((r) => r.text())")
      await apps.pamctl('approve', (await apps.waiting()).id)
      expect(await fetched).toContain('GET /orders/99')
    })
  })

  it('ends with the grant, and with what an operator ends; the next page says so', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    const { stdout } = await apps.pamctl('sessions', '--active', '--json')
    const [session] = JSON.parse(stdout) as { id: string; target: string }[]
    expect(session?.target).toBe('shop')
    await apps.pamctl('kill', session?.id ?? '', '--reason', 'lunch')
    await page.goto(`${apps.origin('shop')}/orders`)
    await page.getByText('orders').waitFor()
    const again = JSON.parse((await apps.pamctl('sessions', '--active', '--json')).stdout) as { id: string }[]
    expect(again.map(({ id }) => id)).not.toContain(session?.id)
    await page.context().close()
  })

  it('has on record what was asked and answered, without cookies, codes and the credential', async () => {
    const page = await apps.open('jane', `${apps.origin('wiki')}/`)
    await page.waitForURL(`${apps.origin('wiki')}/`)
    await page.goto(`${apps.origin('wiki')}/tosses?cookie=${encodeURIComponent('sid=SESSION-OF-JANE; Path=/')}`)
    await page.goto(`${apps.origin('wiki')}/orders`)
    expect(apps.wiki.seen.at(-1)?.headers.cookie).toContain('sid=SESSION-OF-JANE')
    const { stdout } = await apps.pamctl('sessions', '--active', '--json')
    const [session] = (JSON.parse(stdout) as { id: string; target: string }[]).filter(({ target }) => target === 'wiki')
    const cookie = await cookieOf(page.context(), apps.origin('wiki'))
    await page.context().close()
    await apps.pamctl('kill', session?.id ?? '', '--reason', 'for the record')
    const record = await eventually(async () => {
      const { code, stdout: text } = await apps.pamctl('replay', session?.id ?? '')
      return code === 0 && text.includes('GET /orders') ? text : undefined
    }, 'it is on record')
    expect(record).toMatch(/cookie: .*sid=<secret \w+>/)
    expect(record).toMatch(/set-cookie/)
    expect(record).not.toContain('SESSION-OF-JANE;')
    expect(record).not.toMatch(/__Host-pam|\.pamctl|code=/)
    expect(record).not.toContain(cookie.split('=')[1])
    expect(record).not.toContain(TOKEN)
  })

  it('shows no value of a masked kind, however its characters are written', async () => {
    const page = await apps.open('jane', `${apps.origin('wiki')}/`)
    await page.waitForURL(`${apps.origin('wiki')}/`)
    await page.goto(`${apps.origin('wiki')}/people?who=jane@example.com`)
    expect(await textOf(page, '#place')).toMatch(/^GET .*\*\*\*\*$/)
    expect(await textOf(page, 'h1')).toBe('wiki')
    for (const spelled of [
      'jane\uff20example.com',
      'jane&commat;example.com',
      '4111\u00a01111\u20091111\u30001111',
      '\uff14111111111111111',
      '4111\u00ad1111\u200b11111111',
      '4111&nbsp;1111&#8239;1111\n 1111',
    ]) {
      const sent = `fetch('/notes', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: ${JSON.stringify(spelled)} })`
      const shown = await page.evaluate<string>(
        `${sent}.then((r) => r.text()).then((t) => { document.body.innerHTML = t; return document.body.innerText })`,
      )
      expect(shown).toContain('POST /notes')
      expect(shown.normalize('NFKC').replaceAll(/[\s\u00ad\u200b]/g, '')).not.toMatch(/jane@example|4111111111111111/)
      expect(shown).toContain('****')
    }
    await page.context().close()
  })

  it('does not let in who has a cookie of before, after somebody has signed out and in again', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    const before = await cookieOf(page.context(), apps.origin('shop'))
    await page.goto(`${apps.url}/account`)
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByText('You are signed out.').waitFor()
    // The provider still knows who that is.
    await page.goto(`${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    const after = await cookieOf(page.context(), apps.origin('shop'))
    expect(after).not.toBe(before)
    expect(await apps.raw(navigation(apps, 'shop', '/', [`Cookie: ${before}`]))).toMatch(/^HTTP\/1\.1 303 /)
    expect(await apps.raw(navigation(apps, 'shop', '/', [`Cookie: ${after}`]))).toMatch(/^HTTP\/1\.1 200 /)
    await page.context().close()
  })

  describe('is not let in by tricks', () => {
    let page: Page
    let shop: string
    let wiki: string
    beforeAll(async () => {
      page = await apps.open('jane', `${apps.origin('shop')}/`)
      await page.waitForURL(`${apps.origin('shop')}/`)
      await page.goto(`${apps.origin('wiki')}/`)
      await page.waitForURL(`${apps.origin('wiki')}/`)
      ;[shop, wiki] = [
        await cookieOf(page.context(), apps.origin('shop')),
        await cookieOf(page.context(), apps.origin('wiki')),
      ]
    })
    afterAll(() => page?.context().close())

    /** Nothing of what is sent by hand reaches a target. What a browser goes on loading says which browser it is. */
    const untouched = async (work: () => Promise<void>): Promise<void> => {
      const byHand = (): number =>
        [...apps.shop.seen, ...apps.wiki.seen].filter(({ headers }) => headers['user-agent'] === undefined).length
      const before = byHand()
      await work()
      expect(byHand()).toBe(before)
    }

    it("of another target's cookie, or none, or a host that is not spelled so", () =>
      untouched(async () => {
        const port = apps.port
        const withShop = [`Cookie: ${shop}`]
        expect(await apps.raw(navigation(apps, 'shop', '/', [`Cookie: ${wiki}`]))).toMatch(
          /^HTTP\/1\.1 303 .*\r\nlocation: https:\/\/localhost/s,
        )
        expect(await apps.raw(navigation(apps, 'shop', '/', []))).toMatch(/^HTTP\/1\.1 303 /)
        const hosts = [
          'shop.apps.localhost',
          `shop.apps.localhost.:${port}`,
          `apps.localhost:${port}`,
          `a.shop.apps.localhost:${port}`,
        ]
        for (const host of hosts) {
          const bytes = navigation(apps, 'shop', '/', withShop).replace(/Host: .*/, `Host: ${host}`)
          expect([host, (await apps.raw(bytes)).slice(9, 12)]).toEqual([host, '404'])
        }
        const own = `Host: shop.apps.localhost:${port}`
        const tries: [string, string, RegExp][] = [
          [
            'two hosts',
            navigation(apps, 'shop', '/', withShop).replace(own, `${own}\r\nHost: localhost:${port}`),
            /^HTTP\/1\.1 400 /,
          ],
          [
            'a URL',
            navigation(apps, 'shop', '/', withShop).replace('GET /', `GET https://wiki.apps.localhost:${port}/`),
            /^HTTP\/1\.1 400 /,
          ],
          [
            'no metadata',
            navigation(apps, 'shop', '/', withShop).replaceAll(/Sec-Fetch.*\r\n/g, ''),
            /^HTTP\/1\.1 400 /,
          ],
          [
            'another site',
            navigation(apps, 'shop', '/', [...withShop, 'Origin: https://evil.example']),
            /^HTTP\/1\.1 403 /,
          ],
          ['expectations', navigation(apps, 'shop', '/', [...withShop, 'Expect: 100-continue']), /HTTP\/1\.1 400 /],
          [
            'authorization',
            navigation(apps, 'shop', '/', [...withShop, 'Authorization: Bearer x']),
            /^HTTP\/1\.1 400 /,
          ],
          [
            'a WebSocket',
            navigation(apps, 'shop', '/', [...withShop, 'Connection: Upgrade', 'Upgrade: websocket']).replace(
              'Connection: close\r\n',
              '',
            ),
            /^HTTP\/1\.1 400 /,
          ],
        ]
        for (const [what, bytes, answer] of tries)
          expect([what, await apps.raw(bytes)]).toEqual([what, expect.stringMatching(answer)])
      }))

    it("of paths that are the gateway's own, in no spelling", () =>
      untouched(async () => {
        for (const path of [
          '/.pamctl/signed-in?code=x&state=y',
          '/.pamctl/other',
          '/.PAMCTL/x',
          '/.pamctl',
          '/%2epamctl/x',
          '/x/../.pamctl/x',
        ])
          expect([path, await apps.raw(navigation(apps, 'shop', path, [`Cookie: ${shop}`]))]).toEqual([
            path,
            expect.stringMatching(/^HTTP\/1\.1 40[0-9] /),
          ])
      }))

    it("where the API's routes are: those are no paths of the host", async () => {
      const answer = await apps.raw(navigation(apps, 'shop', '/v1/whoami', [`Cookie: ${shop}`]))
      expect(answer).toContain('GET /v1/whoami')
      expect(apps.shop.seen.at(-1)?.url).toBe('/v1/whoami')
    })

    it('at the dashboard: a cookie of an app is none of it, nor the other way round', async () => {
      const value = shop.slice(shop.indexOf('=') + 1)
      const call = (cookie: string): Promise<string> =>
        apps.raw(
          `GET /v1/whoami HTTP/1.1\r\nHost: localhost:${apps.port}\r\nConnection: close\r\nCookie: ${cookie}\r\n\r\n`,
        )
      for (const cookie of [shop, `__Host-pam_session=${value}`, `__Host-pam_session=${value.slice(0, 43)}`])
        expect(await call(cookie)).toMatch(/^HTTP\/1\.1 401 /)
      const dashboard = (await page.context().cookies(apps.url)).find(({ name }) => name === '__Host-pam_session')
      expect(await call(`__Host-pam_session=${dashboard?.value}`)).toMatch(/^HTTP\/1\.1 200 /)
      await untouched(async () => {
        const swapped = await apps.raw(navigation(apps, 'shop', '/', [`Cookie: __Host-pam_app=${dashboard?.value}`]))
        expect(swapped).toMatch(/^HTTP\/1\.1 303 /)
      })
    })

    it('on the way to the dashboard: no frame, no script, nowhere but to the host', async () => {
      const dashboard = (await page.context().cookies(apps.url)).find(({ name }) => name === '__Host-pam_session')
      const text = 'a'.repeat(43)
      const ask = (query: string, fetched: [string, string, string]): Promise<string> =>
        apps.raw(
          [
            `GET /auth/app?${query} HTTP/1.1`,
            `Host: localhost:${apps.port}`,
            'Connection: close',
            `Sec-Fetch-Site: ${fetched[0]}`,
            `Sec-Fetch-Mode: ${fetched[1]}`,
            `Sec-Fetch-Dest: ${fetched[2]}`,
            `Cookie: __Host-pam_session=${dashboard?.value}`,
            '',
            '',
          ].join('\r\n'),
        )
      const query = `target=shop&state=${text}&challenge=${text}`
      const tab: [string, string, string] = ['same-origin', 'navigate', 'document']
      expect(await ask(query, tab)).toMatch(
        new RegExp(`location: ${apps.origin('shop')}/\\.pamctl/signed-in\\?code=[\\w-]+&state=a+\r\n`),
      )
      expect(await ask(query, ['cross-site', 'navigate', 'document'])).toMatch(
        /^HTTP\/1\.1 200 .*http-equiv="refresh"/s,
      )
      for (const fetched of [
        ['same-origin', 'navigate', 'iframe'],
        ['same-origin', 'cors', 'empty'],
        ['same-site', 'no-cors', 'image'],
      ] as const)
        expect(await ask(query, [...fetched])).toMatch(/^HTTP\/1\.1 403 /)
      for (const wrong of [
        query.replace('shop', 'evil.example'),
        query.replace('shop', 'shop@evil'),
        `${query}&to=https://evil.example`,
        `${query}a`,
      ])
        expect(await ask(wrong, tab)).toMatch(/^HTTP\/1\.1 400 /)
      expect(await ask(query.replace('shop', 'other'), tab)).toMatch(/^HTTP\/1\.1 404 /)
    })

    it('of cookies that a target sets: they stay with it, and are none of ours', async () => {
      const tossed = [
        'sid=evil; Domain=apps.localhost; Path=/',
        '__Host-pam_app=evil; Path=/; Secure',
        'Domain=x',
        '__Host-pam_app=; Path=/; Secure; Max-Age=0',
      ]
      const query = tossed.map((cookie) => `cookie=${encodeURIComponent(cookie)}`).join('&')
      const answer = await page.goto(`${apps.origin('wiki')}/tosses?${query}`)
      const headers = answer?.headers() ?? {}
      expect(headers).toMatchObject({
        'x-kept': 'yes',
        'cache-control': 'private, no-cache',
        'strict-transport-security': 'max-age=31536000',
      })
      expect(
        Object.keys(headers).filter((name) => /^(?:access-control-|clear-site|service-worker)/.test(name)),
      ).toEqual([])
      const all = await page.context().cookies()
      expect(all.filter(({ name }) => name === 'sid')).toMatchObject([{ domain: 'wiki.apps.localhost', secure: true }])
      expect(await cookieOf(page.context(), apps.origin('wiki'))).toBe(wiki)
      await page.goto(`${apps.origin('shop')}/`)
      expect(apps.shop.seen.find(({ headers: { cookie } }) => /sid|pam_/.test(cookie ?? ''))).toBeUndefined()
    })

    it("of another target's page: its scripts, forms and frames", async () => {
      const evil = await page.context().newPage()
      await evil.route('**/evil', (route) => route.fulfill({ contentType: 'text/html', body: '<h1>evil</h1>' }))
      await evil.goto(`${apps.origin('wiki')}/evil`)
      const shopUrl = JSON.stringify(`${apps.origin('shop')}/of-evil`)
      const read = await evil.evaluate(
        `Promise.all(['cors', 'no-cors'].map((mode) => fetch(${shopUrl}, { credentials: 'include', mode }).then(() => 'read', () => 'not read')))`,
      )
      expect(read).toEqual(['not read', 'not read'])
      await evil.evaluate(
        `new Promise((done) => { const frame = document.createElement('iframe'); frame.src = ${shopUrl}; frame.onload = done; document.body.append(frame) })`,
      )
      await evil.evaluate(
        `{ const form = document.createElement('form'); form.method = 'post'; form.action = ${shopUrl}; document.body.append(form); form.submit() }`,
      )
      await evil.getByText('the request comes from a page of another site').waitFor()
      expect(apps.shop.seen.filter(({ url }) => url.includes('of-evil'))).toEqual([])
      // A link is no more than that.
      await evil.goto(`${apps.origin('wiki')}/evil`)
      await evil.evaluate(`location.href = ${shopUrl}`)
      await evil.waitForURL(/of-evil/)
      expect(apps.shop.seen.filter(({ url }) => url.includes('of-evil'))).toHaveLength(1)
      await evil.close()
    })
  })

  it('loses a held page when the gateway restarts: nothing of it is sent, and the page says so', async () => {
    const page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
    await page.getByRole('button', { name: 'Cancel' }).click()
    const path = new URL((await page.waitForRequest(/\/\.pamctl\/wait\//)).url()).pathname
    const { id } = await apps.waiting()
    const before = apps.shop.seen.length
    await apps.restart()
    expect((await apps.pamctl('approve', id)).code).not.toBe(0)
    await page.goto(`${apps.origin('shop')}${path}`)
    await page.getByText('this request does not wait any longer').waitFor()
    await page.goto(`${apps.origin('shop')}/orders`)
    await page.getByText('orders').waitFor()
    expect(apps.shop.seen.slice(before).filter(({ method }) => method === 'POST')).toEqual([])
    await page.context().close()
  })
})

async function cookieOf(context: BrowserContext, origin: string): Promise<string> {
  const found = (await context.cookies(origin)).find(({ name }) => name === '__Host-pam_app')
  return `${found?.name}=${found?.value}`
}

/** A page that a person opens, as the bytes of a request. */
const navigation = (apps: AppGateway, target: string, path: string, headers: readonly string[]): string =>
  [
    `GET ${path} HTTP/1.1`,
    `Host: ${new URL(apps.origin(target)).host}`,
    'Connection: close',
    'Sec-Fetch-Site: none',
    'Sec-Fetch-Mode: navigate',
    'Sec-Fetch-Dest: document',
    ...headers,
    '',
    '',
  ].join('\r\n')
