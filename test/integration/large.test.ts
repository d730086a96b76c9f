import { readFileSync } from 'node:fs'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startDemoStack, type DemoStack } from '../../src/demo/stack.ts'
import { grantFor, openPort, signIn, type Port } from '../helpers/gateway-client.ts'

let stack: DemoStack
let dev: Port
let prod: Port

beforeAll(async () => {
  stack = await startDemoStack()
  const jane = await signIn(stack.gateway, 'jane')
  const bob = await signIn(stack.gateway, 'bob')
  await grantFor(jane, bob, 'prod-db')
  dev = await openPort(jane, 'dev-db')
  prod = await openPort(jane, 'prod-db')
})

afterAll(async () => {
  dev?.close()
  prod?.close()
  await stack?.stop()
})

const client = async (port: Port, database: string): Promise<pg.Client> => {
  const made = new pg.Client({ host: '127.0.0.1', port: port.port, user: 'app', database, ssl: false })
  made.on('error', () => {})
  await made.connect()
  return made
}

/** Bytes of memory that the gateway's process has used at most (Linux). */
const peak = (): number => {
  const status = readFileSync(`/proc/${stack.pid}/status`, 'utf8')
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024
}

describe('messages that are too long to be held', () => {
  it('a row above the limit streams through, and takes no memory', async () => {
    const db = await client(dev, 'app_dev')
    const before = peak()
    const { rows } = await db.query<{ n: string }>("select repeat('x', 200000000) as n")
    expect(rows[0]?.n.length).toBe(200_000_000)
    expect((await db.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
    expect(peak() - before).toBeLessThan(100_000_000)
    await db.end()
  })

  it('a Bind above the limit streams through where nothing has to be decided about its values', async () => {
    const db = await client(dev, 'app_dev')
    await db.query('create table big (v text)')
    const value = 'y'.repeat(30_000_000)
    await db.query('insert into big values ($1)', [value])
    expect((await db.query('select length(v) as n from big')).rows).toEqual([{ n: 30_000_000 }])
    await expect(db.query('insert into nowhere values ($1)', [value])).rejects.toMatchObject({ code: '42P01' })
    expect((await db.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
    await db.query('drop table big')
    await db.end()
  })

  it('where values are masked or a person decides, it is refused, and the session goes on', async () => {
    const db = await client(prod, 'app')
    const value = 'y'.repeat(9_000_000)
    await expect(db.query('insert into audit_tmp (event) values ($1)', [value])).rejects.toMatchObject({
      code: '54000',
      message: expect.stringContaining('must be evaluated as a whole'),
    })
    expect((await db.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
    await db.end()
  })

  it('a statement above the limit is refused natively, simple and extended', async () => {
    const db = await client(dev, 'app_dev')
    const sql = `select '${'z'.repeat(9_000_000)}'`
    await expect(db.query(sql)).rejects.toMatchObject({ code: '54000' })
    await expect(db.query({ text: sql, values: [] as unknown[], name: 'long' })).rejects.toMatchObject({
      code: '54000',
    })
    await db.query('begin')
    await expect(db.query(sql)).rejects.toMatchObject({ code: '54000' })
    expect((await db.query('select 1 as ok')).rows).toEqual([{ ok: 1 }])
    await db.query('commit')
    await db.end()
  })
})
