import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { PAGES } from '../../src/api/web-app.ts'
import { CHROMIUM, isLoaded, startDashboard, type Dashboard } from '../helpers/dashboard.ts'
import { eventually, openPort, signIn, withTokens, type Port, type SignedIn } from '../helpers/gateway-client.ts'
import { psql } from '../helpers/run.ts'
import { inTerminal, sshClient } from '../helpers/ssh-client.ts'

/** Would run where anything showed it as markup, in an attribute, in a link or in a script. */
const XSS =
  '"><img src=x onerror="window.hacked=1"><script>window.hacked=2</script>${window.hacked=3}javascript:window.hacked=4'
const XSS_YAML = JSON.stringify(XSS)
const SERVICE = '<img src=x onerror=window.hacked=5>'
const MALLORY = { email: 'mallory@example.com', password: 'jane-demo' }

describe.skipIf(!CHROMIUM)('the dashboard, shown what others wrote', () => {
  let web: Dashboard
  let jane: SignedIn
  let bob: SignedIn
  let dev: Port
  const sessions: string[] = []
  beforeAll(async () => {
    web = await startDashboard((yaml, directory) => {
      const people = join(directory, 'people.yaml')
      const written = readFileSync(people, 'utf8')
      const hash = /jane@.*password: "([^"]+)"/.exec(written)?.[1] ?? ''
      writeFileSync(
        people,
        `${written
          .replace(
            'services:',
            `  - { id: mallory, email: ${MALLORY.email}, name: M, groups: [${JSON.stringify(`m ${XSS}`)}], password: "${hash}" }\nservices:`,
          )
          .replace(
            'groups: [engineering]',
            `groups: [engineering, ${XSS_YAML}]`,
          )}  - { id: ${JSON.stringify(SERVICE)}, groups: [ci], secret: "${hash}" }\n`,
      )
      return yaml
        .replace('labels: { env: dev }', `labels: { env: dev, note: ${XSS_YAML} }`)
        .replace(
          '\naccess:',
          `\naccess:\n  - { name: ${JSON.stringify(`rule ${SERVICE}`)}, who: { groups: [${XSS_YAML}, never] }, targets: { names: [nothing] }, grant: standing, maxDuration: 1h }`,
        )
        .replace(
          '\ncommands:',
          `\ncommands:\n  - { name: ${JSON.stringify(`hold ${SERVICE}`)}, targets: { names: [dev-db] }, match: { kinds: [delete] }, hold: { approvers: { groups: [sre, ${XSS_YAML}] } } }\n  - { name: ${JSON.stringify(`deny ${SERVICE}`)}, targets: { names: [dev-db] }, match: { kinds: [drop-table] }, deny: ${XSS_YAML} }`,
        )
    })
    jane = await signIn(web.url, 'jane')
    bob = await signIn(web.url, 'bob')
    dev = await openPort(jane, 'dev-db')
    await psql(
      dev,
      'app_dev',
      `create table "${XSS.replaceAll('"', '""')}" (id int);
       select 1 as "${XSS.replaceAll('"', '""').slice(0, 40)}", '${XSS}';
       drop table "${XSS.replaceAll('"', '""')}";
       select '${XSS}'::int`,
    )
    const bastion = await openPort(jane, 'bastion')
    const client = await sshClient(bastion, web.sshd.user)
    const shell = await inTerminal(client, `printf '\\033]0;%s\\007%s\\n' '${XSS}' '${XSS}'`)
    await shell.over
    client.end()
    bastion.close()
    sessions.push(...(await jane.api.sessions.list({})).items.map(({ id }) => id))
    const denied = await jane.api.requests.create({ target: 'prod-db', reason: 'to be denied' })
    await bob.api.reviews.decide(denied.id, { verdict: 'deny', comment: XSS })
    await jane.api.requests.create({ target: 'prod-db', reason: XSS })
    const service = await serviceSignedIn()
    await service.api.requests.create({ target: 'prod-db', reason: `by a service ${XSS}` })
  })
  afterAll(async () => {
    dev?.close()
    await web?.stop()
  })
  afterEach(() => {
    expect(web.complaints.splice(0)).toEqual([])
  })

  async function serviceSignedIn(): Promise<SignedIn> {
    const issuer = web.gateway.issuer
    const basic = Buffer.from(`${encodeURIComponent(SERVICE)}:jane-demo`).toString('base64')
    const response = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    })
    const { access_token } = (await response.json()) as { access_token: string }
    return withTokens(web.url, { identityToken: access_token, refreshToken: undefined })
  }

  /** Nothing that was written ran, and nothing of it became an element. */
  async function isClean(page: Page): Promise<void> {
    const found = await page.evaluate(`({
      hacked: window.hacked,
      elements: [...document.querySelectorAll('img[src="x"], iframe, object, embed, script:not([src]), [onerror], [onload]')].map((element) => element.outerHTML),
      links: [...document.querySelectorAll('a')].map(({ href }) => href).filter((href) => !href.startsWith(location.origin)),
    })`)
    expect([page.url(), found]).toEqual([page.url(), { hacked: undefined, elements: [], links: [] }])
  }

  it('shows it as text on every page', async () => {
    const held = psql(dev, 'app_dev', `delete from "${XSS.replaceAll('"', '""')}" where '${XSS}' = ''`)
    const page = await web.signedIn('alice')
    await page.getByText('onerror').first().waitFor()
    const review = await eventually(
      async () => (await bob.api.reviews.list()).find(({ kind }) => kind === 'command'),
      'a held command',
    )
    const paths = [
      '/',
      `/reviews/${review.id}`,
      '/live',
      `/live/${review.session ?? ''}`,
      '/sessions',
      `/sessions?person=${encodeURIComponent(XSS)}`,
      `/sessions?text=${encodeURIComponent('onerror')}`,
      ...sessions.map((id) => `/sessions/${id}`),
      '/policy',
      '/audit',
      `/audit?text=${encodeURIComponent('onerror')}`,
      '/account',
      `/reviews/${encodeURIComponent(XSS)}`,
      `/sessions/${encodeURIComponent(XSS)}`,
    ]
    for (const path of paths) {
      await page.goto(web.url + path)
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
      await isLoaded(page)
      await isClean(page)
    }
    await bob.api.locks.create({ target: 'prod-db', reason: XSS, lengthMs: 1000 })
    await page.goto(`${web.url}/locks`)
    await page.getByLabel('Also past locks').check()
    await page.getByText('onerror').first().waitFor()
    await isClean(page)
    await page.goto(`${web.url}/policy`)
    await page.getByRole('region', { name: 'Try a command' }).getByLabel('Target').selectOption('dev-db')
    await page.getByLabel('Groups of the person').fill('engineering')
    await page.getByLabel('Command', { exact: true }).fill(`delete from "${XSS.replaceAll('"', '""')}"`)
    await page.getByRole('button', { name: 'Try it' }).click()
    await page.getByTestId('verdict').getByText('held', { exact: true }).waitFor()
    await isClean(page)
    await page.context().close()

    const deciding = await web.signedIn('bob', `/reviews/${review.id}`)
    expect(await deciding.getByTestId('code').textContent()).toContain(XSS)
    await deciding.getByRole('button', { name: 'Deny…' }).click()
    await deciding.getByLabel(/^Comment/).fill(XSS)
    await deciding.getByRole('button', { name: 'Deny command' }).click()
    expect((await held).stderr).toContain('onerror')
    await deciding
      .getByText(/^denied by bob/)
      .first()
      .waitFor()
    await isClean(deciding)
    await deciding.goto(`${web.url}/access`)
    await deciding.getByTestId('dev-db').waitFor()
    await isClean(deciding)
    await deciding.context().close()
    const asking = await web.signedIn('jane', '/access')
    await asking.getByText('to be denied').waitFor()
    await isClean(asking)
    await asking.context().close()
  })

  it('gives somebody without rights nothing, on every page and in every call', async () => {
    const [request] = (await jane.api.requests.list({ mine: true })).items
    const [grant] = (await jane.api.grants.list({})).items
    const [session] = sessions
    const page = await web.signedIn(MALLORY)
    const answers = await page.evaluate(
      async ({ ids }) => {
        const { csrf } = (await (await fetch('/v1/web-session')).json()) as { csrf: string }
        const { paths } = (await (await fetch('/openapi.json')).json()) as {
          paths: Record<string, Record<string, unknown>>
        }
        const found: { call: string; status: number; body: string }[] = []
        for (const [path, methods] of Object.entries(paths)) {
          if (/^\/(healthz|readyz|auth|\.well-known)|\/v1\/(events|login|logins|token|web-session)$/.test(path))
            continue
          for (const method of Object.keys(methods)) {
            for (const id of path.includes('{id}') ? ids : ['']) {
              const query = method === 'get' ? '?text=x&target=prod-db&all=true&visible=true' : ''
              const response = await fetch(path.replace('{id}', id) + query, {
                method: method.toUpperCase(),
                headers: { 'pam-csrf': csrf, 'content-type': 'application/json' },
                ...(method === 'post'
                  ? { body: JSON.stringify({ target: 'prod-db', reason: 'x', verdict: 'deny', command: 'select 1' }) }
                  : {}),
              })
              found.push({ call: `${method} ${path} ${id}`, status: response.status, body: await response.text() })
            }
          }
        }
        return found
      },
      { ids: [request?.id ?? '', grant?.id ?? '', session ?? '', 'ses_', 'req_'] },
    )
    expect(answers.length).toBeGreaterThan(80)
    const secrets = /jane@example|bob@example|onerror|orders|customers|BEGIN PUBLIC KEY(?!)/
    for (const { call, status, body } of answers) {
      const isOwn =
        /^get \/v1\/(whoami|targets|requests|grants|sessions|reviews|keys|locks|break-glass|passkeys) $/.test(call)
      if (isOwn && status === 200) {
        if (!/whoami|keys/.test(call)) expect([call, JSON.parse(body)]).toEqual([call, { items: [] }])
        continue
      }
      // A search finds in what is theirs: nothing.
      if (call === 'get /v1/search ' && status === 200) {
        expect(body).toBe('')
        continue
      }
      expect([call, [400, 403, 404].includes(status) ? 'refused' : `${status} ${body}`]).toEqual([call, 'refused'])
      expect([call, secrets.exec(body)?.[0]]).toEqual([call, undefined])
    }
    const paths = PAGES.map((path) => path.replace('*', session ?? ''))
    for (const path of paths) {
      await page.goto(web.url + path)
      await page.getByRole('navigation', { name: 'Pages' }).waitFor()
      await isLoaded(page)
      const text = (await page.locator('main').textContent()) ?? ''
      expect([path, secrets.exec(text)?.[0]]).toEqual([path, path === '/account' ? 'onerror' : undefined])
    }
    await page.context().close()
  })

  it('shows nothing to somebody who is not signed in, and returns to the page that they wanted', async () => {
    const context = await web.context()
    const page = await context.newPage()
    const called: string[] = []
    page.on('response', (response) => called.push(`${response.status()} ${new URL(response.url()).pathname}`))
    await page.goto(`${web.url}/audit?type=login.`)
    await page.getByRole('link', { name: 'Sign in', exact: true }).waitFor()
    expect(called.filter((call) => /\/v1\//.test(call))).toEqual(['401 /v1/web-session'])
    expect(await page.getByRole('link', { name: 'Sign in', exact: true }).getAttribute('href')).toBe(
      '/auth/sign-in?to=%2Faudit%3Ftype%3Dlogin.',
    )
    await context.close()
  })

  it('reports a page that cannot be drawn, and continues with the others', async () => {
    const page = await web.signedIn('alice')
    await page.route('**/v1/sessions?*', (route) => route.fulfill({ json: { items: [{ id: 'ses_broken' }] } }))
    await page.getByRole('link', { name: 'Sessions' }).click()
    await page.getByText('Something went wrong on this page').waitFor()
    await page.getByRole('link', { name: 'Policy' }).click()
    await page.getByRole('heading', { name: 'Try a command' }).waitFor()
    await page.unroute('**/v1/sessions?*')
    await page.route('**/v1/sessions?*', (route) => route.fulfill({ status: 500, body: 'no json' }))
    await page.getByRole('link', { name: 'Sessions' }).click()
    await page
      .getByRole('alert')
      .getByText(/is not a pamctl gateway/)
      .waitFor()
    await page.context().close()
  })

  it('cannot be framed by another page', async () => {
    const context = await web.context()
    const page = await context.newPage()
    await page.goto(`${web.gateway.issuer}/.well-known/openid-configuration`)
    const shown = await page.evaluate(`(async () => {
      const frame = document.createElement('iframe')
      frame.src = ${JSON.stringify(`${web.url}/`)}
      document.body.append(frame)
      await new Promise((resolve) => frame.addEventListener('load', resolve))
      try {
        return frame.contentDocument?.body.textContent ?? 'another origin'
      } catch (error) {
        return String(error)
      }
    })()`)
    expect(shown).not.toContain('pamctl')
    const frames = page.frames().filter((frame) => frame.url().startsWith(web.url))
    expect(frames).toEqual([])
    web.complaints.splice(0)
    await context.close()
  })
})
