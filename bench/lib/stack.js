import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Browser } from '../../dist/demo/browser.js'
import { freePort, packageRoot, startPostgres } from '../../dist/demo/local-postgres.js'
import { DEMO_ACCOUNT, loadSampleData } from '../../dist/demo/sample-data.js'
import { DEMO_PEOPLE, writeDemoConfig } from '../../dist/demo/setup.js'
import { startGateway } from '../../dist/demo/stack.js'
import { peopleFile } from '../../dist/evaluation-idp/people.js'
import { EVALUATION_CLIENT, startEvaluationProvider } from '../../dist/evaluation-idp/provider.js'
import { CHECKS, MASKING } from './in-process.js'
import { run, start } from './processes.js'

/**
 * One PostgreSQL with pgbench's tables, one OpenID provider, and as many gateways with an agent each as are asked for. The
 * provider runs in a process that is measured by nobody: in production it is somebody else's.
 */
export async function startStack() {
  const directory = mkdtempSync(join(tmpdir(), 'pamctl-bench-'))
  const postgres = await startPostgres({
    directory: mkdtempSync(join(tmpdir(), 'pamctl-bench-pg-')),
    settings: { max_connections: '1300', shared_buffers: '256MB', max_wal_size: '4GB' },
  })
  await loadSampleData(postgres)
  const { port, superuser } = postgres
  const asOwner = env(port, superuser.user, superuser.password)
  await run('pgbench', ['-i', '-q', '-s', '10', 'app_dev'], { env: asOwner })
  await run('psql', ['-qXc', 'grant all on all tables in schema public to public', 'app_dev'], { env: asOwner })
  await writeDemoConfig(directory, { gatewayPort: 1, postgresPort: port })
  const provider = await startEvaluationProvider(peopleFile(join(directory, 'people.yaml')), 0, () => '')
  const certificate = join(directory, 'tls.crt')
  const key = join(directory, 'tls.key')
  await run('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
    ...[
      '-keyout',
      key,
      '-out',
      certificate,
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=IP:127.0.0.1,DNS:localhost',
    ],
  ])
  const gateways = []
  return {
    directory,
    postgres,
    certificate,
    key,
    account: DEMO_ACCOUNT,
    provider,
    /** psql's and pgbench's environment for a port. */
    env: (to) => env(to, DEMO_ACCOUNT.user, DEMO_ACCOUNT.password),
    asOwner,
    async gateway(name, options = {}) {
      const made = await startOwnGateway({ name, directory, postgres, provider, certificate, key, ...options })
      gateways.push(made)
      return made
    },
    async stop() {
      for (const gateway of gateways) await gateway.stop()
      await provider.close()
      await postgres.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

const env = (port, user, password) => ({
  PGHOST: '127.0.0.1',
  PGPORT: String(port),
  PGUSER: user,
  PGPASSWORD: password,
  PGSSLMODE: 'disable',
  PGDATABASE: 'app_dev',
})

/** `targetPort`: of what stands before the database. `tls`: the tunnel. `checks`: rules, a masked column and kinds, as people have them; without, one rule that allows all. */
async function startOwnGateway({ name, directory, postgres, provider, certificate, key, ...options }) {
  const own = join(directory, name)
  mkdirSync(own)
  writeFileSync(join(own, 'target-password'), `${DEMO_ACCOUNT.password}\n`, { mode: 0o600 })
  const port = await freePort()
  const config = join(own, 'pam.yaml')
  writeFileSync(config, configOf({ port, postgres, provider, certificate, key, ...options }), { mode: 0o600 })
  const gateway = await startGateway(config, join(own, 'gateway.log'), options.prefix ?? [])
  const environment = {
    PAMCTL_HOME: join(own, 'home'),
    PAMCTL_SECRET_STORE: 'file',
    NO_COLOR: '1',
    ...(options.tls ? { NODE_EXTRA_CA_CERTS: certificate, PAMCTL_CA: certificate } : {}),
    ...options.agentEnvironment,
  }
  mkdirSync(environment.PAMCTL_HOME, { mode: 0o700 })
  const pamctl = (...args) =>
    run(process.execPath, [join(packageRoot, 'bin', 'pamctl.js'), ...args], { env: environment })
  await signIn(environment, gateway.url, 'jane', options.tls ? certificate : undefined)
  const ports = new Map()
  const openers = []
  /** What `pamctl connect TARGET --json` says of the agent's port to a target. */
  const opened = async (target) => {
    if (!ports.has(target)) {
      const opener = await start(
        process.execPath,
        [join(packageRoot, 'bin', 'pamctl.js'), 'connect', target, '--json'],
        { env: environment },
      )
      openers.push(opener)
      for (let attempt = 0; !ports.has(target); attempt++) {
        const found = /^\{[^]*?^\}$|^\{.*\}$/m.exec(opener.output())
        if (found !== null) ports.set(target, JSON.parse(found[0]))
        else if (attempt > 200) throw new Error(`no port for ${target}:\n${opener.output()}`)
        else await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    return ports.get(target)
  }
  return {
    name,
    url: gateway.url,
    pid: gateway.pid,
    directory: own,
    config,
    environment,
    pamctl,
    signal: (signal) => gateway.signal(signal),
    log: () => readFileSync(join(own, 'gateway.log'), 'utf8'),
    async agentPid() {
      return JSON.parse((await pamctl('agent', 'status', '--json')).stdout).pid
    },
    /** The agent's port to a target. */
    async port(target) {
      return (await opened(target)).port
    },
    opened,
    async stop() {
      await pamctl('agent', 'stop').catch(() => {})
      for (const opener of openers) await opener.stop()
      await gateway.stop('SIGTERM')
    },
  }
}

async function signIn(environment, url, who, authority) {
  const login = await start(
    process.execPath,
    [
      ...[join(packageRoot, 'bin', 'pamctl.js'), 'login', '--gateway', url, '--no-browser'],
      ...(authority === undefined ? [] : ['--ca', authority]),
    ],
    { env: environment },
  )
  const gone = new Promise((resolve) => login.child.once('exit', resolve))
  for (let attempt = 0; ; attempt++) {
    const [, to, code] = /Open (\S+) and enter\s+(\S+)/.exec(login.output()) ?? []
    if (code !== undefined) {
      await new Browser().signIn(`${to}?user_code=${code}`, DEMO_PEOPLE[who])
      break
    }
    if (attempt > 200) throw new Error(`no sign-in:\n${login.output()}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  if ((await gone) !== 0) throw new Error(`no sign-in:\n${login.output()}`)
}

function configOf({
  port,
  postgres,
  targetPort = postgres.port,
  provider,
  certificate,
  key,
  tls,
  checks,
  strict,
  rules = '',
  targets = '',
  limits = '',
  masking = '',
}) {
  const target = (name, more) => `
  - name: ${name}
    type: postgres
    labels: { env: dev }
    host: 127.0.0.1
    port: ${targetPort}
    database: app_dev
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable${more}`
  return `
listen: { host: 127.0.0.1, port: ${port}${tls ? `, tls: { certificate: ${certificate}, key: ${key} }` : ''} }
dataDirectory: data
limits: { sessionsPerPerson: 100000${limits} }
identity:
  reverifyEvery: 1h
  issuers: [{ url: "${provider.issuer}", for: people, clientId: ${EVALUATION_CLIENT}, scopes: [openid, email, profile, groups, offline_access] }]
roles: { audit: [engineering], operate: [engineering] }
recording: { durability: ${strict ? 'strict' : 'buffered'} }
targets:${target('db', '')}${targets}
access:
  - { name: all, who: { groups: [engineering] }, targets: { labels: { env: dev } }, grant: standing }
commands:${rules}${checks ? CHECKS : ''}
  - { name: rest, match: { unknown: true }, allow: true }
${checks ? MASKING : masking}`
}
