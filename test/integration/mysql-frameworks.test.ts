import { afterAll, beforeAll, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { isMariadbMissing, MARIADB_VERSIONS, startTestMariadb, type MariadbVersion } from '../helpers/mariadb.ts'
import { ROOT, run } from '../helpers/run.ts'
import { PYTHON } from '../helpers/test-clients.ts'

/**
 * Frameworks under the ready-made sets, with masks, through agent and gateway: they migrate under `app-developer` and work under `everyday`, and
 * what they get is what they get directly.
 */
const APPLICATIONS = [
  ['django', 'mysqlclient', '10.11'],
  ['sqlalchemy', 'pymysql', '11.4'],
] as const
const VERBS = ['migrate', 'work'] as const
const isMissing = PYTHON === undefined || MARIADB_VERSIONS.some(isMariadbMissing)
const servers = new Map<MariadbVersion, LocalMariadb>()
let stack: DemoStack | undefined

/** Each in a database of its own, where a column is masked. */
const databaseOf = (framework: string, driver: string): string => `${framework}_${driver}`
const emptyDatabase = (name: string): string => `
DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name} CHARACTER SET utf8mb4;
CREATE TABLE ${name}.person (id INT PRIMARY KEY, email VARCHAR(50)); INSERT INTO ${name}.person VALUES (1, 'ann@example.com');
`

beforeAll(async () => {
  if (isMissing) return
  for (const version of MARIADB_VERSIONS)
    servers.set(
      version,
      await startTestMariadb({ version, accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON *.*'] }] }),
    )
  const targets = APPLICATIONS.flatMap(([framework, driver, version]) =>
    VERBS.map((verb) => {
      const database = databaseOf(framework, driver)
      const place = `host: 127.0.0.1, port: ${servers.get(version)?.port}, database: ${database}`
      return `
  - { name: ${database}-${verb}, type: mysql, labels: { env: frameworks, verb: ${verb} }, ${place}, user: app, password: env:FRAMEWORKS_PASSWORD, tls: disable }`
    }),
  )
  process.env['FRAMEWORKS_PASSWORD'] = 'secret'
  stack = await startHostedStack({
    configure: (yaml) =>
      yaml
        .replace(
          '\naccess:',
          `${targets.join('')}

access:
  - { name: frameworks, who: { groups: [engineering] }, targets: { labels: { env: frameworks } }, grant: standing }`,
        )
        .replace(
          '\ncommands:',
          `\ncommands:
  - { use: app-developer, targets: { labels: { verb: migrate } } }
  - { use: everyday, targets: { labels: { verb: work } } }`,
        )
        .replace(
          '\nmasking:',
          `\nmasking:
  - { name: people, targets: { labels: { env: frameworks } }, columns: [person.email], style: redact }`,
        ),
  })
})
afterAll(async () => {
  await Promise.all([stack?.stop(), ...[...servers.values()].map((server) => server.stop())])
})

it.skipIf(isMissing).each(APPLICATIONS)('%s with %s on MariaDB %s', async (framework, driver, version) => {
  const database = databaseOf(framework, driver)
  const server = servers.get(version) as LocalMariadb
  const said = async (portOf: (verb: string) => number | undefined) => {
    server.sql(emptyDatabase(database))
    const all: string[] = []
    for (const verb of VERBS) {
      const script = `${ROOT}/test/fixtures/clients/mysql_frameworks.py`
      const args = [script, framework, driver, verb, String(portOf(verb)), database]
      const { code, stdout, stderr } = await run(PYTHON as string, args, {
        env: { MYSQL_PWD: 'secret', PYTHONHASHSEED: '0' },
      })
      all.push(...stdout.split('\n'), ...(code === 0 ? [] : [stderr]))
    }
    return all
  }
  const direct = await said(() => server.port)
  const jane = await signIn((stack as DemoStack).gateway, 'jane')
  const ports = new Map<string, Port>()
  for (const verb of VERBS) ports.set(verb, await openPort(jane, `${database}-${verb}`, 'mysql'))
  const through = await said((verb) => ports.get(verb)?.port)
  for (const port of ports.values()) port.close()
  expect(direct.filter((line) => line === 'ok')).toHaveLength(VERBS.length)
  expect(direct).toContain("masked: 'ann@example.com'")
  expect(through).toEqual(direct.map((line) => line.replace(/^masked: .*/, "masked: '****'")))
})
