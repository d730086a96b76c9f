import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { createSession } from '../../src/gateway/session.ts'
import { postgresEngine } from '../../src/protocols/postgres/gateway/engine.ts'
import { createSqlParser, type SqlParser } from '../../src/protocols/postgres/dialect/sql-parser.ts'
import type { RecordedEvent } from '../../src/recording/event.ts'
import type { Spool } from '../../src/recording/spool.ts'
import { verifyRecording } from '../../src/recording/verify.ts'
import { asPamError } from '../../src/shared/errors.ts'
import { socketChannel } from '../../src/shared/socket-channel.ts'
import { eventsOf, keys, openSpool, opened, recorderOptions } from '../helpers/recordings.ts'
import type { Port } from '../helpers/gateway-client.ts'
import { PGBENCH, pgEnvironment, run } from '../helpers/run.ts'
import { partsFor } from '../helpers/local-target.ts'
import { grantOf, loginOf, SessionBench } from '../helpers/session-parts.ts'

const RULES = `
access: [{ name: devs, who: { groups: [dev] }, targets: { labels: { env: prod } }, grant: standing }]
commands:
  - { name: writes need a WHERE, match: { kinds: [delete, update], missingWhere: true }, deny: not without WHERE }
  - { name: everyday work, match: { kinds: [select, begin, commit, rollback, set, show] }, allow: true }
masking:
  - { name: addresses, targets: { labels: { env: prod } }, columns: [people.email], style: partial }`

/** A session as it was: how many statements the lane took, and its record once it is sealed. */
interface Served {
  taken(): number
  readonly over: Promise<string>
}

let directory: string
let postgres: LocalPostgres
let spool: Spool
let parser: SqlParser
let server: Server
const served: Served[] = []

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-lane-'))
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-lane-pg-')) })
  const admin = new pg.Client({ host: '127.0.0.1', port: postgres.port, ...postgres.superuser, database: 'postgres' })
  await admin.connect()
  await admin.query(`create role app login password 'secret'; create table people (id int primary key, email text);
    insert into people select n, 'jane' || n || '@example.com' from generate_series(1, 100) n;
    grant select, insert, update, delete on people to app`)
  await admin.end()
  spool = openSpool(join(directory, 'spool'))
  parser = await createSqlParser()
  server = createServer((socket) => void serve(socketChannel(socket)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
})

afterAll(async () => {
  server?.close()
  await spool?.stop()
  await parser?.close()
  await postgres?.stop()
  if (directory !== undefined) rmSync(directory, { recursive: true, force: true })
})

/** One connection, as the gateway serves it behind its tunnel. */
async function serve(client: ReturnType<typeof socketChannel>): Promise<void> {
  let lane = { taken: 0 } as { readonly taken: number }
  const engine = postgresEngine(parser, directory, (made) => (lane = made))
  const greeting = await engine.greet(
    client,
    { personId: 'jane', target: partsFor(postgres.port, 'postgres').config },
    { handshake: 60_000 },
  )
  if (greeting === 'handled') return
  const bench = new SessionBench(RULES)
  const id = `ses_${served.length}`
  const ended = new AbortController()
  const recorder = await spool.open(opened(id), { ...recorderOptions(id), onFailure: (error) => ended.abort(error) })
  const session = createSession({
    ...bench.parts(),
    id,
    login: loginOf(bench.clock),
    grant: () => grantOf(bench.clock),
    recorder,
    ended,
    ...partsFor(postgres.port, 'postgres'),
  })
  let finish!: (file: string) => void
  served.push({ taken: () => lane.taken, over: new Promise((resolve) => (finish = resolve)) })
  try {
    await engine.serve(client, greeting.hello, session, () => {})
  } catch (error) {
    ended.abort(asPamError(error))
    client.destroy()
  }
  const { code, message } = asPamError(ended.signal.reason)
  await spool.close(recorder, { code, message })
  finish(join(directory, 'spool', recorder.file))
}

