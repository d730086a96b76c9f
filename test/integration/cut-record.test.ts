import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AuditRecord } from '../../src/recording/audit-chain.ts'
import { readSegments } from '../../src/recording/read.ts'
import { eventually, openPort, signIn, type Port } from '../helpers/gateway-client.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { eventsOf, filesIn } from '../helpers/recordings.ts'
import { pamctl } from '../helpers/run.ts'

let own: OwnGateways
beforeAll(async () => {
  own = await ownGateways()
})
afterAll(() => own?.stop())

async function client(port: Port): Promise<pg.Client> {
  const db = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database: 'app_dev', ssl: false })
  db.on('error', () => {})
  await db.connect()
  return db
}

/** Where each segment of a record ends. */
async function endsOf(file: string): Promise<number[]> {
  const ends: number[] = []
  for await (const { end } of readSegments(file)) ends.push(end)
  return ends
}

describe('a gateway that is killed, and whose disk somebody takes before it starts again', () => {
  it('sealed segments that were cut off, files that were deleted, and files that were laid in are all told of', async () => {
    const directory = await own.configured()
    const data = join(directory, 'data')
    const spool = join(data, 'spool')
    const key = join(data, 'keys', 'gateway.pub')
    const first = await own.start(directory)
    const jane = await signIn(first.url, 'jane')
    const dev = await openPort(jane, 'dev-db')
    const sessionOf = async (db: pg.Client): Promise<string> => {
      const known = new Set(sessions)
      const { items } = await jane.api.sessions.list({ active: true })
      const id = items.find((session) => !known.has(session.id))?.id ?? ''
      sessions.push(id)
      await db.query('create table if not exists cut_marks (mark text)')
      return id
    }
    const sessions: string[] = []
    // Three sessions that write and are quiet, and one that fills the journal until it goes over to a new file, twice.
    const quiet = []
    for (const mark of ['cut', 'deleted', 'whole']) {
      const db = await client(dev)
      const id = await sessionOf(db)
      quiet.push({ id, db, mark })
    }
    const busy = await client(dev)
    await sessionOf(busy)
    const journals = (): string[] => filesIn(spool, '.journal')
    const fill = async (): Promise<void> => {
      // What was full before is gone.
      const before = await eventually(() => (journals().length === 1 ? journals()[0] : undefined), 'one journal')
      await eventually(async () => {
        await busy.query(`select '${'x'.repeat(500_000)}' as filler`)
        return journals().includes(before) ? undefined : true
      }, 'the journal went over to a new file')
    }
    for (const { db, mark } of quiet) await db.query(`insert into cut_marks values ('${mark} 1')`)
    await fill()
    for (const { db, mark } of quiet) await db.query(`delete from cut_marks where mark = '${mark} 1'`)
    await fill()
    const recordOf = (id: string): string => filesIn(spool, '.pamrec').find((name) => name.includes(id)) ?? ''
    await first.stop('SIGKILL')
    dev.close()

    const [cut, deleted, whole] = quiet.map(({ id }) => id) as [string, string, string]
    const ends = await endsOf(recordOf(cut))
    expect(ends.length).toBeGreaterThan(1)
    truncateSync(recordOf(cut), ends.at(-2))
    rmSync(recordOf(deleted))
    const laid = join(spool, '2026-01', `ses_${'0'.repeat(13)}.pamrec`)
    mkdirSync(join(spool, '2026-01'), { recursive: true })
    copyFileSync(recordOf(whole), laid)
    const twin = join(spool, '2026-01', `${whole}.pamrec`)
    copyFileSync(recordOf(whole), twin)

    const second = await own.start(directory)
    const alice = await signIn(second.url, 'alice')
    const stored = (id: string): Promise<string> =>
      eventually(
        () => filesIn(join(data, 'recordings'), '.pamrec').find((name) => name.includes(id)),
        `${id} is stored`,
      )
    const verify = async (file: string) => {
      const { code, stdout } = await pamctl(['verify', file, '--key', key], {})
      return [code, stdout]
    }
    expect(await verify(await stored(cut))).toEqual([9, expect.stringContaining('what the gateway left was ALTERED')])
    expect(await verify(await stored(whole))).toEqual([8, expect.stringContaining('recovered: ')])
    const texts = JSON.stringify(await eventsOf(await stored(whole)))
    expect([texts.includes('whole 1'), texts.includes('delete from')]).toEqual([true, true])
    expect([existsSync(laid), existsSync(twin)]).toEqual([true, true])
    const log = readFileSync(join(directory, 'gateway.log'), 'utf8')
    for (const event of ['recording.altered', 'recording.damaged']) expect(log).toContain(event)

    const entries: AuditRecord[] = []
    for await (const entry of alice.api.audit({})) entries.push(entry)
    const exported = join(directory, 'audit.jsonl')
    writeFileSync(exported, entries.map((entry) => `${JSON.stringify(entry)}\n`).join(''))
    const said = (subject: string): string[] =>
      entries
        .filter((entry) => entry.subject === subject && entry.type.startsWith('recording.'))
        .map(({ type }) => type)
    expect(said(cut)).toContain('recording.recovered')
    expect(said(deleted)).toEqual(['recording.damaged'])
    expect(said(`ses_${'0'.repeat(13)}`)).toEqual(['recording.damaged'])
    const audit = await pamctl(
      ['audit', 'verify', '--key', key, '--file', exported, '--recordings', join(data, 'recordings')],
      {},
    )
    expect(audit.code).toBe(1)
    expect(audit.stdout).toMatch(
      /^4 problems with what the chain says; the chain itself: \d+ entries, 0 checkpoints valid$/m,
    )
    expect(audit.stdout).toMatch(new RegExp(`${cut}: ALTERED: .*were sealed and are missing from the file`))
    expect(audit.stdout).toMatch(new RegExp(`${deleted}: DAMAGED: .*were sealed and are missing from the file`))
    expect(audit.stdout).toMatch(
      new RegExp(`ses_0{13}: STRAY: 2026-01/ses_0{13}.pamrec is of a session that the gateway`),
    )
    expect(audit.stdout).toMatch(new RegExp(`${whole}: STRAY: 2026-01/${whole}.pamrec is not where`))
    // The next start says so again in its log, and once is enough for the chain.
    await second.stop('SIGTERM')
    const third = await own.start(directory)
    const again: string[] = []
    for await (const { type } of (await signIn(third.url, 'alice')).api.audit({ type: 'recording.damaged' }))
      again.push(type)
    expect(again).toHaveLength(3)
  })
})
