import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from 'playwright-core'
import { freePort, startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { loadSampleData } from '../../src/demo/sample-data.ts'
import { DEMO_PEOPLE, writeDemoConfig } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { eventually } from './gateway-client.ts'
import { hostGateway } from './hosted-gateway.ts'
import { startSshServer, SSHD, type SshServer } from './ssh-server.ts'
import { TEST_TIMEOUT } from './timeouts.ts'

/** A real browser, where there is one. */
export const BROWSER_PROGRAM = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((directory) => join(directory, name)))
  .find((path) => existsSync(path))

/** Whether the pages can be tested: a browser, and a host to show. */
export const CHROMIUM = BROWSER_PROGRAM !== undefined && SSHD

export type Who = keyof typeof DEMO_PEOPLE | { readonly email: string; readonly password: string }

/** A gateway with a database and a host behind it, and browsers in front of it. */
export interface Dashboard {
  readonly gateway: RunningGateway
  readonly url: string
  readonly directory: string
  readonly postgres: LocalPostgres
  readonly sshd: SshServer
  /** A browser of its own, with nobody signed in. */
  context(options?: BrowserContextOptions): Promise<BrowserContext>
  /** A page of a browser in which somebody has signed in, at a path. Their later browsers have the cookies of the first: to sign in takes a second. */
  signedIn(who: Who, path?: string, options?: BrowserContextOptions): Promise<Page>
  /** The gateway ends and starts again at the same address. */
  restart(edit?: (yaml: string) => string): Promise<void>
  /** What browsers complained about: errors of scripts, and what their content security policy refused. */
  readonly complaints: string[]
  stop(): Promise<void>
}

export async function startDashboard(
  edit: (yaml: string, directory: string) => string = (yaml) => yaml,
): Promise<Dashboard> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-web-'))
  const postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-web-pg-')) })
  await loadSampleData(postgres)
  const sshd = await startSshServer()
  // A port of the provider that stays the same, so that its sign-ins lead back after a restart.
  const [gatewayPort, providerPort] = [await freePort(), await freePort()]
  const config = await writeDemoConfig(directory, { gatewayPort, postgresPort: postgres.port })
  const yaml = readFileSync(config, 'utf8')
    .replace('evaluation: { people: people.yaml }', `evaluation: { people: people.yaml, port: ${providerPort} }`)
    .replace('\naccess:', `\n${bastion(sshd)}\naccess:`)
    .replace('\ncommands:', `\ncommands:\n${BASTION_RULES}`)
  writeFileSync(config, edit(yaml, directory))
  const log = join(directory, 'gateway.log')
  let gateway = await hostGateway(config, log)
  const browser = await chromium.launch({ executablePath: BROWSER_PROGRAM as string, args: BROWSER_FLAGS })
  const complaints: string[] = []
  const signedIn = new Map<string, Awaited<ReturnType<BrowserContext['storageState']>>>()
  const dashboard: Dashboard = {
    get gateway() {
      return gateway
    },
    get url() {
      return gateway.url
    },
    directory,
    postgres,
    sshd,
    complaints,
    context: (options) => newContext(browser, options, complaints),
    async signedIn(who, path = '/', options) {
      const email = typeof who === 'string' ? DEMO_PEOPLE[who].email : who.email
      const storageState = signedIn.get(email)
      const context = await dashboard.context(storageState === undefined ? options : { ...options, storageState })
      const page = await context.newPage()
      await page.goto(gateway.url + path)
      const [pages, signInHere] = [
        page.getByRole('navigation', { name: 'Pages' }),
        page.getByRole('link', { name: 'Sign in', exact: true }),
      ]
      await pages.or(signInHere).waitFor()
      if (await signInHere.isVisible()) {
        await signInHere.click()
        await enterPassword(page, who)
        await pages.waitFor()
        signedIn.set(email, await context.storageState())
      }
      return page
    },
    async restart(change) {
      await gateway.stop('SIGTERM')
      if (change !== undefined) writeFileSync(config, change(readFileSync(config, 'utf8')))
      gateway = await hostGateway(config, log)
    },
    async stop() {
      await browser.close()
      await gateway.stop('SIGTERM')
      await sshd.stop()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return dashboard
}

/** Everything that the page asks for has come. */
export async function isLoaded(page: Page): Promise<void> {
  await eventually(async () => {
    const text = await page.locator('main').textContent()
    const isEmpty = text === null || text.trim() === ''
    return isEmpty || /Loading|Checking…|Verifying…|Searching recordings/.test(text) ? undefined : true
  }, `${page.url()} is loaded`)
}

/** The provider's own page. */
export async function enterPassword(page: Page, who: Who): Promise<void> {
  const { email, password } = typeof who === 'string' ? DEMO_PEOPLE[who] : who
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function newContext(
  browser: Browser,
  options: BrowserContextOptions | undefined,
  complaints: string[],
): Promise<BrowserContext> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  context.setDefaultTimeout(TEST_TIMEOUT - 1000)
  context.on('page', (page) => {
    page.on('pageerror', (error) => complaints.push(`${page.url()}: ${error.message}`))
    page.on('console', (message) => {
      if (message.type() === 'error' && /Content Security Policy|Uncaught|Refused/.test(message.text()))
        complaints.push(`${page.url()}: ${message.text()}`)
    })
    page.on('dialog', (dialog) => {
      complaints.push(`${page.url()}: a dialog: ${dialog.message()}`)
      void dialog.dismiss()
    })
  })
  return context
}

const bastion = (sshd: SshServer): string => `  - name: bastion
    type: ssh
    labels: { env: dev }
    host: 127.0.0.1
    port: ${sshd.port}
    hostKeys: ["${sshd.hostKey}"]
    logins:
      - { name: ${sshd.user}, privateKey: "file:${sshd.keys.ed25519}" }
`

const BASTION_RULES = `  - name: shells on the bastion
    targets: { names: [bastion] }
    match: { kinds: [shell, exec], unknown: true }
    allow: true
  - name: programs on the bastion
    targets: { names: [bastion] }
    match: { programs: ["*"], unknown: true }
    allow: true
`

/** Nothing is asked for outside, and no sandbox: the tests may run as root. */
export const BROWSER_FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
