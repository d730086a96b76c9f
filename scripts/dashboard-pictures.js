// Pictures of every page of the dashboard with 0, 5 and 500 things in it, light and dark, 1440 and 360 pixels wide, for people to look at.
// Each is checked with axe-core, and for sideways scrolling. Real Chromium, gateways and PostgreSQL; CI does not run it.
//   npm run build && node scripts/dashboard-pictures.js [DIRECTORY] [--pages inbox,live] [--things 0,5,500] [--looks light-1440,dark-360]
import { createRequire } from 'node:module'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { parseArgs } from 'node:util'
import pg from 'pg'
import { chromium } from 'playwright-core'
import { openGatewayPort, signInToDemo } from '../bench/demo-client.js'
import { seedStore } from '../bench/seed-store.js'
import { freePort, startPostgres } from '../dist/demo/local-postgres.js'
import { loadSampleData } from '../dist/demo/sample-data.js'
import { DEMO_PEOPLE, writeDemoConfig } from '../dist/demo/setup.js'
import { startGateway } from '../dist/demo/stack.js'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { pages: { type: 'string' }, things: { type: 'string' }, looks: { type: 'string' } },
})
const out = positionals[0] ?? join(tmpdir(), 'dashboard-pictures')
const LOOKS = ['light-1440', 'dark-1440', 'light-360', 'dark-360']
const looks = values.looks?.split(',') ?? LOOKS
/** Requests are seeded; of the sessions that are open, every third is held. */
const SIZES = {
  0: { sessions: 0, requests: 0, live: 0, locks: 0 },
  5: { sessions: 5, requests: 3, live: 7, locks: 5, emergencies: 5, targets: 5 },
  500: { sessions: 500, requests: 430, live: 200, locks: 500, emergencies: 500, targets: 500 },
}
const PAGES = {
  inbox: '/',
  live: '/live',
  sessions: '/sessions',
  session: '/sessions/',
  search: '/sessions?text=orders',
  emergency: '/sessions?show=emergency',
  access: '/access',
  several: '/access?target=prod-db&label=team%3Dshop&for=30m&reason=INC-4711',
  policy: '/policy',
  locks: '/locks',
  audit: '/audit',
  account: '/account',
}
const pages = Object.entries(PAGES).filter(([name]) => values.pages?.split(',').includes(name) ?? true)
/** As psql looks up a table, then what somebody does. */
const LOOK_UP = [
  `SELECT c.oid, n.nspname, c.relname FROM pg_catalog.pg_class c LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relname OPERATOR(pg_catalog.~) '^(customers)$' COLLATE pg_catalog.default AND pg_catalog.pg_table_is_visible(c.oid) ORDER BY 2, 3`,
  `SELECT c.relchecks, c.relkind, c.relhasindex FROM pg_catalog.pg_class c WHERE c.oid = '16384'`,
  `SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a WHERE a.attrelid = '16384' AND a.attnum > 0 ORDER BY a.attnum`,
  'select status, count(*) from orders group by status',
  'select customer_id, email from customers limit 3',
  'drop table orders',
]

const work = mkdtempSync(join(tmpdir(), 'pamctl-pictures-'))
const stopping = []
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const problems = []

try {
  await main()
} finally {
  for (const stop of stopping.toReversed()) await stop()
  rmSync(work, { recursive: true, force: true })
}
process.exit(problems.length === 0 ? 0 : 1)

async function main() {
  mkdirSync(out, { recursive: true })
  const postgres = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-pictures-pg-')),
    settings: { max_connections: '400' },
  })
  stopping.push(() => postgres.stop())
  await loadSampleData(postgres)
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name)))
    .find((path) => existsSync(path))
  if (executablePath === undefined) throw new Error('Chromium is not installed: scripts/install-test-servers')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  stopping.push(() => browser.close())
  for (const things of values.things?.split(',') ?? Object.keys(SIZES)) {
    const site = await startSite(things, SIZES[things], postgres.port)
    const context = await browser.newContext({ reducedMotion: 'reduce' })
    const page = await context.newPage()
    for (const look of looks) await picturesOf(page, site, look, things)
    await context.close()
    await site.stop()
  }
}

