import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createLock, type LockSubject } from '../../src/access/lock.ts'
import type { Database } from '../../src/storage/database.ts'
import { refuseLocked, saveLock } from '../../src/storage/locks.ts'
import { testStore } from '../helpers/test-store.ts'

const NOW = 1_780_000_000_000
const HOUR = 3_600_000
const by = { id: 'sam', label: 'sam' }
const orders = { name: 'orders', labels: { env: 'prod' } }
const wiki = { name: 'wiki', labels: { env: 'test' } }

let directory: string
let db: Database
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-'))
  db = await testStore(join(directory, 'state.db'))
})
afterAll(async () => {
  await db.close()
  rmSync(directory, { recursive: true })
})
beforeEach(() => db.change(async (tx) => void (await tx.deleteFrom('locks').execute())))

const lock = (subject: LockSubject): Promise<void> =>
  db.change((tx) =>
    saveLock(tx, createLock({ subject, reason: 'restore', by, length: HOUR, includingSelf: false }, NOW), NOW),
  )
/** Who is kept out, and from what. */
async function keptOut(now = NOW): Promise<string[]> {
  const found: string[] = []
  for (const person of ['jane', 'ann'])
    for (const target of [orders, wiki, undefined])
      await refuseLocked(db.read, now, person, target).catch(({ code }: { code: string }) => {
        found.push(`${person} ${target?.name ?? 'everything'} ${code}`)
      })
  return found
}

describe('a lock keeps out', () => {
  it.each<[string, LockSubject, string[]]>([
    [
      'one person, from everything',
      { type: 'person', id: 'jane', label: 'jane' },
      ['jane orders', 'jane wiki', 'jane everything'],
    ],
    ['everybody from one target', { type: 'target', name: 'orders' }, ['jane orders', 'ann orders']],
    [
      'everybody from the targets with a label',
      { type: 'label', name: 'env', value: 'prod' },
      ['jane orders', 'ann orders'],
    ],
    ['everybody from every target', { type: 'all' }, ['jane orders', 'jane wiki', 'ann orders', 'ann wiki']],
  ])('%s', async (_what, subject, expected) => {
    expect(await keptOut()).toEqual([])
    await lock(subject)
    expect(await keptOut()).toEqual(expected.map((one) => `${one} LOCKED`))
    expect(await keptOut(NOW + HOUR)).toEqual([])
  })
})
