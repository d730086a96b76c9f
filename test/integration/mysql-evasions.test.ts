import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import {
  EVASION_ROWS,
  EVASION_SCHEMA,
  EVASIONS,
  type Effect,
  type Evasion,
  type Guard,
} from '../fixtures/mysql-evasions.ts'
import { MARIADB_SETTING_EVASIONS } from '../fixtures/setting-evasions.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'

/**
 * What the rules forbid, tried in every way that we know. The gateway's account may do everything, and is nobody else's, so that nothing
 * but the rules stands in the way.
 */
const ACCESS = 'access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]\n'
const RULES: Readonly<Record<Guard, string>> = {
  guarded: `${ACCESS}commands:
  - { name: vault is closed, match: { relations: [vault, vault_old] }, deny: vault is closed }
  - { name: ledger is kept, match: { writes: [ledger] }, deny: the ledger is not written }
  - { use: no-blind-writes }
  - { use: no-server-files }
  - { use: no-privilege-change }
  - name: definitions stay
    match: { kinds: [create-*, alter-*, drop-*, rename-*, truncate, flush, cache-index, xa, backup, show-grants, show-create-user] }
    deny: definitions stay as they are
  - { name: everything that is understood, allow: true }`,
  defining: `${ACCESS}commands:
  - { name: vault is closed, match: { relations: [vault, vault_old] }, deny: vault is closed }
  - { name: everything that is understood, allow: true }`,
  readonly: `${ACCESS}commands: [{ use: read-only }, { name: everything that is understood, allow: true }]`,
  everyday: `${ACCESS}commands: [{ use: everyday }]`,
}

const ACCOUNT = { user: 'app', password: 'secret', database: 'evade' }
/** As the accounts were. */
const ACCOUNTS = `
FLUSH PRIVILEGES;
CREATE OR REPLACE USER app@'%' IDENTIFIED VIA mysql_native_password USING PASSWORD('secret'); GRANT ALL ON *.* TO app@'%' WITH GRANT OPTION;
DROP USER IF EXISTS intruder, anybody; CREATE OR REPLACE USER somebody IDENTIFIED BY 'somebody'; GRANT INSERT ON *.* TO somebody;
DROP ROLE IF EXISTS intruders; CREATE OR REPLACE ROLE a_role; GRANT a_role TO app WITH ADMIN OPTION; FLUSH PRIVILEGES;
`
const DATABASE = `DROP SERVER IF EXISTS s; DROP DATABASE IF EXISTS elsewhere; DROP DATABASE IF EXISTS evade; CREATE DATABASE evade; USE evade; ${EVASION_SCHEMA}`
const SETTINGS = [
  'general_log_file',
  'slow_query_log_file',
  'init_connect',
  'max_connections',
  'event_scheduler',
  'local_infile',
]

/** All that may not change, as texts: what rows there are, then the rest. */
const ROWS = `SELECT CONCAT_WS('|', ${['vault', 'vault_old', 'ledger', 'owners', 'log', 'parts', 'inbox']
  .map(
    (name) =>
      `'${name}', (SELECT MD5(GROUP_CONCAT(t.${name === 'inbox' ? 'id' : 'row'} ORDER BY t.id)) FROM (SELECT *${name === 'inbox' ? '' : `, CONCAT_WS(',', ${columnsOf(name)}) AS row`} FROM evade.${name}) t)`,
  )
  .join(', ')}, (SELECT next_not_cached_value FROM evade.seq))`
const DEFINITIONS = `SELECT MD5(GROUP_CONCAT(d ORDER BY d SEPARATOR '\n')) FROM (
  SELECT CONCAT_WS('|', table_name, table_type, engine, table_comment) AS d FROM information_schema.tables WHERE table_schema = 'evade'
  UNION ALL SELECT CONCAT_WS('|', table_name, column_name, column_type) FROM information_schema.columns WHERE table_schema = 'evade'
  UNION ALL SELECT CONCAT_WS('|', table_name, index_name) FROM information_schema.statistics WHERE table_schema = 'evade'
  UNION ALL SELECT CONCAT_WS('|', table_name, partition_name) FROM information_schema.partitions WHERE table_schema = 'evade'
  UNION ALL SELECT schema_name FROM information_schema.schemata UNION ALL SELECT name FROM mysql.proc WHERE db = 'evade'
  UNION ALL SELECT trigger_name FROM information_schema.triggers UNION ALL SELECT name FROM mysql.event
  UNION ALL SELECT server_name FROM mysql.servers) q`
