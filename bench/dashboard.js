// How the dashboard does on a gateway with much in it: 10,000 sessions in the index, 500 cards waiting, 200 live sessions. A "small" gateway
// with ten of each runs beside it in the same rounds: what is printed are medians, and the ratio of the large one to the small one. Real
// Chromium, PostgreSQL and gateways. Needs Chromium.
//   npm run build && node bench/dashboard.js [--quick]
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { cpus, tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import pg from 'pg'
import { chromium } from 'playwright-core'
import { freePort, startPostgres } from '../dist/demo/local-postgres.js'
import { loadSampleData } from '../dist/demo/sample-data.js'
import { writeDemoConfig } from '../dist/demo/setup.js'
import { startGateway } from '../dist/demo/stack.js'
import { createApiClient } from '../dist/gateway-client/api-client.js'
import { openGatewayPort, signInToDemo } from './demo-client.js'
import { seedStore } from './seed-store.js'

const quick = process.argv.includes('--quick')
const ROUNDS = quick ? 3 : 7
const SIZES = {
  small: { sessions: 10, requests: 10, live: 10 },
  large: { sessions: 10_000, requests: 300, live: 200 },
}
const work = mkdtempSync(join(tmpdir(), 'pamctl-bench-web-'))
const stopping = []

try {
  await main()
} finally {
  for (const stop of stopping.toReversed()) await stop()
  rmSync(work, { recursive: true, force: true })
}
process.exit(0)

async function main() {
  const postgres = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-bench-web-pg-')),
    settings: { max_connections: '400' },
  })
  stopping.push(() => postgres.stop())
  await loadSampleData(postgres)
  const program = ['chromium', 'chromium-browser', 'google-chrome']
    .flatMap((name) => (process.env.PATH ?? '').split(delimiter).map((directory) => join(directory, name)))
    .find((path) => existsSync(path))
  if (program === undefined) throw new Error('Chromium is not installed: scripts/install-test-servers')
  const browser = await chromium.launch({
    executablePath: program,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
  })
  stopping.push(() => browser.close())
  const sites = {}
  for (const [name, size] of Object.entries(SIZES)) sites[name] = await startSite(name, size, postgres.port, browser)

  const measures = {
    'first load to the first card, ms': firstCard,
    'inbox again, cached, ms': againCached,
    'a request is filed → its card is shown, ms': filedToShown,
    'a key → the decision form has the focus, ms': keyToForm,
    'Sessions: page to first row, ms': ({ page, url }) => toFirst(page, `${url}/sessions`, 'tbody tr'),
    'Sessions: filter by person to row, ms': ({ page, url }) =>
      toFirst(page, `${url}/sessions?person=jane`, 'tbody tr'),
    'Live: page to first session, ms': ({ page, url }) => toFirst(page, `${url}/live`, 'tbody tr'),
    'Audit: page to first row, ms': ({ page, url }) => toFirst(page, `${url}/audit`, 'tbody tr'),
    'API: 100 reviews, ms': ({ bob }) => timed(() => bob.reviews.page({ visible: true, limit: 100 })),
    'API: 50 sessions, ms': ({ bob }) => timed(() => bob.sessions.list({ limit: 50 })),
  }
  const values = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of Object.keys(sites).toSorted(() => Math.random() - 0.5)) {
      for (const [what, measure] of Object.entries(measures)) {
        values[what] ??= {}
        ;(values[what][name] ??= []).push(await measure(sites[name]))
      }
    }
    process.stderr.write(`round ${round + 1} of ${ROUNDS}\n`)
  }
  const bytes = await firstLoadBytes(sites.small.url)
  const rows = Object.entries(values).map(([what, { small, large }]) => {
    const ratio = median(large.map((value, round) => value / small[round]))
    return `| ${what} | ${median(small).toFixed(0)} | ${median(large).toFixed(0)} | ${ratio.toFixed(2)} |`
  })
  const heap = await sites.large.page.evaluate('performance.memory?.usedJSHeapSize ?? 0')
  const rss = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${sites.large.gateway.pid}/status`, 'utf8'))?.[1]) / 1024
  process.stdout
    .write(`## Dashboard (${cpus()[0].model}, ${cpus().length} cores, Node ${process.version}, ${new Date().toISOString().slice(0, 10)})

\`npm run bench:dashboard\`; ${ROUNDS} rounds, medians; small: ten sessions, cards and live sessions each; large: 10,000 sessions in the index, 500 cards (200 of them held commands
of 200 live sessions). Browser, gateways, PostgreSQL and the live sessions share the machine's cores.

| | small | large | large to small, same round |
| --- | --- | --- | --- |
${rows.join('\n')}

First load: ${(bytes.total / 1024).toFixed(1)} KB gzipped (script ${(bytes.js / 1024).toFixed(1)}, style ${(bytes.css / 1024).toFixed(1)}); the player, loaded where there is a terminal, is not in it.
Script heap of the large inbox ${(heap / 1048576).toFixed(0)} MB; peak memory of its gateway ${rss.toFixed(0)} MB.
`)
}

