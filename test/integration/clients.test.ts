import { rmSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DEMO_ACCOUNT } from '../../src/demo/sample-data.ts'
import type { DemoStack } from '../../src/demo/stack.ts'
import { eventually } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { pamctlSignedIn, type PamctlHome, type RunningPamctl } from '../helpers/pamctl-client.ts'
import { pamctl, PSQL, ROOT, run, type Outcome } from '../helpers/run.ts'
import { cached, hasProgram, PGJDBC, PYTHON } from '../helpers/test-clients.ts'

/** Ordinary PostgreSQL clients in other languages: through the agent's port they print what they print when connected directly. */
const FIXTURES = join(ROOT, 'test', 'fixtures', 'clients')
const GO = cached('go', 'pg-go')
const hasLoopback6 = networkInterfaces()['lo']?.some(({ address }) => address === '::1') === true
const HOSTS = ['127.0.0.1', ...(hasLoopback6 ? ['::1'] : []), 'localhost']

let stack: DemoStack
let jane: PamctlHome
const open: RunningPamctl[] = []
let port: number
let maskedPort: number

/** A target with what production has: `everyday`, and masks, so that the target is asked how it reads what is sent. */
const withMasks = (yaml: string): string =>
  yaml
    .replace(
      '\naccess:\n',
      `
  - name: masked
    type: postgres
    host: 127.0.0.1
    port: ${/port: (\d+)\n    database: app\n/.exec(yaml)?.[1]}
    database: app
    user: ${DEMO_ACCOUNT.user}
    password: file:target-password
    tls: disable

access:
  - { name: masked, who: { groups: [engineering] }, targets: { names: [masked] }, grant: standing }
`,
    )
    .replace(
      '\ncommands:\n',
      `
commands:
  - { use: everyday, targets: { names: [masked] } }
  - { name: channels, targets: { names: [masked] }, match: { kinds: [listen, notify] }, allow: true }
`,
    )
    .replace(
      '\nmasking:\n',
      `
masking:
  - name: customers
    targets: { names: [masked] }
    columns: [customers.email, customers.card_number, customers.phone]
    kinds: [email, payment-card]
    style: partial
`,
    )

beforeAll(async () => {
  stack = await startHostedStack({ configure: withMasks })
  jane = await pamctlSignedIn(stack.gateway, 'jane')
  const started = ['dev-db', 'masked'].map((target) => jane.start(['connect', target, '--json']))
  open.push(...started)
  const [dev = 0, masked = 0] = await Promise.all(
    started.map((one) =>
      eventually(() => Number(/"port": (\d+)/.exec(one.output())?.[1]) || undefined, 'the port is open'),
    ),
  )
  port = dev
  maskedPort = masked
})
afterAll(async () => {
  for (const one of open) one.kill()
  if (jane !== undefined) {
    await pamctl(['agent', 'stop'], jane.environment)
    rmSync(jane.home, { recursive: true, force: true })
  }
  await stack?.stop()
})

interface Way {
  readonly at: () => number
  readonly database: string
}
const WAYS: readonly (readonly [string, Way])[] = [
  ['where anything goes', { at: () => port, database: 'app_dev' }],
  ['under everyday, with masks', { at: () => maskedPort, database: 'app' }],
]

/** A program that takes host, port, database, user and password: as it prints directly, and through the gateway. */
async function both(program: string, args: readonly string[], { at, database }: Way): Promise<[Outcome, Outcome]> {
  const direct = ['127.0.0.1', String(stack.postgres.port), database, DEMO_ACCOUNT.user, DEMO_ACCOUNT.password]
  const through = ['127.0.0.1', String(at()), database, DEMO_ACCOUNT.user, 'not the password of the target']
  return [await run(program, [...args, ...direct]), await run(program, [...args, ...through])]
}

describe.each(WAYS)('clients print through the gateway what they print when connected directly, %s', (_, way) => {
  it.skipIf(PGJDBC === undefined || !hasProgram('java'))(
    'pgjdbc, as DBeaver and DataGrip use it',
    async () => {
      const [direct, through] = await both('java', ['-cp', PGJDBC ?? '', join(FIXTURES, 'PgJdbc.java')], way)
      expect(through.stderr).toBe(direct.stderr)
      expect(direct.stdout).toContain('after all: true')
      expect(through.stdout.split('\n')).toEqual(direct.stdout.split('\n'))
    },
    120_000,
  )

  it.skipIf(PYTHON === undefined)('psycopg and asyncpg', async () => {
    const [direct, through] = await both(PYTHON ?? '', [join(FIXTURES, 'pg_clients.py')], way)
    expect(through.stderr).toBe(direct.stderr)
    expect(direct.stdout).toContain('pool: [0, 1, 2, 3, 4, 5]')
    expect(through.stdout.split('\n')).toEqual(direct.stdout.split('\n'))
  })

  it.skipIf(GO === undefined)('pgx and lib/pq', async () => {
    const [direct, through] = await both(GO ?? '', [], way)
    expect(through.stderr).toBe(direct.stderr)
    expect(direct.stdout).toMatch(/^rows: (80|1000)$/m)
    expect(through.stdout.split('\n')).toEqual(direct.stdout.split('\n'))
  })
})

