import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintGrant } from '../../src/access/grant.ts'
import { isClockBehind } from '../../src/api/auto-approve.ts'
import { gatewayClock, LATEST_TIME, openLatestTime } from '../../src/server/latest-time.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import { noteClock } from '../../src/storage/clock-state.ts'
import type { Database } from '../../src/storage/database.ts'
import { gatewayState } from '../../src/storage/gateway-state.ts'
import { findGrants, saveGrant } from '../../src/storage/grants.ts'
import { testStore } from '../helpers/test-store.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
let directory: string
let db: Database

beforeEach(async () => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date', 'performance'] })
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-time-'))
  db = await testStore(join(directory, 'state.db'))
})
afterEach(async () => {
  await db.close()
  rmSync(directory, { recursive: true })
  vi.useRealTimers()
})

/** A start at this time of the system, and what the gateway's time is then. */
async function start(system: number): Promise<number> {
  vi.setSystemTime(system)
  const latest = openLatestTime(directory)
  try {
    return (await gatewayClock(latest, db)).now()
  } finally {
    latest.close()
  }
}

const grantUntil = async (at: number): Promise<string> => {
  const grant = mintGrant({
    person: { id: 'jane', label: 'jane', kind: 'person' },
    target: 'prod',
    rule: 'r',
    reason: '',
    requestId: undefined,
    now: at - HOUR,
    length: HOUR,
  })
  await db.change((tx) => saveGrant(tx, grant))
  return grant.id
}
const types = async () => (await listAudit(db.read, {}, { after: 0, limit: 20 })).map(({ type }) => type)

describe('the time of the gateway', () => {
  it('does not go back across a start: what had ended has ended', async () => {
    const id = await grantUntil(NOW - 60_000)
    await start(NOW)
    const now = await start(NOW - 2 * HOUR)
    expect(now).toBeGreaterThanOrEqual(NOW)
    expect(await gatewayState(db).isGrantActive(id, now)).toBe(false)
    expect(await gatewayState(db).isGrantActive(id, NOW - 2 * HOUR + 1000 + HOUR - 1000)).toBe(true)
  })

  it('is that of the last entry of the audit chain where this is later', async () => {
    await start(NOW)
    await db.change((tx) => appendAudit(tx, NOW + HOUR, { type: 'audit.viewed', actor: 'a', subject: 's', data: {} }))
    expect(await start(NOW + 60_000)).toBeGreaterThanOrEqual(NOW + HOUR)
  })

  it('is taken back where somebody removes the file: nothing that is open outlives that', async () => {
    await start(NOW + YEAR)
    await db.change((tx) => appendAudit(tx, NOW + YEAR, { type: 'audit.viewed', actor: 'a', subject: 's', data: {} }))
    const id = await grantUntil(NOW + YEAR + HOUR)
    const revived = await grantUntil(NOW + HOUR)
    expect(await start(NOW)).toBeGreaterThanOrEqual(NOW + YEAR)
    rmSync(join(directory, LATEST_TIME))
    expect(await start(NOW)).toBeLessThan(NOW + 1000)
    for (const one of [id, revived]) {
      expect(await gatewayState(db).isGrantActive(one, NOW + 1)).toBe(false)
      expect((await findGrants(db.read, one))[0]?.endsAt).toBe(NOW)
    }
    expect(await types()).toEqual(['audit.viewed', 'clock.corrected'])
    // Later starts go on from there.
    expect(await start(NOW + 1000)).toBeLessThan(NOW + 3000)
    expect(await types()).toEqual(['audit.viewed', 'clock.corrected'])
  })

  it('a clock that is behind approves nothing by the hours, whatever is added to the chain, until it agrees again', async () => {
    await noteClock(db, 30_000, NOW)
    expect([await types(), await isClockBehind(db.read, NOW)]).toEqual([[], false])
    await noteClock(db, 2 * HOUR, NOW)
    await noteClock(db, 2 * HOUR, NOW)
    await db.change((tx) => appendAudit(tx, NOW, { type: 'audit.viewed', actor: 'a', subject: 's', data: {} }))
    expect(await isClockBehind(db.read, NOW + 1)).toBe(true)
    await noteClock(db, 0, NOW)
    expect(await isClockBehind(db.read, NOW + 1)).toBe(false)
    expect(await types()).toEqual(['clock.behind', 'audit.viewed', 'clock.agrees'])
  })

  it('a file that says no time is named; an empty one says nothing yet', async () => {
    writeFileSync(join(directory, LATEST_TIME), 'yesterday')
    expect(() => openLatestTime(directory)).toThrow(/latest-time does not say a time/)
    writeFileSync(join(directory, LATEST_TIME), '')
    await start(NOW)
    expect(readFileSync(join(directory, LATEST_TIME), 'utf8')).toBe('2026-06-01T12:00:00.000Z\n')
  })
})
