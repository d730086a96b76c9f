import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { freePort } from '../../src/demo/local-postgres.ts'
import { writeDemoConfig, type DEMO_PEOPLE } from '../../src/demo/setup.ts'
import type { RunningGateway } from '../../src/demo/stack.ts'
import { makeCertificates } from './certificates.ts'
import { BROWSER_FLAGS, BROWSER_PROGRAM, enterPassword } from './dashboard.ts'
import { eventually } from './gateway-client.ts'
import { hostGateway } from './hosted-gateway.ts'
import { pamctlSignedIn, type PamctlHome } from './pamctl-client.ts'
import { pamctl as runPamctl, type Outcome } from './run.ts'
import { startWebApplication, type WebApplication } from './web-application.ts'

/** A gateway over TLS with hosts for browsers, two web applications behind it, and an approver at a command line. */
export interface AppGateway {
  readonly gateway: RunningGateway
  readonly port: number
  readonly directory: string
  readonly shop: WebApplication
  readonly wiki: WebApplication
  /** Of the dashboard. */
  readonly url: string
  /** Of a target's host. */
  origin(this: void, target: string): string
  context(): Promise<BrowserContext>
  /** A page of a browser in which somebody has signed in at the dashboard on the way to this URL. */
  open(who: keyof typeof DEMO_PEOPLE, url: string): Promise<Page>
  /** Sends these bytes over TLS, and gives all that comes until the other side closes. */
  raw(bytes: string): Promise<string>
  /** As bob. */
  pamctl(this: void, ...args: string[]): Promise<Outcome>
  /** The one command that waits. */
  waiting(): Promise<{ readonly id: string; readonly text: string }>
  reload(edit: (config: string) => string): Promise<void>
  /** The gateway ends, and another one starts in its place. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export const TOKEN = 'app-tok-51e07c3f9a&"<1>'

/** `lists` are `commands:`, `masking:` and so on of the configuration; `targets` what differs of each target. */
export async function startAppGateway(
  lists: Readonly<Record<string, unknown>>,
  targets: Readonly<Record<string, object>> = {},
): Promise<AppGateway> {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-test-apps-'))
  const port = await freePort()
  const file = await writeDemoConfig(directory, { gatewayPort: port, postgresPort: 1 })
  writeFileSync(join(directory, 'token'), `${TOKEN}\n`, { mode: 0o600 })
  const tls = makeCertificates(join(directory, 'tls'), 'DNS:localhost,DNS:*.apps.localhost')
  const [shop, wiki] = [await startWebApplication('shop'), await startWebApplication('wiki')]
  const target = (name: string, app: WebApplication): object => ({
    name,
    type: 'http',
    host: '127.0.0.1',
    port: app.port,
    tls: 'disable',
    credential: { type: 'bearer', token: 'file:token' },
    ...targets[name],
  })
  const url = `https://localhost:${port}`
  writeFileSync(
    file,
    JSON.stringify({
      listen: { host: '127.0.0.1', port, tls: { certificate: tls.certificate, key: tls.key } },
      publicUrl: url,
      apps: { domain: 'apps.localhost' },
      dataDirectory: 'data',
      identity: { evaluation: { people: 'people.yaml' } },
      roles: { audit: ['sre'], operate: ['sre'] },
      targets: [target('shop', shop), target('wiki', wiki), target('vault', wiki)],
      access: [
        { name: 'the apps', who: { groups: ['engineering'] }, targets: { names: ['shop', 'wiki'] }, grant: 'standing' },
        {
          name: 'the vault',
          who: { groups: ['engineering'] },
          targets: { names: ['vault'] },
          grant: 'request',
          approvers: { groups: ['sre'] },
        },
      ],
      ...lists,
    }),
  )
  const log = join(directory, 'gateway.log')
  let gateway = await hostGateway(file, log)
  const browser: Browser = await chromium.launch({ executablePath: BROWSER_PROGRAM as string, args: BROWSER_FLAGS })
  let bob: PamctlHome | undefined
  const pamctl = async (...args: string[]): Promise<Outcome> => {
    bob ??= await pamctlSignedIn(url, 'bob', { flags: ['--ca', tls.ca] })
    return runPamctl(args, bob.environment)
  }
  const context = (): Promise<BrowserContext> => browser.newContext({ ignoreHTTPSErrors: true })
  return {
    get gateway() {
      return gateway
    },
    port,
    directory,
    shop,
    wiki,
    url,
    origin: (name) => `https://${name}.apps.localhost:${port}`,
    context,
    async open(who, place) {
      const page = await (await context()).newPage()
      await page.goto(place)
      await enterPassword(page, who)
      return page
    },
    raw: (bytes) =>
      new Promise((resolve, reject) => {
        const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => socket.write(bytes))
        let answer = ''
        socket.setEncoding('latin1').on('data', (piece: string) => (answer += piece))
        socket.on('error', (error: NodeJS.ErrnoException) =>
          error.code === 'ECONNRESET' ? resolve(answer) : reject(error),
        )
        socket.on('close', () => resolve(answer))
      }),
    pamctl,
    waiting: () =>
      eventually(async () => {
        const { stdout } = await pamctl('reviews', '--json')
        const items = JSON.parse(stdout) as { kind: string; id: string; text: string }[]
        return items.find(({ kind }) => kind === 'command')
      }, 'a held request'),
    async reload(edit) {
      const reloads = (): number => gateway.log().split('config.reloaded').length
      const before = reloads()
      writeFileSync(file, edit(readFileSync(file, 'utf8')))
      gateway.signal('SIGHUP')
      await eventually(() => (reloads() > before ? true : undefined), 'reloaded')
    },
    async restart() {
      await gateway.stop('SIGTERM')
      gateway = await hostGateway(file, log)
    },
    async stop() {
      await browser.close()
      if (bob !== undefined) {
        await pamctl('agent', 'stop')
        rmSync(bob.home, { recursive: true, force: true })
      }
      await gateway.stop('SIGTERM')
      await Promise.all([shop.stop(), wiki.stop()])
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