const PRIVILEGES = `SELECT MD5(GROUP_CONCAT(d ORDER BY d SEPARATOR '\n')) FROM (
  SELECT CONCAT_WS('|', user, host, JSON_REMOVE(priv, '$.password_last_changed')) AS d FROM mysql.global_priv UNION ALL SELECT CONCAT_WS('|', user, db) FROM mysql.db
  UNION ALL SELECT CONCAT_WS('|', user, role, admin_option) FROM mysql.roles_mapping
  UNION ALL SELECT CONCAT_WS('|', user, proxied_user) FROM mysql.proxies_priv) q`
const GLOBALS = `SELECT CONCAT_WS('|', ${SETTINGS.map((name) => `@@global.${name}`).join(', ')})`

function columnsOf(name: string): string {
  if (name.startsWith('vault')) return 'id, secret'
  if (name === 'ledger') return "id, amount, IFNULL(owner, '-'), note"
  return name === 'log' ? 'id, name, message' : 'id, name'
}

let server: LocalMariadb
let directory: string
let observer: MysqlClient
let initial: State
let settings: readonly (string | null)[]
const gateways = new Map<Guard, MysqlGateway>()

beforeAll(async () => {
  if (isMariadbMissing()) return
  server = await startTestMariadb({ script: ACCOUNTS, settings: { 'local-infile': '1' } })
  directory = dirname(server.socket)
  writeFileSync(join(directory, 'canary'), 'FILE-CANARY')
  observer = await MysqlClient.connect(server.port, server.superuser)
  await observer.query('SET SESSION group_concat_max_len = 1000000')
  await observer.query(DATABASE)
  await observer.query(EVASION_ROWS)
  settings = (await observer.rows(`SELECT ${SETTINGS.map((name) => `@@global.${name}`).join(', ')}`))[0] ?? []
  initial = await stateOf()
  for (const guard of ['guarded', 'defining', 'readonly', 'everyday'] as const)
    gateways.set(
      guard,
      await MysqlGateway.start({
        rules: RULES[guard],
        target: { port: server.port, database: 'evade', ownAccount: true },
        password: 'secret',
      }),
    )
})
afterAll(async () => {
  for (const client of [...idle.values()].flat()) client.quit()
  observer?.quit()
  for (const gateway of gateways.values()) await gateway.stop()
  await server?.stop()
})

interface State {
  readonly rows: string
  readonly definitions: string
  readonly privileges: string
  readonly globals: string
}

async function stateOf(): Promise<State> {
  const ask = async (sql: string): Promise<string> => {
    try {
      return String((await observer.rows(sql))[0]?.[0])
    } catch (error) {
      // The table is gone: it is not what it was.
      return String(error)
    }
  }
  return {
    rows: await ask(ROWS),
    definitions: await ask(DEFINITIONS),
    privileges: await ask(PRIVILEGES),
    globals: await ask(GLOBALS),
  }
}

/** Puts back whatever a direct run has changed. */
async function restore(now: State): Promise<void> {
  for (const name of outFiles()) rmSync(join(directory, name), { force: true })
  if (now.globals !== initial.globals)
    for (const [index, name] of SETTINGS.entries()) {
      const value = settings[index] as string
      await observer.query(`SET GLOBAL ${name} = ${/^\d+$/.test(value) ? value : `'${value}'`}`)
    }
  if (now.privileges !== initial.privileges) await observer.query(ACCOUNTS)
  const isSequenceMoved = now.rows.split('|').at(-1) !== initial.rows.split('|').at(-1)
  if (now.definitions !== initial.definitions || isSequenceMoved) await observer.query(DATABASE)
  await observer.query(`USE evade; ${EVASION_ROWS}`)
}

const outFiles = (): string[] => readdirSync(directory).filter((name) => name.startsWith('out'))