describe.skipIf(!PSQL)('with masks', () => {
  it('the same connections hide what is masked', async () => {
    const address = `host=127.0.0.1 port=${maskedPort} user=app dbname=app`
    const { stdout } = await run('psql', ['-XAtc', 'select email from customers limit 2', address])
    expect(stdout).toMatch(/^(.*\*{3}.*\n){2}$/)
  })

  it('the target is asked, and reads all of it as the gateway does', () => {
    expect(stack.gatewayLog()).not.toContain('statement.read_differently')
  })
})

describe('whatever a socket is opened as', () => {
  const PYTHON_ONE =
    'import sys, psycopg; h, p = sys.argv[1:]; print(psycopg.connect(host=h, port=p, user="app", dbname="app_dev").execute("select 42").fetchone()[0])'
  const ASYNC_ONE = `import asyncio, asyncpg, sys
async def main():
    db = await asyncpg.connect(host=sys.argv[1], port=int(sys.argv[2]), user="app", database="app_dev")
    print(await db.fetchval("select 42"))
    await db.close()
asyncio.run(main())`

  it.skipIf(!PSQL).each([...HOSTS, '::ffff:127.0.0.1'])('psql host=%s', async (host) => {
    const { stdout, stderr } = await run('psql', [
      '-XAtc',
      'select 42',
      `host=${host} port=${port} user=app dbname=app_dev`,
    ])
    expect([stdout, stderr]).toEqual(['42\n', ''])
  })

  it.each([...HOSTS, '::ffff:127.0.0.1'])('node-postgres host=%s', async (host) => {
    const db = new pg.Client({ host, port, user: 'app', database: 'app_dev' })
    await db.connect()
    expect((await db.query('select $1::int * 7 as answer', [6])).rows).toEqual([{ answer: 42 }])
    await db.end()
  })

  it.skipIf(PYTHON === undefined).each([...HOSTS, '::ffff:127.0.0.1'])('psycopg and asyncpg host=%s', async (host) => {
    for (const program of [PYTHON_ONE, ASYNC_ONE]) {
      const { stdout, stderr } = await run(PYTHON ?? '', ['-c', program, host, String(port)])
      expect([stdout, stderr]).toEqual(['42\n', ''])
    }
  })

  it.skipIf(GO === undefined).each([...HOSTS, '::ffff:127.0.0.1'])('pgx and lib/pq host=%s', async (host) => {
    const { stdout } = await run(GO ?? '', [host, String(port), 'app_dev', 'app', 'x'])
    expect(stdout).not.toContain('FAILED failed to connect')
    expect(stdout).toContain('rows: 80')
  })

  it
    .skipIf(PGJDBC === undefined || !hasProgram('java'))
    .each([
      ...HOSTS.slice(1, -1).map((host) => [host, '-Djava.net.preferIPv4Stack=false']),
      ['localhost', '-Djava.net.preferIPv6Addresses=true'],
    ])(
    'pgjdbc host=%s %s',
    async (host, ...flags) => {
      const { stdout, stderr } = await run('java', [
        ...flags,
        '-cp',
        PGJDBC ?? '',
        join(FIXTURES, 'PgJdbc.java'),
        host,
        String(port),
        'app_dev',
        'app',
        'x',
      ])
      expect(stdout, stderr).toContain('after all: true')
    },
    120_000,
  )
})

const NOBODY = 65_534
const canBecomeNobody = process.getuid?.() === 0 && hasProgram('setpriv')
describe.skipIf(!canBecomeNobody)('another user', () => {
  const asNobody = (program: string, ...args: readonly string[]): Promise<Outcome> =>
    run('setpriv', [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', program, ...args], {
      env: { HOME: '/tmp' },
    })

  it.skipIf(!PSQL).each([...HOSTS, '::ffff:127.0.0.1'])('is turned away from %s in PostgreSQL', async (host) => {
    const { stderr, code } = await asNobody(
      'psql',
      '-XAtc',
      'select 42',
      `host=${host} port=${port} user=app dbname=app_dev`,
    )
    expect([code, stderr]).toEqual([2, expect.stringContaining('FATAL:  pam: this local port belongs to another user')])
  })
})

describe.skipIf(!PSQL)('an agent that is told to stop', () => {
  it('refuses clients that wait for a tunnel in their own protocol', async () => {
    const tunnels = async (): Promise<unknown> => {
      const { stdout } = await pamctl(['agent', 'status', '--json'], jane.environment)
      const { listeners } = JSON.parse(stdout) as { listeners: readonly { tunnels: number }[] }
      return listeners.reduce((sum, one) => sum + one.tunnels, 0)
    }
    await eventually(async () => ((await tunnels()) === 0 ? true : undefined), 'earlier connections are gone')
    // A gateway that does not answer: the connection is accepted, its tunnel is not open.
    process.kill(stack.pid, 'SIGSTOP')
    try {
      const waiting = run('psql', ['-XAtc', 'select 42', `host=127.0.0.1 port=${port} user=app dbname=app_dev`])
      await eventually(async () => ((await tunnels()) === 1 ? true : undefined), 'the connection is accepted')
      expect(await pamctl(['agent', 'stop'], jane.environment)).toMatchObject({ code: 0 })
      expect(await waiting).toMatchObject({
        code: 2,
        stderr: expect.stringMatching(
          /FATAL: {2}pam: the local agent is stopping\nHINT: {2}run "pamctl connect" again/,
        ),
      })
    } finally {
      process.kill(stack.pid, 'SIGCONT')
    }
  })
})
