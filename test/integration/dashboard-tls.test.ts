import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, enterPassword, startDashboard, type Dashboard } from '../helpers/dashboard.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { pamctlSignedIn } from '../helpers/pamctl-client.ts'
import { OPENSSL, pamctl } from '../helpers/run.ts'

describe.skipIf(!CHROMIUM || !OPENSSL)('the dashboard over TLS', () => {
  let web: Dashboard
  let url: string
  beforeAll(async () => {
    web = await startDashboard((yaml, directory) => {
      execFileSync(
        'openssl',
        // prettier-ignore
        ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'tls.key', '-out', 'tls.crt', '-subj', '/CN=localhost',
          '-days', '2', '-addext', 'subjectAltName=DNS:localhost'],
        { cwd: directory, stdio: 'pipe' },
      )
      const port = /listen: .*port: (\d+)/.exec(yaml)?.[1]
      url = `https://localhost:${port}`
      return yaml.replace(
        /listen: .*/,
        `listen: { host: 127.0.0.1, port: ${port}, tls: { certificate: tls.crt, key: tls.key } }\npublicUrl: ${url}`,
      )
    })
  })
  afterAll(() => web?.stop())

  it('keeps its cookie to this host and to TLS, tells browsers to stay with it, and works as it does without', async () => {
    const context = await web.context({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    const first = await page.goto(`${url}/access`)
    expect(first?.headers()['strict-transport-security']).toMatch(/^max-age=\d+/)
    await page.getByRole('link', { name: 'Sign in', exact: true }).click()
    await enterPassword(page, 'jane')
    await page.getByTestId('prod-db').waitFor()
    const [cookie] = (await context.cookies(url)).filter(({ name }) => name.includes('pam_session'))
    expect(cookie).toMatchObject({
      name: '__Host-pam_session',
      path: '/',
      secure: true,
      httpOnly: true,
      sameSite: 'Strict',
    })
    expect(await page.evaluate('document.cookie')).toBe('')
    const card = page.getByTestId('prod-db')
    await card.getByRole('button', { name: 'Request access…' }).click()
    await card.getByLabel(/^Reason/).fill('over TLS')
    await card.getByRole('button', { name: 'Request access' }).click()
    await page.getByRole('cell', { name: 'over TLS' }).waitFor()
    await page.getByRole('link', { name: 'jane@example.com' }).click()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.getByText('You are signed out.').waitFor()
    expect((await context.cookies(url)).filter(({ name }) => name.includes('pam_session'))).toEqual([])
    expect(web.complaints.splice(0)).toEqual([])
    await context.close()
  })

  it('streams reach a command line that trusts a private authority as they are sent', async () => {
    const bob = await pamctlSignedIn(url, 'bob', { flags: ['--ca', join(web.directory, 'tls.crt')] })
    const watching = bob.start(['reviews', '--watch', '--no-notify'])
    await eventually(() => (/over TLS/.test(watching.output()) ? true : undefined), 'what waits')
    const context = await web.context({ ignoreHTTPSErrors: true })
    const page = await context.newPage()
    await page.goto(`${url}/access`)
    await page.getByRole('link', { name: 'Sign in', exact: true }).click()
    await enterPassword(page, 'jane')
    const row = page.getByRole('row').filter({ hasText: 'over TLS' })
    await row.getByRole('button', { name: 'Withdraw…' }).click()
    await row.getByRole('button', { name: 'Withdraw the request' }).click()
    await eventually(() => (/withdrawn/.test(watching.output()) ? true : undefined), 'what becomes of it')
    watching.kill()
    await context.close()
    await pamctl(['agent', 'stop'], bob.environment)
    rmSync(bob.home, { recursive: true, force: true })
  })
})
