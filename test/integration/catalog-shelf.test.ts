import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startPostgres, type LocalPostgres } from '../../src/demo/local-postgres.ts'
import { CatalogShelf, treesFor } from '../../src/protocols/postgres/catalog/catalog-shelf.ts'

let postgres: LocalPostgres
beforeAll(async () => {
  postgres = await startPostgres({ directory: mkdtempSync(join(tmpdir(), 'pamctl-test-pg-')) })
}, 60_000)
afterAll(() => postgres?.stop())

async function connect(options = ''): Promise<pg.Client> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: postgres.port,
    ...postgres.superuser,
    database: 'postgres',
    options,
  })
  await client.connect()
  return client
}

/** Reads as a new session does; how many texts were asked for. */
async function read(shelf: CatalogShelf, options?: string) {
  const client = await connect(options)
  let asked = 0
  try {
    const shelved = await shelf.read('target', async (texts) => {
      asked += texts.length
      const answer: unknown = await client.query({
        text: texts.join(';'),
        rowMode: 'array',
        types: { getTypeParser: () => String },
      })
      return ((Array.isArray(answer) ? answer : [answer]) as { rows: (string | null)[][] }[]).map(({ rows }) => rows)
    })
    return { ...shelved, asked, names: shelved.rows.relations.map(([, schema, name]) => `${schema}.${name}`) }
  } finally {
    await client.end()
  }
}

describe('catalogs that sessions share', () => {
  it('are read once while no transaction can have changed them, and are the same object', async () => {
    const shelf = new CatalogShelf()
    const first = await read(shelf)
    const second = await read(shelf)
    expect([first.asked > 5, second.asked]).toEqual([true, 1])
    expect(second.rows).toBe(first.rows)
    let read_ = 0
    const masking = { columns: [], kinds: [] }
    const trees = () => {
      read_++
      return Promise.resolve(new Map())
    }
    expect(await treesFor(second, masking, trees)).toBe(await treesFor(await read(shelf), masking, trees))
    expect(read_).toBe(1)
  })

  it('know what anybody made meanwhile, whoever it was and however it was committed', async () => {
    const shelf = new CatalogShelf()
    await read(shelf)
    const other = await connect()
    await other.query('create table made (a int)')
    expect((await read(shelf)).names).toContain('public.made')
    // One that was running while the catalogs were read, and is committed after it.
    await other.query('begin')
    await other.query('create table open (a int)')
    expect((await read(shelf)).names).not.toContain('public.open')
    await other.query('commit')
    expect((await read(shelf)).names).toContain('public.open')
    await other.query('create view shown as select a from made')
    const before = (await read(shelf)).rows.definitions
    await other.query('create or replace view shown as select a + 1 as a from made')
    expect((await read(shelf)).rows.definitions).not.toEqual(before)
    await other.query('drop view shown')
    expect((await read(shelf)).names).not.toContain('public.shown')
    await other.query("begin; create table twice (a int); prepare transaction 'x'").catch(() => {})
    await other.query('rollback').catch(() => {})
    await other.end()
  })

  it('are looked at again after a transaction that changed nothing of them, and stay what they are', async () => {
    const shelf = new CatalogShelf()
    const other = await connect()
    await other.query('create table if not exists rows_only (a int)')
    const first = await read(shelf)
    await other.query('insert into rows_only values (1)')
    const second = await read(shelf)
    expect(second.asked).toBeGreaterThan(1)
    expect(second.rows).toBe(first.rows)
    expect((await read(shelf)).asked).toBe(1)
    await other.end()
  })

  it('are others under another search path', async () => {
    const shelf = new CatalogShelf()
    const other = await connect()
    await other.query('create schema if not exists aside')
    await other.end()
    const first = await read(shelf)
    const aside = await read(shelf, '-c search_path=aside')
    expect(aside.rows).not.toBe(first.rows)
    expect(aside.rows.searchPath).toEqual([['pg_catalog'], ['aside']])
    expect((await read(shelf)).rows).toBe(first.rows)
  })
})