/** Leaves nothing in its session that the next could see. */
const isAlone = ({ script, effect }: Evasion): boolean =>
  effect !== 'done' &&
  script.length === 1 &&
  /^(?!.*(?:@|into|lock|;))(?:select|with|\(|values|insert|update|delete|replace)/is.test(script[0] as string)
const idle = new Map<string, MysqlClient[]>()

interface Attempt {
  readonly answers: string
  /** The last statement has run. */
  readonly isDone: boolean
}

async function attempt(port: number, evasion: Evasion, form: 'text' | 'binary'): Promise<Attempt> {
  const waiting = idle.get(String(port)) ?? []
  idle.set(String(port), waiting)
  const mayShare = isAlone(evasion)
  const client = (mayShare ? waiting.pop() : undefined) ?? (await MysqlClient.connect(port, ACCOUNT))
  const answers: string[] = []
  let isDone = false
  for (const part of evasion.script) {
    const sql = part.replaceAll('{dir}', directory)
    try {
      let results
      if (sql === 'RESET_CONNECTION') results = await client.command(Buffer.of(commands.resetConnection), 'done')
      else if (form === 'binary') results = await client.execute((await client.prepare(sql)).id, [])
      else
        results = await client.command(
          Buffer.concat([Buffer.of(commands.query), Buffer.from(sql, 'latin1')]),
          'results',
        )
      const values = results.flatMap(({ rows }) => rows.flat())
      answers.push(
        ...values.map((value) =>
          form === 'binary' ? Buffer.from(value ?? '', 'hex').toString('latin1') : String(value),
        ),
      )
      isDone = true
    } catch (error) {
      answers.push((error as Error).message)
      isDone = false
    }
  }
  await client.query('COMMIT').catch(() => {})
  if (mayShare) waiting.push(client)
  else client.quit()
  return { answers: answers.join('\n'), isDone }
}

function hasEffect(effect: Effect, { answers, isDone }: Attempt, state: State): boolean {
  switch (effect) {
    case 'vault':
      return answers.includes('VAULT-SECRET')
    case 'file':
      return answers.includes('FILE-CANARY') || outFiles().length > 0
    case 'changed':
      return JSON.stringify(state) !== JSON.stringify(initial)
    case 'done':
      return isDone
  }
}

const isPreparable = ({ script }: Evasion): boolean =>
  script.length === 1 &&
  /^(?!.*;)(?:select|with|\(|values|insert|update|delete|replace|do|call|truncate|analyze)/is.test(script[0] as string)

describe.skipIf(isMariadbMissing())('what the rules forbid has no effect through the gateway', () => {
  it.each(
    EVASIONS.map((evasion) => [`${evasion.guard}, ${evasion.effect}: ${evasion.script.join('; ')}`, evasion] as const),
  )('%s', async (_name, evasion) => {
    const direct = await attempt(server.port, evasion, 'text')
    const changed = await stateOf()
    const isShown = hasEffect(evasion.effect, direct, changed)
    await restore(changed)
    expect([isShown, direct.answers]).toEqual([true, direct.answers])
    for (const form of isPreparable(evasion) ? (['text', 'binary'] as const) : (['text'] as const)) {
      const through = await attempt(gateways.get(evasion.guard)?.port as number, evasion, form)
      const after = await stateOf()
      const verdict = [hasEffect(evasion.effect, through, after), after, through.answers]
      await restore(after)
      expect(verdict).toEqual([false, initial, through.answers])
      expect(through.answers).toMatch(/pam: |in a READ ONLY transaction/)
    }
  })
})

describe.skipIf(isMariadbMissing())('settings that are pinned', () => {
  const LIMITS = { max_statement_time: 30, lock_wait_timeout: 5, innodb_lock_wait_timeout: 5 } as const
  const NAMES = Object.keys(LIMITS) as (keyof typeof LIMITS)[]
  const SET = `SET SESSION ${Object.entries(LIMITS)
    .map(([name, value]) => `${name} = ${value}`)
    .join(', ')}`
  const SETTINGS = `SELECT ${NAMES.map((name) => `@@${name}`).join(', ')}`
  const PINNED = '30.000000, 5, 5'
  let gateway: MysqlGateway

  beforeAll(async () => {
    gateway = await MysqlGateway.start({
      rules: `${ACCESS}commands: [{ name: no programs, match: { kinds: [compound] }, deny: no }, { name: code that nobody has read, match: { unknown: true, functions: [lift] }, allow: true }, { name: everything that is understood, allow: true }]`,
      target: { port: server.port, database: 'evade', ownAccount: true, settings: { ...LIMITS, pinned: NAMES } },
      password: 'secret',
    })
  })
  afterAll(() => gateway?.stop())

  const settingsOf = async (client: MysqlClient): Promise<string> =>
    String((await client.rows(SETTINGS))[0]?.join(', '))

  async function after(port: number, script: readonly string[]): Promise<{ answers: string; state: string }> {
    const client = await MysqlClient.connect(port, ACCOUNT)
    const answers: string[] = []
    for (const sql of script)
      answers.push(
        await client.query(sql).then(
          (results) => JSON.stringify(results.flatMap(({ rows }) => rows)),
          (error: Error) => error.message,
        ),
      )
    const state = await settingsOf(client)
    client.quit()
    return { answers: answers.join('\n'), state }
  }
  const isLifted = ({ answers, state }: { answers: string; state: string }): boolean =>
    answers.includes('"lifted"') || state !== PINNED

  it.each(MARIADB_SETTING_EVASIONS.map((script) => [script.join('; '), script] as const))(
    'are not lifted by %s',
    async (_name, script) => {
      const direct = await after(server.port, [SET, ...script])
      expect([isLifted(direct), direct]).toEqual([true, direct])
      const through = await after(gateway.port, script)
      expect([isLifted(through), through]).toEqual([false, through])
      expect(through.answers).toMatch(/pam: /)
    },
  )

  it('are not lifted by a prepared statement with a parameter', async () => {
    for (const port of [server.port, gateway.port]) {
      const client = await MysqlClient.connect(port, ACCOUNT)
      if (port === server.port) await client.query(SET)
      const run = client.prepare('SET max_statement_time = ? + 0').then(({ id }) => client.execute(id, ['0']))
      if (port === server.port) await run
      else
        await expect(run).rejects.toThrow(
          /max_statement_time is pinned by the configuration of this target: it stays 30/,
        )
      expect((await settingsOf(client)) === PINNED).toBe(port === gateway.port)
      client.quit()
    }
  })

  it('are set again where a connection starts anew', async () => {
    for (const port of [server.port, gateway.port]) {
      const client = await MysqlClient.connect(port, ACCOUNT)
      if (port === server.port) await client.query(SET)
      await client.query('SET max_statement_time = 2')
      expect(await settingsOf(client)).toBe('2.000000, 5, 5')
      await client.command(Buffer.of(commands.resetConnection), 'done')
      expect((await settingsOf(client)) === PINNED).toBe(port === gateway.port)
      client.quit()
    }
    const client = await MysqlClient.connect(gateway.port, ACCOUNT)
    const again = Buffer.concat([
      Buffer.of(commands.changeUser),
      Buffer.from('app\0'),
      Buffer.of(0),
      Buffer.from('evade\0'),
    ])
    await client.query('SET max_statement_time = 2')
    await client.command(again, 'done')
    expect(await settingsOf(client)).toBe(PINNED)
    client.quit()
  })

  it('are read back after code that is not read, which ends a session that it has lifted one of', async () => {
    await observer.query(
      'CREATE OR REPLACE FUNCTION evade.lift() RETURNS INT BEGIN SET SESSION lock_wait_timeout = 100; RETURN @@lock_wait_timeout; END',
    )
    const client = await MysqlClient.connect(gateway.port, ACCOUNT)
    expect(await client.rows('SELECT lift()')).toEqual([['100']])
    await expect(client.rows('SELECT 1')).rejects.toThrow(
      /lock_wait_timeout is pinned by the configuration of this target, but something changed it/,
    )
    await gateway.last.over
    await observer.query('DROP FUNCTION evade.lift')
    client.quit()
  })
})
