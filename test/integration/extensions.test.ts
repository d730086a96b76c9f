import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { DemoStack } from '../../src/demo/stack.ts'
import { ATTACKS, EXTENSION_SCHEMA, HARMLESS, LEFT_OUT, SAMPLE_COLUMNS } from '../fixtures/extensions.ts'
import { openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { startHostedStack } from '../helpers/hosted-gateway.ts'
import { isPostgresMissing, sampledForVersion } from '../helpers/postgres-version.ts'

/**
 * A database with extensions that applications have. What they bring is as harmless as the system's own; what only looks like it is
 * not. The gateway's account is a superuser, so that nothing but the gateway stands in the way.
 */
let stack: DemoStack
let admin: pg.Client
const ports: Port[] = []
let everyday: pg.Client
let masked: pg.Client
let directory: string

/** The password of the superuser of test servers. */
const SUPERUSER_PASSWORD = 'local-superuser'

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-extensions-'))
  let postgresPort = 0
  stack = await startHostedStack({
    async prepare(postgres) {
      postgresPort = postgres.port
      const base = { host: '127.0.0.1', port: postgres.port, ...postgres.superuser, ssl: false }
      const first = await connect({ ...base, database: 'postgres' })
      await first.query('create database extended')
      await first.end()
      admin = await connect({ ...base, database: 'extended' })
      await admin.query(EXTENSION_SCHEMA)
    },
    configure(yaml) {
      writeFileSync(join(directory, 'superuser'), SUPERUSER_PASSWORD)
      const target = (name: string): string => `
  - { name: ${name}, type: postgres, labels: { env: ${name} }, host: 127.0.0.1, port: ${postgresPort}, database: extended, user: postgres, password: "file:${join(directory, 'superuser')}", tls: disable }`
      return yaml
        .replace(
          '\naccess:',
          `${target('everyday')}${target('masked')}\n\naccess:\n  - { name: extended, who: { groups: [engineering] }, targets: { names: [everyday, masked] }, grant: standing }`,
        )
        .replace(
          '\ncommands:',
          `\ncommands:
  - { use: everyday, targets: { names: [everyday] } }
  - { name: everything that is understood, targets: { names: [masked] }, allow: true }`,
        )
        .replace(
          '\nmasking:',
          '\nmasking:\n  - { name: people, targets: { names: [masked] }, columns: [users.email, users.tags, users.place], style: redact }',
        )
    },
  })
  const jane = await signIn(stack.gateway, 'jane')
  for (const name of ['everyday', 'masked']) ports.push(await openPort(jane, name))
  ;[everyday, masked] = [await through(ports[0]), await through(ports[1])]
})

afterAll(async () => {
  for (const db of [everyday, masked, admin]) await db?.end()
  for (const port of ports) port.close()
  await stack?.stop()
  rmSync(directory, { recursive: true, force: true })
})

async function connect(config: pg.ClientConfig): Promise<pg.Client> {
  const db = new pg.Client(config)
  db.on('error', () => {})
  await db.connect()
  return db
}

const through = (port: Port | undefined): Promise<pg.Client> =>
  connect({ host: '127.0.0.1', port: port?.port ?? 0, user: 'postgres', database: 'extended', ssl: false })

describe.skipIf(isPostgresMissing)('what well-known extensions bring', () => {
  it.each(sampledForVersion(HARMLESS))('is as harmless as the system: %s', async (sql) => {
    const { rows } = await admin.query(sql)
    expect((await everyday.query(sql)).rows).toEqual(rows)
    // Where columns are masked, the server's own reading is asked as well.
    const other = sql.replaceAll('users', 'members')
    const { rows: unmasked } = await admin.query(other)
    expect((await masked.query(other)).rows).toEqual(unmasked)
  })

  it.each(sampledForVersion(LEFT_OUT))('is unknown where it does more: %s', async (sql) => {
    await expect(everyday.query(sql)).rejects.toThrow(/^pam: /)
    await expect(masked.query(sql)).rejects.toThrow(/^pam: /)
  })

  it.each(sampledForVersion(SAMPLE_COLUMNS))('does not tell a masked value: %s', async (sql) => {
    const direct = JSON.stringify((await admin.query(sql)).rows)
    const seen = await masked.query(sql).then(
      ({ rows }) => JSON.stringify(rows),
      (error: Error) => error.message,
    )
    expect(seen).not.toBe(direct)
    expect(seen).not.toMatch(/jane|secret|top\.hidden/i)
  })
})

describe.skipIf(isPostgresMissing)('what only looks like it', () => {
  it.each(sampledForVersion(ATTACKS).map((attack) => [attack.script.join('; '), attack] as const))(
    '%s',
    async (_name, attack) => {
      const { before, script, after } = attack
      for (const sql of before) await admin.query(sql)
      try {
        for (const port of ports) {
          // Definitions that did not come through the gateway are read at login.
          const db = await through(port)
          for (const sql of script.slice(0, -1)) await db.query(sql)
          const refused = await db.query(script.at(-1) as string).then(
            ({ rows }) => rows as unknown,
            (error: Error) => error.message,
          )
          await db.end()
          expect(refused).toMatch(/^pam: /)
        }
        const { rows } = await admin.query<{ count: string }>('select count(*) from ledger')
        expect(rows[0]?.count).toBe('3')
        // Directly it runs what somebody wrote, or what the library has elsewhere.
        if (attack.runs) {
          await admin.query('begin')
          for (const sql of script) await admin.query(sql.replace('set search', 'set local search'))
          const { rows: left } = await admin.query<{ count: string }>('select count(*) from ledger')
          await admin.query('rollback')
          expect(left[0]?.count).toBe('0')
        }
      } finally {
        for (const sql of after) await admin.query(sql)
      }
      // And what is restored is as harmless as before.
      const db = await through(ports[0])
      await db.query("select id from users where email = 'jane@example.com'")
      await db.end()
    },
  )
})
