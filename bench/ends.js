// How long after somebody is disabled, leaves a group or is signed out elsewhere their clients end: node bench/ends.js [--rounds N] [--each N]
// By hand: it needs PostgreSQL, sshd and a Kubernetes API server (scripts/install-kube-apiserver), and takes minutes. docs/identity/scim.md has its figures.
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { loadavg, tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Browser } from '../dist/demo/browser.js'
import { freePort, packageRoot, startPostgres } from '../dist/demo/local-postgres.js'
import { DEMO_ACCOUNT, loadSampleData } from '../dist/demo/sample-data.js'
import { DEMO_PEOPLE, writeDemoConfig } from '../dist/demo/setup.js'
import { startGateway } from '../dist/demo/stack.js'
import { peopleFile } from '../dist/evaluation-idp/people.js'
import { startSamlEvaluationProvider } from '../dist/evaluation-idp/saml/provider.js'
import { sshServer } from './lib/contenders.js'
import { startLogoutProvider } from './lib/ends-provider.js'
import { kubernetesTarget, KUBECTL, startBenchCluster } from './lib/kubernetes.js'
import { pause, run, start, stopAll } from './lib/processes.js'

const { values } = parseArgs({ options: { rounds: { type: 'string' }, each: { type: 'string' } } })
const [ROUNDS, EACH] = [Number(values.rounds ?? 5), Number(values.each ?? 4)]
const TOKEN = 'provisioning-token-0123456789abcdef'
const USER = 'urn:ietf:params:scim:schemas:core:2.0:User'
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group'

const directory = mkdtempSync(join(tmpdir(), 'pamctl-ends-'))
const postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-ends-pg-')) })
await loadSampleData(postgres)
const sshd = await sshServer({ directory })
if (KUBECTL === undefined) throw new Error('no Kubernetes API server: scripts/install-kube-apiserver')
const cluster = await startBenchCluster()
const port = await freePort()
await writeDemoConfig(directory, { gatewayPort: port, postgresPort: postgres.port })
const openId = await startLogoutProvider()
const own = `http://127.0.0.1:${port}`
const saml = await startSamlEvaluationProvider(peopleFile(join(directory, 'people.yaml')), 0, {
  entityId: `${own}/auth/saml/corp/metadata`,
  assertionConsumerUrl: `${own}/auth/saml/corp/acs`,
  logoutUrl: `${own}/auth/saml/corp/slo`,
})
writeFileSync(join(directory, 'idp.xml'), saml.metadata)
for (const [name, text] of Object.entries({ 'scim-token': TOKEN, password: DEMO_ACCOUNT.password }))
  writeFileSync(join(directory, name), text, { mode: 0o600 })
const config = join(directory, 'ends.yaml')
writeFileSync(
  config,
  `listen: { host: 127.0.0.1, port: ${port} }
publicUrl: ${own}
dataDirectory: data
identity:
  issuers:
    - { url: "${openId.url}", name: op, for: people, clientId: ${openId.clientId}, scopes: [openid] }
    - { type: saml, name: corp, entityId: "${saml.entityId}", metadataFile: idp.xml, maxSession: 12h }
  provisioning: [{ name: directory, issuer: op, token: "file:scim-token", groups: scim }]
targets:
  - { name: db, type: postgres, host: 127.0.0.1, port: ${postgres.port}, database: app_dev, user: ${DEMO_ACCOUNT.user}, password: "file:password", tls: disable }
  - { name: shell, type: ssh, host: 127.0.0.1, port: ${sshd.port}, hostKeys: ["${readFileSync(sshd.hostKey, 'utf8').trim()}"],
      logins: [{ name: ${userInfo().username}, privateKey: "file:${sshd.key}" }] }${kubernetesTarget('cluster', cluster, 'env: dev')}
access:
  - { name: all, who: { groups: [engineering] }, grant: standing, maxDuration: 1h }
commands:
  - { name: shells, match: { kinds: [shell, exec] }, allow: true }
  - { name: unknown, match: { unknown: true }, allow: true }
  - { name: rest, match: {}, allow: true }
`,
  { mode: 0o600 },
)
const gateway = await startGateway(config, join(directory, 'gateway.log'))
/** Of whoever signs in with this issuer: each has a home of their own. */
const environmentOf = (issuer) => ({
  PAMCTL_HOME: join(directory, `home-${issuer}`),
  PAMCTL_SECRET_STORE: 'file',
  NO_COLOR: '1',
})
for (const issuer of ['op', 'corp']) mkdirSync(environmentOf(issuer).PAMCTL_HOME, { mode: 0o700 })
const PAMCTL = join(packageRoot, 'bin', 'pamctl.js')

