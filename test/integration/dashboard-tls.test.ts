import { execFileSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CHROMIUM, enterPassword, startDashboard, type Dashboard } from '../helpers/dashboard.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { pamctlSignedIn } from '../helpers/pamctl-client.ts'
import { OPENSSL, pamctl } from '../helpers/run.ts'

/** What only a passkey approves. */
const RULE = `
  - { name: tables are made with a passkey, targets: { names: [dev-db] }, match: { kinds: [create-table] }, hold: { approvers: { groups: [sre], stepUp: passkey } } }`

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
      return yaml
        .replace('\ncommands:', `\ncommands:${RULE}`)
        .replace(
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
    await card.getByRole('status').filter({ hasText: 'over TLS' }).waitFor()
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
    const row = page.getByRole('status').filter({ hasText: 'over TLS' })
    await row.getByRole('button', { name: 'Withdraw…' }).click()
    await row.getByRole('button', { name: 'Withdraw the request' }).click()
    await eventually(() => (/withdrawn/.test(watching.output()) ? true : undefined), 'what becomes of it')
    watching.kill()
    await context.close()
    await pamctl(['agent', 'stop'], bob.environment)
    rmSync(bob.home, { recursive: true, force: true })
  })

  it('has a passkey registered, asks for it, and lets go on what was approved with it', async () => {
    const page = await web.signedIn('bob', '/', { ignoreHTTPSErrors: true })
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    await devtools.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: true,
        automaticPresenceSimulation: true,
      },
    })
    const jane = await pamctlSignedIn(url, 'jane', { flags: ['--ca', join(web.directory, 'tls.crt')] })
    const psql = jane.start(['connect', 'dev-db', '--', 'psql', '-X', '-c', 'create table by_passkey (id int)'])
    const card = page.locator('[data-card]').filter({ hasText: 'by_passkey' })
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByRole('button', { name: 'Approve and run once' }).click()
    await card.getByRole('link', { name: 'Register one' }).click()
    await page.getByLabel('Name of the new passkey').fill('test key')
    await page.getByRole('button', { name: 'Register a passkey' }).click()
    await page.getByRole('list', { name: 'Your passkeys' }).getByText('test key', { exact: true }).waitFor()
    await page.getByRole('link', { name: /^Inbox/ }).click()
    await card.getByRole('button', { name: 'Approve…' }).click()
    await card.getByText('Your browser will ask for your passkey.').waitFor()
    await card.getByRole('button', { name: 'Approve and run once' }).click()
    await card.getByText(/verified with passkey/).waitFor()
    expect(await psql.closed).toBe(0)
    await page.getByRole('link', { name: 'bob@example.com' }).click()
    await page.getByText(/last used/).waitFor()
    await page.getByRole('button', { name: 'Remove test key…' }).click()
    await page.getByRole('button', { name: 'Remove passkey' }).click()
    await page.getByText('You have no passkeys.').waitFor()
    expect(web.complaints.splice(0)).toEqual([])
    await page.context().close()
    await pamctl(['agent', 'stop'], jane.environment)
    rmSync(jane.home, { recursive: true, force: true })
  })
})
