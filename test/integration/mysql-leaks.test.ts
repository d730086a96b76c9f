import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { LocalMariadb } from '../../src/demo/local-mariadb.ts'
import { Answer, type AnswerKind } from '../../src/protocols/mysql/wire/answer.ts'
import { commands } from '../../src/protocols/mysql/wire/command.ts'
import { payloadOf } from '../../src/protocols/mysql/wire/framer.ts'
import { readStmtPrepareOk } from '../../src/protocols/mysql/wire/stmt-prepare-ok.ts'
import { CLEAN_SCRIPTS, LAUNDERED, LEAKS, LEAK_SCHEMA, UNTOUCHED } from '../fixtures/mysql-leaks.ts'
import { isMariadbMissing, startTestMariadb } from '../helpers/mariadb.ts'
import { executeCommand, MysqlClient } from '../helpers/mysql-client.ts'
import { MysqlGateway } from '../helpers/mysql-gateway.ts'

/**
 * Two databases that differ in masked values only. Every byte that a client gets must be the same of both through the gateway: rows, counts,
 * order, errors, warnings. Each case is run directly first, where it must differ: otherwise it would prove nothing.
 */
const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands: [{ name: all, match: { unknown: true }, allow: true }, { name: known, allow: true }]
masking: [{ name: people, columns: [people.email, people.phone, people.pin, derived.email, parts.pin], style: redact }]`

const COPYING = RULES.replace('style: redact', 'style: redact, copying: true')

const WHICH = ['a', 'b'] as const
type Which = (typeof WHICH)[number]
const THROUGH = ['through the gateway', 'through one that lets copy'] as const
type Way = 'directly' | (typeof THROUGH)[number]
let server: LocalMariadb
const gateways = new Map<string, MysqlGateway>()
/** Past any gateway, for what is between cases: a `mariadb` for each would take most of the processor time of this file. */
const restorers = new Map<Which, MysqlClient>()

beforeAll(async () => {
  if (isMariadbMissing()) return
  server = await startTestMariadb({
    accounts: [{ user: 'app', password: 'secret', grants: ['ALL ON *.*'] }],
    script: WHICH.map((which) => `CREATE DATABASE leak_${which}; USE leak_${which}; ${LEAK_SCHEMA(which)}`).join(''),
    settings: { 'local-infile': '1', 'log-bin': 'log', 'binlog-format': 'ROW' },
  })
  for (const which of WHICH) {
    restorers.set(which, await connect('directly', which))
    for (const way of THROUGH) {
      const gateway = await MysqlGateway.start({
        rules: way === 'through the gateway' ? RULES : COPYING,
        target: { port: server.port, database: `leak_${which}` },
        password: 'secret',
      })
      gateways.set(`${way} ${which}`, gateway)
      // What the target can do it has said by the second connection.
      ;(await connect(way, which)).quit()
    }
  }
})
afterAll(async () => {
  for (const client of [...restorers.values(), ...[...idle.values()].flat()]) client.quit()
  for (const gateway of gateways.values()) await gateway.stop()
  await server?.stop()
})

const connect = (way: Way, which: Which): Promise<MysqlClient> =>
  MysqlClient.connect(way === 'directly' ? server.port : (gateways.get(`${way} ${which}`)?.port ?? 0), {
    user: 'app',
    password: 'secret',
    database: `leak_${which}`,
  })

/** All that a server says to one command. */
async function said(client: MysqlClient, payload: Buffer, kind: AnswerKind): Promise<Buffer[]> {
  client.send(payload)
  const answer = new Answer(kind, client.capabilities)
  const all: Buffer[] = []
  while (!answer.isComplete) {
    const frame = await client.next()
    if (frame === undefined) return [...all, Buffer.from('closed')]
    answer.next(frame)
    all.push(Buffer.from(payloadOf(frame)))
  }
  return all
}

const text = (sql: string): Buffer => Buffer.concat([Buffer.of(commands.query), Buffer.from(sql)])
const isError = (answer: readonly Buffer[]): boolean => answer.at(-1)?.[0] === 0xff

/** What comes of a statement that is prepared, and undefined where that cannot be. */
async function prepared(client: MysqlClient, sql: string): Promise<Buffer[]> {
  const asked = await said(client, Buffer.concat([Buffer.of(commands.stmtPrepare), Buffer.from(sql)]), 'prepared')
  if (isError(asked)) return asked
  const { id } = readStmtPrepareOk(asked[0] as Buffer)
  // Its number says how many there were before.
  const [first = Buffer.alloc(0), ...definitions] = asked
  return [first.subarray(5), ...definitions, ...(await said(client, executeCommand(id, []), 'binary-results'))]
}

/** Leaves nothing in its session that the next could see. */
const ALONE = /^(?!.*(?:@|last_insert_id|lock|found_rows|rand|into|procedure|_of\())(?:select|with|\(|values)/is
/** What a session keeps of these goes when it is reset. */
const isOfVariables = (script: readonly string[]): boolean => OF_VARIABLES.has(script)
const OF_VARIABLES: ReadonlySet<readonly string[]> = new Set([
  ...LAUNDERED.map(({ script }) => script),
  ...CLEAN_SCRIPTS,
])
const idle = new Map<string, MysqlClient[]>()

/** All that a client sees of a script, and nothing of which database it was. A transaction around it leaves that as it was. */
async function transcript(
  way: Way,
  which: Which,
  script: readonly string[],
  form: 'text' | 'binary' = 'text',
): Promise<string> {
  const waiting = idle.get(`${way} ${which}`) ?? []
  idle.set(`${way} ${which}`, waiting)
  const mayShare = isOfVariables(script) || script.every((sql) => ALONE.test(sql))
  const client = (mayShare ? waiting.pop() : undefined) ?? (await connect(way, which))
  // What the session holds of the script before is gone by this.
  if (isOfVariables(script)) {
    await said(client, Buffer.of(commands.resetConnection), 'done')
    await said(client, text('SET NAMES utf8mb4'), 'results')
  }
  await said(client, text('START TRANSACTION'), 'results')
  const all: Buffer[] = []
  for (const sql of script) {
    const statement = sql.replaceAll('{db}', `leak_${which}`)
    all.push(
      ...(form === 'binary' ? await prepared(client, statement) : await said(client, text(statement), 'results')),
    )
  }
  await said(client, text('ROLLBACK'), 'results')
  if (mayShare) waiting.push(client)
  else client.quit()
  return all
    .map((payload) =>
      payload
        .toString('latin1')
        .replaceAll(/leak_[ab]/g, 'leak')
        .replaceAll(/decision dec_\w+/g, ''),
    )
    .join('\n')
}

async function both(way: Way, script: readonly string[], form: 'text' | 'binary' = 'text'): Promise<[string, string]> {
  const [a, b] = [await transcript(way, 'a', script, form), await transcript(way, 'b', script, form)]
  return [a, b]
}

/**
 * As both were before: what a rollback leaves is the next number. Without statistics, which go with it, the server sorts rows that it
 * groups now in one way, now in another, so that which row stands for a group is a matter of luck.
 */
async function restore(script: readonly string[], cleanUp = ''): Promise<void> {
  const counts = script.some((sql) => /insert|replace/i.test(sql))
    ? 'ALTER TABLE notes AUTO_INCREMENT = 100; ALTER TABLE people AUTO_INCREMENT = 100; ANALYZE TABLE people PERSISTENT FOR ALL;'
    : ''
  const statements = [cleanUp, counts].filter((text) => text !== '').join('; ')
  if (statements !== '') for (const which of WHICH) await restorers.get(which)?.query(statements)
  if (cleanUp !== '') for (const which of WHICH) await readAgain(which)
}

/** A gateway that was passed by hears of a change only when it next reads the digest, so of either database at another statement. */
async function readAgain(which: Which): Promise<void> {
  const client = await connect('through the gateway', which)
  await client.query('DROP TABLE IF EXISTS none_of_this_name')
  client.quit()
}

describe.skipIf(isMariadbMissing())('what a masked column holds cannot be told', () => {
  it.each(LEAKS.map((leak) => [leak.name, leak] as const))('%s', async (_name, { script, cleanUp }) => {
    const isPreparable =
      script.length === 1 &&
      /^(select|with|\(|values|insert|update|delete|replace|do|call|explain|analyze)/i.test(script[0] as string)
    for (const form of isPreparable ? (['text', 'binary'] as const) : (['text'] as const)) {
      const direct = await both('directly', script, form)
      await restore(script, cleanUp)
      expect(direct[0], 'tells nothing directly').not.toBe(direct[1])
      const through = await both('through the gateway', script, form)
      await restore(script, cleanUp)
      expect(through[0]).toBe(through[1])
    }
  })
})

describe.skipIf(isMariadbMissing())('variables hide what they hold of masked columns', () => {
  it.each(LAUNDERED.map((leak) => [leak.name, leak] as const))('%s', async (_name, { script }) => {
    const direct = await both('directly', script)
    await restore(script)
    expect(direct[0], 'tells nothing directly').not.toBe(direct[1])
    const through = await both('through one that lets copy', script)
    await restore(script)
    expect(through[0]).toBe(through[1])
  })

  it.each(CLEAN_SCRIPTS.map((script) => [script.join('; '), script] as const))(
    '%s is as it is directly',
    async (_name, script) => {
      const direct = await transcript('directly', 'a', script)
      await restore(script)
      expect(await transcript('through one that lets copy', 'a', script)).toBe(direct)
      await restore(script)
    },
  )
})

describe.skipIf(isMariadbMissing())('what is not masked stays byte for byte', () => {
  it.each(UNTOUCHED)('%s', async (sql) => {
    for (const form of ['text', 'binary'] as const) {
      const direct = await transcript('directly', 'a', [sql], form)
      await restore([sql])
      expect(await transcript('through the gateway', 'a', [sql], form)).toBe(direct)
      await restore([sql])
    }
  })
})