async function picturesOf(page, site, look, things) {
  const [colorScheme, width] = look.split('-')
  await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
  await page.setViewportSize({ width: Number(width), height: width === '360' ? 780 : 900 })
  await page.goto(site.url)
  if (await page.getByRole('link', { name: 'Sign in', exact: true }).isVisible({ timeout: 3000 })) {
    await page.screenshot({ path: join(out, `sign-in-${things}-${look}.png`) })
    await signIn(page)
  }
  for (const [name, path] of pages) {
    if (name === 'session' && site.session === undefined) continue
    await page.goto(site.url + path + (name === 'session' ? site.session : ''))
    await page.locator('main h1').first().waitFor()
    await page.waitForFunction(
      () => !/Loading|Checking…|Searching recordings/.test(document.querySelector('main').textContent),
    )
    await page.waitForTimeout(300)
    await page.screenshot({ path: join(out, `${name}-${things}-${look}.png`) })
    const [height, wide] = await page.evaluate(() => [
      document.documentElement.scrollHeight,
      document.documentElement.scrollWidth,
    ])
    const found = await problemsOf(page)
    if (wide > Number(width)) found.push(`${wide} px wide`)
    problems.push(...found)
    process.stdout.write(`${[`${name}-${things}-${look}: ${height} px`, ...found].join('\n  ')}\n`)
    if (height <= 12_000)
      await page.screenshot({ path: join(out, `${name}-${things}-${look}-whole.png`), fullPage: true })
  }
}

/** What axe-core finds (WCAG 2.2 AA and best practices), the first of each kind. */
async function problemsOf(page) {
  await page.evaluate(AXE)
  const { violations } = await page.evaluate(
    `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })`,
  )
  return violations.map(({ id, nodes }) => `${id} (${nodes.length}): ${nodes[0].html.slice(0, 160)}`)
}

async function signIn(page) {
  await page.getByRole('link', { name: 'Sign in', exact: true }).click()
  await page.getByLabel('E-mail').fill(DEMO_PEOPLE.bob.email)
  await page.getByLabel('Password').fill(DEMO_PEOPLE.bob.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('navigation', { name: 'Pages' }).waitFor()
}

async function startSite(name, size, postgresPort) {
  const directory = join(work, name)
  mkdirSync(directory)
  const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort })
  const rule = `  - { name: changes wait, targets: { names: [dev-db] }, match: { kinds: [delete, truncate, alter-table] }, hold: { approvers: { groups: [sre] }, expires: 2h } }
  - { name: corrections wait, targets: { names: [dev-db] }, match: { kinds: [update, insert] }, hold: { approvers: { groups: [sre] }, expires: 2h, batch: true } }
  - { name: nobody drops, targets: { names: [dev-db] }, match: { kinds: [drop-table] }, deny: ask the owners of the table }`
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('\ncommands:', `\ncommands:\n${rule}`)
      .replace('\ntargets:', `\ntargets:${moreTargets(size.targets ?? 0)}`)
      .replace('audit: [audit]', 'audit: [sre]')
      .replace('roles:', 'requests: { recentSignIn: 2h, expires: 4h }\nlimits: { sessionsPerPerson: 1000 }\nroles:'),
  )
  await seedStore(join(directory, 'data', 'state.db'), {
    ...size,
    // One of them is of the person who looks.
    requesterOf: (number) =>
      number === 2
        ? { id: 'sub|bob', label: 'bob@example.com', kind: 'person' }
        : { id: `sub|p${number}`, label: `person-${number}@example.com`, kind: 'person' },
  })
  const gateway = await startGateway(config, join(directory, 'gateway.log'))
  const clients = []
  let session
  if (size.live > 0) {
    const jane = await signInToDemo(gateway.url)
    const port = await openGatewayPort(jane, 'dev-db')
    for (let opened = 0; opened < size.live; opened++) clients.push(await connect(port, opened))
    await new Promise((done) => setTimeout(done, 3000))
    const headers = await jane.headers('GET', `${gateway.url}/v1/sessions`)
    const { items } = await (await fetch(`${gateway.url}/v1/sessions?limit=500`, { headers })).json()
    session = items.toSorted((a, b) => b.commands - a.commands)[0]?.id
  }
  return {
    url: gateway.url,
    session,
    async stop() {
      for (const client of clients) client.connection.stream.destroy()
      await gateway.stop('SIGTERM')
    },
  }
}

/** Beside those of the demo; nothing listens there. */
function moreTargets(many) {
  const teams = ['shop', 'billing', 'search']
  return Array.from(
    { length: many },
    (_, at) =>
      `\n  - { name: shard-${at}, type: postgres, labels: { env: prod, team: ${teams[at % 3]} }, host: 127.0.0.1, port: 1, database: app, user: app, password: file:target-password, tls: disable }`,
  ).join('')
}

async function connect(port, number) {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 'app', database: 'app_dev', ssl: false })
  client.on('error', () => {})
  await client.connect()
  if (number === 0) for (const text of LOOK_UP) await client.query(text).catch(() => {})
  const [text = 'select 1'] = [
    `delete from orders where order_id = ${number} -- INC-${number}`,
    'truncate orders',
    `select pg_sleep(3600), 'a report of the last quarter ${number}'`,
    `select count(*) from orders where total > ${number}`,
    'alter table orders add column note text',
    'drop table orders',
    `update orders set status = 'new' where status = 'stuck' and order_id < ${number};\ninsert into orders (customer_id, status) values (7, 'new');\nselect count(*) from orders where status = 'stuck';`,
  ].slice(number % 7)
  void client.query(text).catch(() => {})
  return client
}