const port = (): number => (server.address() as AddressInfo).port

/** Each command with its result, in order. */
const outcomes = (events: readonly RecordedEvent[]): unknown[] =>
  events.flatMap((event) =>
    event.type === 'command'
      ? [[event.text, event.parameters, events.find((other) => other.type === 'result' && other.command === event.id)]]
      : [],
  )

describe('a real client of a real server', () => {
  it('has its prepared statements taken by the lane, with the same rows and a record that verifies', async () => {
    const index = served.length
    const client = new pg.Client({ host: '127.0.0.1', port: port(), user: 'app', database: 'postgres' })
    client.on('error', () => {})
    await client.connect()
    const rows: unknown[] = []
    for (let n = 1; n <= 50; n++) {
      const { rows: found } = await client.query({
        name: 'one',
        text: 'select id from people where id = $1',
        values: [n],
      })
      rows.push(...found)
    }
    expect(rows).toEqual(Array.from({ length: 50 }, (_, n) => ({ id: n + 1 })))
    const named = served[index] as Served
    expect(named.taken()).toBeGreaterThan(40)
    // Without a name the text comes each time.
    const before = named.taken()
    for (let n = 1; n <= 50; n++) await client.query('select id from people where id < $1 order by id', [n])
    expect(named.taken()).toBeGreaterThan(before + 40)
    // In a transaction, after errors, and of masked columns nothing is another than without it.
    await client.query('begin')
    await client.query({ name: 'one', text: 'select id from people where id = $1', values: [7] })
    await expect(
      client.query({ name: 'one', text: 'select id from people where id = $1', values: ['x'] }),
    ).rejects.toThrow('invalid input syntax')
    await client.query('rollback')
    const { rows: masked } = await client.query({
      name: 'mail',
      text: 'select email from people where id = $1',
      values: [7],
    })
    const { rows: again } = await client.query({
      name: 'mail',
      text: 'select email from people where id = $1',
      values: [7],
    })
    expect([masked, again]).toEqual([[{ email: 'j***@***.com' }], [{ email: 'j***@***.com' }]])
    await client.end()
    const file = await named.over
    expect(await verifyRecording(file, keys)).toMatchObject({ status: 'sealed' })
    const commands = outcomes(await eventsOf(file))
    expect(commands).toHaveLength(106)
    expect(commands.slice(0, 50)).toEqual(
      Array.from({ length: 50 }, (_, n) => [
        'select id from people where id = $1',
        [String(n + 1)],
        expect.objectContaining({ tag: 'SELECT 1', rows: 1 }),
      ]),
    )
  })

  it.skipIf(!PGBENCH).each([
    ['prepared', 'select id from people where id = :n;', 200],
    ['simple', 'select id from people where id = :n;', 200],
    ['simple', 'begin;\nselect email from people where id = :n;\ncommit;', 600],
  ])('pgbench, %s: every statement is on record, and most were taken by the lane: %s', async (mode, text, count) => {
    const index = served.length
    const script = join(directory, 'select.sql')
    writeFileSync(script, `\\set n random(1, 100)\n${text}\n`)
    const { code, stderr } = await run(
      'pgbench',
      ['-n', '-M', mode, '-c', '2', '-t', '100', '-f', script, 'postgres'],
      { env: pgEnvironment({ port: port() } as Port, 'postgres') },
    )
    expect([code, stderr]).toEqual([0, expect.not.stringContaining('error')])
    const sessions = served.slice(index)
    let taken = 0
    let recorded = 0
    for (const session of sessions) {
      const file = await session.over
      taken += session.taken()
      expect(await verifyRecording(file, keys)).toMatchObject({ status: 'sealed' })
      recorded += outcomes(await eventsOf(file)).filter((outcome) => (outcome as unknown[])[2] !== undefined).length
    }
    expect(recorded).toBe(count)
    expect(taken).toBeGreaterThan(0.9 * count)
  })
})