async function startSite(name, size, postgresPort, browser) {
  const directory = join(work, name)
  mkdirSync(directory)
  const config = await writeDemoConfig(directory, { gatewayPort: await freePort(), postgresPort })
  const rule = `  - { name: deletes wait, targets: { names: [dev-db] }, match: { kinds: [delete] }, hold: { approvers: { groups: [sre] }, expires: 2h } }`
  writeFileSync(
    config,
    readFileSync(config, 'utf8')
      .replace('\ncommands:', `\ncommands:\n${rule}`)
      .replace('audit: [audit]', 'audit: [sre]')
      .replace('roles:', 'requests: { recentSignIn: 2h, expires: 4h }\nlimits: { sessionsPerPerson: 1000 }\nroles:'),
  )
  await seedStore(join(directory, 'data', 'state.db'), {
    ...size,
    // The filter by person finds one in forty.
    personOf: (number) => ({
      id: `sub|p${number}`,
      label: number === 0 ? 'jane@example.com' : `person-${number}@example.com`,
      kind: 'person',
    }),
  })
  const gateway = await startGateway(config, join(directory, 'gateway.log'))
  stopping.push(() => gateway.stop('SIGTERM'))
  const jane = await signInToDemo(gateway.url)
  const port = await openGatewayPort(jane, 'dev-db')
  for (let opened = 0; opened < size.live; opened++) {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'app', database: 'app_dev', ssl: false })
    client.on('error', () => {})
    await client.connect()
    void client.query(`delete from orders where order_id = ${opened} -- INC-${opened}`).catch(() => {})
  }
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } })
  const page = await context.newPage()
  await page.goto(gateway.url)
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByLabel('E-mail').fill('bob@example.com')
  await page.getByLabel('Password').fill('bob-demo')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.locator('[data-card]').first().waitFor({ timeout: 30_000 })
  const cookies = (await context.cookies()).map(({ name: of, value }) => `${of}=${value}`).join('; ')
  const bob = createApiClient({
    gateway: gateway.url,
    fetch: (input, init) => fetch(input, { ...init, headers: { ...init.headers, cookie: cookies } }),
    answers: 'trusted',
  })
  const expected = size.requests + size.live
  for (let found = 0; found < expected;) {
    found = (await bob.reviews.list()).length
    await new Promise((done) => setTimeout(done, 200))
  }
  const janeApi = createApiClient({
    gateway: gateway.url,
    fetch,
    authorize: (method, url) => jane.headers(method, url),
    answers: 'trusted',
  })
  return { url: gateway.url, gateway, page, bob, jane: janeApi }
}

async function firstCard({ page, url }) {
  const session = await page.context().newCDPSession(page)
  await session.send('Network.clearBrowserCache')
  await session.detach()
  return toFirst(page, `${url}/`, '[data-card]')
}

function againCached({ page, url }) {
  return toFirst(page, `${url}/`, '[data-card]')
}

async function toFirst(page, url, selector) {
  await page.goto('about:blank')
  return timed(async () => {
    await page.goto(url)
    await page.locator(selector).first().waitFor()
  })
}

/** As an approver with the inbox open sees it: through the audit chain, the stream, and one call for the card. */
async function filedToShown({ page, url, jane }) {
  await page.goto(`${url}/`)
  await page.locator('[data-card]').first().waitFor()
  await page.waitForTimeout(1500)
  const before = await page.title()
  const started = performance.now()
  const { id } = await jane.requests.create({ target: 'prod-db', reason: 'bench', lengthMs: 60_000 })
  for (let title = before; title === before;) {
    title = await page.title()
    if (performance.now() - started > 20_000) throw new Error('the card never comes')
  }
  const took = performance.now() - started
  await jane.requests.withdraw(id)
  return took
}

async function keyToForm({ page, url }) {
  await page.goto(`${url}/`)
  await page.locator('[data-card]').first().waitFor()
  await page.waitForTimeout(1500)
  await page.keyboard.press('j')
  return timed(async () => {
    await page.keyboard.press('d')
    await page.locator('textarea:focus').waitFor()
  })
}

async function timed(work) {
  const started = performance.now()
  await work()
  return performance.now() - started
}

async function firstLoadBytes(url) {
  const html = await transferred(`${url}/`)
  const text = await (await fetch(`${url}/`)).text()
  const sizes = { js: 0, css: 0, total: html }
  for (const [, path] of text.matchAll(/(?:src|href)="(\/[^"]+)"/g)) {
    const bytes = await transferred(url + path)
    sizes.total += bytes
    if (path.endsWith('.js')) sizes.js += bytes
    if (path.endsWith('.css')) sizes.css += bytes
  }
  return sizes
}

function transferred(url) {
  return new Promise((resolve, reject) => {
    const call = request(url, { headers: { 'accept-encoding': 'gzip' } }, (response) => {
      let bytes = 0
      response.on('data', (chunk) => (bytes += chunk.length))
      response.on('end', () => resolve(bytes))
    })
    call.on('error', reject)
    call.end()
  })
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? NaN
}
