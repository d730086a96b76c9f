import { join } from 'node:path'
import Libsql from 'libsql'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startAppGateway, TOKEN, type AppGateway } from '../helpers/app-gateway.ts'
import { BROWSER_PROGRAM } from '../helpers/dashboard.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { OPENSSL } from '../helpers/run.ts'
import { startWebSocketTarget, type WebSocketTarget } from '../helpers/websocket-target.ts'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** Pages of a real browser, and attempts by hand, at hosts of the gateway whose services speak WebSocket. */
describe.skipIf(BROWSER_PROGRAM === undefined || !OPENSSL)('a WebSocket of a browser', () => {
  let shop: WebSocketTarget
  let wiki: WebSocketTarget
  let apps: AppGateway
  let page: Page
  /** Holds a WebSocket, and asks for nothing else. */
  let silent: Page
  /** Its login, and until when its identity was proven once the WebSocket was open. */
  let proof: { readonly id: string; readonly proven_until: number }

  beforeAll(async () => {
    ;[shop, wiki] = [await startWebSocketTarget(), await startWebSocketTarget()]
    apps = await startAppGateway(
      {
        commands: [
          {
            name: 'asks',
            match: { kinds: ['websocket'], routes: ['/held/**'] },
            hold: { approvers: { groups: ['sre'] } },
          },
          { name: 'chatting', match: { kinds: ['websocket'], routes: ['/ws/**'] }, allow: true },
          { name: 'reading', match: { methods: ['GET'] }, allow: true },
        ],
        identity: { evaluation: { people: 'people.yaml' }, reverifyEvery: '2s' },
        masking: [{ name: 'people', targets: { names: ['wiki'] }, kinds: ['email', 'payment-card'], style: 'redact' }],
      },
      { shop: { port: shop.port }, wiki: { port: wiki.port }, vault: { port: shop.port } },
    )
    silent = await apps.open('jane', `${apps.origin('shop')}/`)
    await silent.waitForURL(`${apps.origin('shop')}/`)
    await (
      await listen(silent, 'shop', '/ws/echo')
    )(/open/)
    proof = loginsOf('order by created_at desc')
    page = await apps.open('jane', `${apps.origin('shop')}/`)
    await page.waitForURL(`${apps.origin('shop')}/`)
  })
  afterAll(async () => {
    await page?.context().close()
    await silent?.context().close()
    await apps?.stop()
    await shop?.stop()
    await wiki?.stop()
  })

  const loginsOf = (which: string): typeof proof => {
    const store = new Libsql(join(apps.directory, 'data', 'state.db'), { readonly: true })
    try {
      return store.prepare(`select id, proven_until from logins ${which} limit 1`).get() as typeof proof
    } finally {
      store.close()
    }
  }
  const urlOf = (target: string, path: string): string => `${apps.origin(target).replace('https', 'wss')}${path}`

  /** What a page hears: `open`, each message, and how it ends. It sends `send` once it is open. */
  const listen = async (on: Page, target: string, path: string, send: readonly string[] = []) => {
    const name = `heard${Math.random()}`
    await on.evaluate(
      `{ const heard = window[${JSON.stringify(name)}] = []; const socket = window.socket = new WebSocket(${JSON.stringify(urlOf(target, path))});
      socket.onopen = () => { heard.push('open'); for (const text of ${JSON.stringify(send)}) socket.send(text) };
      socket.onmessage = ({ data }) => heard.push(data);
      socket.onclose = ({ code, reason }) => heard.push('closed ' + code + ' ' + reason) }`,
    )
    return async (last: RegExp): Promise<string[]> => {
      await on.waitForFunction(`${last}.test(window[${JSON.stringify(name)}].at(-1) ?? '')`)
      return on.evaluate(`window[${JSON.stringify(name)}]`)
    }
  }
  /** How many requests for WebSockets have reached a target; browsers ask for icons besides. */
  const opened = (): number =>
    [...shop.asked, ...wiki.asked].filter(({ headers }) => headers.upgrade !== undefined).length
  const cookieOf = async (target: string, on: Page = page): Promise<string> => {
    const found = (await on.context().cookies(apps.origin(target))).find(({ name }) => name === '__Host-pam_app')
    return `${found?.name}=${found?.value}`
  }
  const sessionOf = async (target: string): Promise<string> => {
    const sessions = JSON.parse((await apps.pamctl('sessions', '--active', '--json')).stdout) as {
      id: string
      target: string
    }[]
    return sessions.find((session) => session.target === target)?.id ?? ''
  }

  it("serves one that the target's own page opens, with the credential of the gateway", async () => {
    const heard = await listen(page, 'shop', '/ws/echo', ['grüße'])
    expect(await heard(/grüße/)).toEqual(['open', 'grüße'])
    const { headers } = shop.asked.at(-1) as { headers: Record<string, string> }
    expect(headers).toMatchObject({ authorization: `Bearer ${TOKEN}`, origin: `http://127.0.0.1:${shop.port}` })
    expect(headers['cookie']).toBeUndefined()
    expect(headers['sec-websocket-extensions']).toBeUndefined()
    await page.evaluate('socket.close(4001, "enough")')
    expect((await heard(/^closed/)).at(-1)).toBe('closed 4001 enough')
  })

  it('needs a rule that names WebSockets', async () => {
    const before = opened()
    const heard = await listen(page, 'shop', '/other/echo')
    expect(await heard(/^closed/)).toEqual(['closed 1006 '])
    expect(opened()).toBe(before)
  })

  it('waits for approval', async () => {
    const before = opened()
    const heard = await listen(page, 'shop', '/held/echo', ['there?'])
    const { id } = await apps.waiting()
    expect(opened()).toBe(before)
    await apps.pamctl('approve', id)
    expect(await heard(/there/)).toEqual(['open', 'there?'])
    await page.evaluate('socket.close()')
  })

  it('is withdrawn when its page leaves', async () => {
    const before = opened()
    await listen(page, 'shop', '/held/echo')
    const { id } = await apps.waiting()
    await page.goto(`${apps.origin('shop')}/`)
    await eventually(async () => {
      const items = JSON.parse((await apps.pamctl('reviews', '--json')).stdout) as { id: string }[]
      return items.some((item) => item.id === id) ? undefined : true
    }, 'it waits for nobody')
    expect(opened()).toBe(before)
  })

  it('is masked, and on record', async () => {
    const other = await page.context().newPage()
    await other.goto(`${apps.origin('wiki')}/`)
    await other.waitForURL(`${apps.origin('wiki')}/`)
    const heard = await listen(other, 'wiki', '/ws/customers')
    expect(await heard(/called/)).toEqual(['open', '{"name":"Jane","email":"****","card":null}', '**** has called'])
    const id = await sessionOf('wiki')
    await apps.pamctl('kill', id, '--reason', 'for the record')
    expect((await heard(/^closed/)).at(-1)).toMatch(/^closed 1008 SESSION_KILLED: /)
    await other.close()
    const record = await eventually(async () => {
      const { stdout } = await apps.pamctl('replay', id)
      return stdout.includes('has called') ? stdout : undefined
    }, 'it is on record')
    expect(record).toContain('GET /ws/customers\n            upgrade: websocket')
    expect(record).not.toMatch(/jane\.roe|4111111111111111|__Host-pam/)
  })

  it.each(['wiki', 'evil'])('is refused to the page of %s', async (from) => {
    const other = await page.context().newPage()
    const origin = from === 'evil' ? 'https://evil.example' : apps.origin('wiki')
    await other.route(`${origin}/page`, (route) => route.fulfill({ contentType: 'text/html', body: '<h1>evil</h1>' }))
    await other.goto(`${origin}/page`)
    const before = opened()
    const heard = await listen(other, 'shop', '/ws/echo', ['hello'])
    expect(await heard(/^closed/)).toEqual(['closed 1006 '])
    expect(opened()).toBe(before)
    await other.close()
  })

  describe('asked for by hand', () => {
    let cookies: { readonly shop: string; readonly wiki: string; readonly ended: string }
    beforeAll(async () => {
      const other = await apps.open('jane', `${apps.origin('shop')}/`)
      await other.waitForURL(`${apps.origin('shop')}/`)
      const ended = await cookieOf('shop', other)
      await other.goto(`${apps.url}/account`)
      await other.getByRole('button', { name: 'Sign out', exact: true }).click()
      await other.getByText('You are signed out.').waitFor()
      await other.context().close()
      await page.goto(`${apps.origin('wiki')}/`)
      await page.waitForURL(`${apps.origin('wiki')}/`)
      await page.goto(`${apps.origin('shop')}/`)
      cookies = { shop: await cookieOf('shop'), wiki: await cookieOf('wiki'), ended }
    })

    const usual = (): Record<string, string> => ({
      Host: new URL(apps.origin('shop')).host,
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': KEY,
      Origin: apps.origin('shop'),
      Cookie: cookies.shop,
    })
    const bytesOf = (headers: Record<string, string | undefined>, path = '/ws/echo'): string =>
      [
        `GET ${path} HTTP/1.1`,
        ...Object.entries({ ...usual(), ...headers }).flatMap(([name, value]) =>
          value === undefined ? [] : [`${name}: ${value}`],
        ),
        '',
        '',
      ].join('\r\n')

    it.each<[string, () => string, number, string]>([
      ['no Origin', () => bytesOf({ Origin: undefined }), 400, 'FEATURE_REFUSED'],
      ['the Origin of another site', () => bytesOf({ Origin: 'https://evil.example' }), 403, 'CSRF_REFUSED'],
      ['the Origin of another target', () => bytesOf({ Origin: apps.origin('wiki') }), 403, 'CSRF_REFUSED'],
      ['the Origin of the dashboard', () => bytesOf({ Origin: apps.url }), 403, 'CSRF_REFUSED'],
      ['no origin at all', () => bytesOf({ Origin: 'null' }), 403, 'CSRF_REFUSED'],
      ['the Origin of another port', () => bytesOf({ Origin: 'https://shop.apps.localhost' }), 403, 'CSRF_REFUSED'],
      ['an Origin without TLS', () => bytesOf({ Origin: apps.origin('shop').replace('s:', ':') }), 403, 'CSRF_REFUSED'],
      ['two of them', () => bytesOf({ Cookie: `${cookies.shop}\r\nOrigin: https://evil.example` }), 400, 'USAGE'],
      ['Fetch Metadata of another site', () => bytesOf({ 'Sec-Fetch-Site': 'same-site' }), 403, 'CSRF_REFUSED'],
      ['no cookie', () => bytesOf({ Cookie: undefined }), 403, 'NOT_SIGNED_IN'],
      ["another target's cookie", () => bytesOf({ Cookie: cookies.wiki }), 403, 'NOT_SIGNED_IN'],
      ['the cookie of somebody who has signed out', () => bytesOf({ Cookie: cookies.ended }), 403, 'NOT_SIGNED_IN'],
      ['a cookie that was changed', () => bytesOf({ Cookie: `${cookies.shop}x` }), 403, 'NOT_SIGNED_IN'],
      ['a host without the port', () => bytesOf({ Host: 'shop.apps.localhost' }), 404, 'NOT_FOUND'],
      ['a host that no target has', () => bytesOf({ Host: `apps.localhost:${apps.port}` }), 404, 'NOT_FOUND'],
      ['the host of another target', () => bytesOf({ Host: new URL(apps.origin('wiki')).host }), 403, 'CSRF_REFUSED'],
      ["a path of the gateway's own", () => bytesOf({}, '/.pamctl/wait/x'), 404, 'NOT_FOUND'],
      ['another protocol', () => bytesOf({ Upgrade: 'h2c' }), 400, 'FEATURE_REFUSED'],
      ['no key', () => bytesOf({ 'Sec-WebSocket-Key': undefined }), 400, 'PROTOCOL_VIOLATION'],
      ['a frame behind it', () => `${bytesOf({})}\x81\x80aaaa`, 400, 'PROTOCOL_VIOLATION'],
      ['a body', () => bytesOf({ 'Content-Length': '5' }), 400, 'PROTOCOL_VIOLATION'],
      ['a header Authorization', () => bytesOf({ Authorization: 'Bearer x' }), 400, 'FEATURE_REFUSED'],
    ])('is refused with %s, and none of it reaches a target', async (_name, bytes, status, code) => {
      const before = opened()
      const answer = await apps.raw(bytes())
      expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`])
      expect(answer).toContain(`"code":"${code}"`)
      expect(opened()).toBe(before)
    })

    it('is not served ahead of the answer to a request before it', async () => {
      const before = opened()
      const get = bytesOf({ Connection: undefined, Upgrade: undefined, 'Sec-Fetch-Site': 'same-origin' }, '/held')
      const answer = await apps.raw(`${get}${bytesOf({})}`)
      expect(answer).not.toContain(' 101 ')
      expect(opened()).toBe(before)
    })
  })

  it('keeps the identity of its person proven, although the page asks for nothing', async () => {
    const known = `where id = '${proof.id}'`
    await eventually(
      () => Promise.resolve(loginsOf(known).proven_until > proof.proven_until ? true : undefined),
      'a new proof',
    )
    expect(await silent.evaluate('socket.readyState')).toBe(1)
  })

  it('needs no page of the dashboard for that: the cookie of the app proves it, and so does each page of the app', async () => {
    await silent.evaluate('socket.close()')
    await eventually(async () => {
      const { proven_until: before } = loginsOf(`where id = '${proof.id}'`)
      await silent.goto(`${apps.origin('shop')}/again`)
      return loginsOf(`where id = '${proof.id}'`).proven_until > before ? true : undefined
    }, 'a new proof')
    expect(await silent.locator('body').textContent()).toContain('/again')
  })

  describe('under a grant that was asked for', () => {
    let asking: Page
    beforeAll(async () => {
      asking = await apps.open('jane', `${apps.origin('shop')}/`)
      await asking.waitForURL(`${apps.origin('shop')}/`)
    })
    afterAll(() => asking?.context().close())

    /** Asks in the dashboard, for what bob approves at a command line, and opens the app. Its grant, and what its page hears. */
    const openVault = async (...approved: readonly string[]) => {
      await asking.goto(`${apps.url}/access`)
      const card = asking.getByTestId('vault')
      await card.getByRole('button', { name: 'Request access…' }).click()
      await card.getByLabel(/^Reason/).fill('to look at it')
      await card.getByRole('button', { name: 'Request access' }).click()
      const request = await eventually(async () => {
        const items = JSON.parse((await apps.pamctl('reviews', '--json')).stdout) as { kind: string; id: string }[]
        return items.find(({ kind }) => kind === 'request')
      }, 'a request')
      expect(await apps.pamctl('approve', request.id, ...approved)).toMatchObject({ code: 0 })
      await asking.goto(`${apps.origin('vault')}/page`)
      await asking.waitForURL(`${apps.origin('vault')}/page`)
      const heard = await listen(asking, 'vault', '/ws/echo', ['hello'])
      await heard(/hello/)
      await asking.evaluate(
        `{ window.told = []; window.events = new EventSource('/events');
        events.onmessage = ({ data }) => told.push(data);
        events.onerror = () => told.push('state ' + events.readyState) }`,
      )
      await asking.waitForFunction(`told.includes('begun')`)
      return { heard }
    }
    const fetched = (): Promise<unknown> =>
      asking.evaluate(`fetch('/events').then(async (r) => [r.status, (await r.json()).code])`)

    it('is closed with the reason when the grant is revoked, and so is a stream of events', async () => {
      const { heard } = await openVault()
      const before = shop.asked.length
      const grants = JSON.parse((await apps.pamctl('grants', '--all', '--active', '--json')).stdout) as {
        id: string
        target: string
      }[]
      const grant = grants.find(({ target }) => target === 'vault')
      expect(await apps.pamctl('revoke', grant?.id ?? '', '--reason', 'the incident is over')).toMatchObject({
        code: 0,
      })
      expect((await heard(/^closed/)).at(-1)).toMatch(
        /^closed 1008 GRANT_REVOKED: your access to vault was revoked by bob@example\.com: the incident is over/,
      )
      // A browser opens the stream again by itself, until it is refused.
      await asking.waitForFunction(`events.readyState === 2`)
      expect(await fetched()).toEqual([403, 'NO_GRANT'])
      expect((await asking.goto(`${apps.origin('vault')}/page`))?.status()).toBe(403)
      await asking.getByRole('heading', { name: 'Request access first' }).waitFor()
      expect(shop.asked.length).toBe(before)
    })

    it('is closed with the reason when the grant ends, and so is a stream of events', async () => {
      const { heard } = await openVault('--for', '5s')
      const before = shop.asked.length
      expect((await heard(/^closed/)).at(-1)).toMatch(/^closed 1008 GRANT_OVER: your access to vault has ended/)
      await asking.waitForFunction(`events.readyState === 2`)
      expect(await fetched()).toEqual([403, 'NO_GRANT'])
      await asking.goto(`${apps.origin('vault')}/page`)
      await asking.getByRole('heading', { name: 'Request access first' }).waitFor()
      expect(shop.asked.length).toBe(before)
    })
  })

  it('ends when its person signs out of the dashboard', async () => {
    const heard = await listen(page, 'shop', '/ws/echo')
    await heard(/open/)
    const dashboard = await page.context().newPage()
    await dashboard.goto(`${apps.url}/account`)
    await dashboard.getByRole('button', { name: 'Sign out', exact: true }).click()
    await dashboard.getByText('You are signed out.').waitFor()
    expect((await heard(/^closed/)).at(-1)).toMatch(/^closed 1008 /)
  })
})