async function until(what, look) {
  for (let attempt = 0; attempt < 1200; attempt++) {
    const found = await look()
    if (found) return found
    await pause(50)
  }
  throw new Error(`not within a minute: ${what}`)
}

/** SCIM, as a directory sends it. */
async function scim(method, path, body) {
  const answer = await fetch(`${own}/scim/v2${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/scim+json' },
    body: JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
  return answer.status === 204 ? undefined : answer.json()
}
const patch = (path, operation) =>
  scim('PATCH', path, { schemas: ['urn:ietf:params:scim:api:messages:2.0:PatchOp'], Operations: [operation] })
const jane = (await scim('POST', '/Users', { schemas: [USER], userName: 'jane', externalId: 'jane' })).id
const members = [{ value: jane }]
const group = (await scim('POST', '/Groups', { schemas: [GROUP], displayName: 'engineering', members })).id

/** `pamctl login`, and a browser that is signed in to the dashboard. */
async function signIn(issuer) {
  const login = await start(process.execPath, [PAMCTL, 'login', '--gateway', own, '--no-browser', '--issuer', issuer], {
    env: environmentOf(issuer),
  })
  const browser = new Browser()
  if (issuer === 'corp') {
    const [, link, code] = await until('the link', () => /Open (\S+) and enter\s+(\S+)/.exec(login.output()))
    await browser.signIn(`${link}?user_code=${code}`, DEMO_PEOPLE.jane)
  }
  await until('the login', () => login.child.exitCode !== null)
  if (login.child.exitCode !== 0) throw new Error(login.output())
  await browser.signIn(`${own}/auth/sign-in?provider=${issuer}`, DEMO_PEOPLE.jane)
  return browser
}

/** A program that is at work once its output has `ready`. Its `ended` is the time at which it was gone. */
function client(program, args, { env = {}, ready, input }) {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'pipe' })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  child.stdin.on('error', () => {})
  if (input !== undefined) child.stdin.write(input)
  return {
    ended: new Promise((resolve) => child.once('exit', () => resolve(performance.now()))),
    ready: () => {
      if (child.exitCode !== null) throw new Error(`${program} ended: ${output}`)
      return ready === undefined || output.includes(ready)
    },
  }
}

/** All that jane has open: so many of each kind. */
async function open(browser, issuer) {
  const openers = await Promise.all(
    ['db', 'shell', 'cluster'].map((name) =>
      start(process.execPath, [PAMCTL, 'connect', name, '--json'], { env: environmentOf(issuer) }),
    ),
  )
  const [db, shell, kube] = await Promise.all(
    openers.map((opener) =>
      until('a port', () => {
        const found = /^\{[^]*?^\}$|^\{.*\}$/m.exec(opener.output())
        return found && JSON.parse(found[0])
      }),
    ),
  )
  const PG = {
    PGHOST: '127.0.0.1',
    PGPORT: String(db.port),
    PGUSER: DEMO_ACCOUNT.user,
    PGDATABASE: 'app_dev',
    PGSSLMODE: 'disable',
  }
  const options = ['LogLevel=ERROR', 'UserKnownHostsFile=/dev/null', 'StrictHostKeyChecking=no', `Port=${shell.port}`]
  const kinds = {
    'psql statement': () =>
      client('psql', ['-Xqc', '\\echo begun', '-c', 'select pg_sleep(900)'], { env: PG, ready: 'begun' }),
    'SSH shell': () =>
      client(
        'ssh',
        ['-F', 'none', '-tt', ...options.flatMap((option) => ['-o', option]), `${userInfo().username}@127.0.0.1`],
        {
          ready: 'begun',
          input: "echo beg''un\n",
        },
      ),
    'kubectl exec': () =>
      client(
        KUBECTL,
        ['--kubeconfig', kube.kubeconfig, '-n', 'bench', 'exec', 'worker-0', '--', 'sh', '-c', 'echo begun; sleep 900'],
        {
          ready: 'begun',
        },
      ),
  }
  const all = Object.entries(kinds).flatMap(([kind, begin]) =>
    Array.from({ length: EACH }, () => ({ kind, ...begin() })),
  )
  for (const one of all) await until(`${one.kind} is at work`, one.ready)
  await until('all statements run', async () => {
    const { superuser } = postgres
    const env = {
      PGHOST: '127.0.0.1',
      PGPORT: String(postgres.port),
      PGUSER: superuser.user,
      PGPASSWORD: superuser.password,
    }
    const query = "select count(*) from pg_stat_activity where state = 'active' and query like 'select pg_sleep(900)%'"
    return Number((await run('psql', ['-XAtqc', query, 'postgres'], { env })).stdout) === EACH
  })
  const pages = await Promise.all(Array.from({ length: EACH }, () => page(browser)))
  return { all: [...all, ...pages], close: () => Promise.all(openers.map((opener) => opener.stop())) }
}

/** The stream of events of a page of the dashboard: it shows the sign-in page when that ends and cannot be opened again. */
async function page(browser) {
  const answer = await browser.get(`${own}/v1/events`)
  if (!answer.ok) throw new Error(`/v1/events: ${answer.status} ${await answer.text()}`)
  const reader = answer.body.getReader()
  await reader.read()
  const read = async () => {
    while (!(await reader.read()).done);
    return performance.now()
  }
  return { kind: 'dashboard page', ended: read() }
}

const EVENTS = {
  'SCIM, active: false': {
    issuer: 'op',
    happen: () => patch(`/Users/${jane}`, { op: 'replace', path: 'active', value: false }),
    undo: () => patch(`/Users/${jane}`, { op: 'replace', path: 'active', value: true }),
  },
  'SCIM, out of the group': {
    issuer: 'op',
    happen: () => patch(`/Groups/${group}`, { op: 'remove', path: `members[value eq "${jane}"]` }),
    undo: () => patch(`/Groups/${group}`, { op: 'add', path: 'members', value: members }),
  },
  'back-channel logout': {
    issuer: 'op',
    happen: async () => {
      const body = new URLSearchParams({ logout_token: await openId.logoutToken() })
      const { status } = await fetch(`${own}/auth/backchannel-logout`, { method: 'POST', body })
      if (status !== 200) throw new Error(`logout: ${status}`)
    },
  },
  'SAML single logout': { issuer: 'corp', happen: (browser) => browser.signIn(saml.signOutUrl, DEMO_PEOPLE.jane) },
}

const median = (times) => times.toSorted((a, b) => a - b)[Math.floor((times.length - 1) / 2)]
try {
  process.stdout.write(
    `load ${loadavg()[0].toFixed(1)}; ${ROUNDS} rounds, ${EACH} clients of each kind at once; milliseconds, median (worst)\n\n`,
  )
  for (const [name, { issuer, happen, undo }] of Object.entries(EVENTS)) {
    const times = new Map()
    for (let round = 0; round < ROUNDS; round++) {
      const browser = await signIn(issuer)
      const { all, close } = await open(browser, issuer)
      const from = performance.now()
      const happening = happen(browser)
      const ends = await Promise.all(all.map(async ({ kind, ended }) => ({ kind, after: (await ended) - from })))
      await happening
      for (const { kind, after } of ends) times.set(kind, [...(times.get(kind) ?? []), after])
      await close()
      await undo?.()
      // What ended in one second and begins in the next is told apart by the times of tokens.
      await pause(1100)
    }
    const cells = [...times].map(([kind, of]) => `${kind} ${median(of).toFixed(0)} (${Math.max(...of).toFixed(0)})`)
    process.stdout.write(`${name}: ${cells.join(', ')}\n`)
  }
} finally {
  for (const issuer of ['op', 'corp'])
    await run(process.execPath, [PAMCTL, 'agent', 'stop'], { env: environmentOf(issuer) }).catch(() => {})
  await gateway.stop('SIGTERM')
  openId.close()
  await saml.close()
  await cluster.stop()
  await postgres.stop()
  await stopAll()
  rmSync(directory, { recursive: true, force: true })
}
