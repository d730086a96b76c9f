import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Libsql from 'libsql'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { mintGrant } from '../../src/access/grant.ts'
import { createLock } from '../../src/access/lock.ts'
import { isClockBehind } from '../../src/api/auto-approve.ts'
import { RecordingFile } from '../../src/recording/recording-file.ts'
import { trustedKeys } from '../../src/recording/verify.ts'
import { keyBundle, loadKeys, makeNextKey, useNextKey } from '../../src/server/keys.ts'
import { LATEST_TIME } from '../../src/server/latest-time.ts'
import { openStore, type OpenedStore } from '../../src/server/open-store.ts'
import { appendAudit, listAudit } from '../../src/storage/audit.ts'
import { noteClock } from '../../src/storage/clock-state.ts'
import { gatewayState } from '../../src/storage/gateway-state.ts'
import { findGrants, saveGrant } from '../../src/storage/grants.ts'
import { activeLocks, saveLock } from '../../src/storage/locks.ts'
import { findLogin, lastEndedAt, saveLogin, signedOutEverywhereAt } from '../../src/storage/logins.ts'
import { HandClock } from '../helpers/hand-clock.ts'
import { verifyAudit } from '../helpers/audit.ts'
import { loginOf } from '../helpers/session-parts.ts'
import { writeNewStore } from '../helpers/test-store.ts'

const NOW = Date.parse('2026-06-01T12:00:00Z')
const HOUR = 3_600_000
const YEAR = 365 * 24 * HOUR
const JANE = { id: 'jane', label: 'jane', kind: 'person' } as const
let directory: string

beforeEach(async () => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date', 'performance'] })
  directory = mkdtempSync(join(tmpdir(), 'pamctl-test-time-'))
  await writeNewStore(join(directory, 'state.db'))
})
afterEach(() => {
  rmSync(directory, { recursive: true })
  vi.useRealTimers()
})

const file = (): string => join(directory, LATEST_TIME)

/** A start at this time of the system; what is done in it, and the gateway's time. */
async function start(system: number, work: (opened: OpenedStore) => Promise<unknown> = async () => {}) {
  vi.setSystemTime(system)
  const opened = await openStore(directory)
  try {
    await work(opened)
    return opened.clock.now()
  } finally {
    await opened.db.close()
  }
}

const view = ({ db, clock }: OpenedStore): Promise<void> =>
  db.change((tx) => appendAudit(tx, clock.now(), { type: 'audit.viewed', actor: 'a', subject: 's', data: {} }))

async function grantUntil({ db }: OpenedStore, at: number): Promise<string> {
  const given = { person: JANE, target: 'prod', rule: 'r', reason: '', requestId: undefined }
  const grant = mintGrant({ ...given, now: at - HOUR, length: HOUR })
  await db.change((tx) => saveGrant(tx, grant))
  return grant.id
}

const types = async ({ db }: OpenedStore): Promise<string[]> =>
  (await listAudit(db.read, {}, { after: 0, limit: 20 })).map(({ type }) => type)

/** What an auditor finds who has the keys as they are now. */
const verified = async ({ db, clock }: OpenedStore): Promise<string> =>
  (await verifyAudit(db, trustedKeys(loadKeys(join(directory, 'keys'), clock).recordingKeys))).status

async function rotate({ db, keys, clock }: OpenedStore): Promise<void> {
  const next = makeNextKey(join(directory, 'keys'))
  const data = { retired: keys.signer.keyId, publicKey: next.publicKeyPem }
  const entry = { type: 'key.rotated' as const, actor: 'gateway', subject: next.keyId, data }
  await db.change((tx) => appendAudit(tx, clock.now(), entry))
  useNextKey(join(directory, 'keys'), next.keyId)
  loadKeys(join(directory, 'keys'), clock)
}

describe('the time of the gateway', () => {
  it('does not go back across a start: what had ended has ended', async () => {
    let id = ''
    await start(NOW, async (opened) => void (id = await grantUntil(opened, NOW - 60_000)))
    await start(NOW - 2 * HOUR, async ({ db, clock }) => {
      expect(clock.now()).toBeGreaterThanOrEqual(NOW)
      expect(await gatewayState(db).isGrantActive(id, clock.now())).toBe(false)
      expect(await gatewayState(db).isGrantActive(id, NOW - HOUR)).toBe(true)
    })
  })

  it('is that of the last entry of the audit chain where this is later', async () => {
    await start(NOW + HOUR, view)
    writeFileSync(file(), `${new Date(NOW).toISOString()}\n`)
    expect(await start(NOW + 60_000)).toBeGreaterThanOrEqual(NOW + HOUR)
  })

  it('dates a new key by it, so that what was signed before is still within the period of the old one', async () => {
    await start(NOW, view)
    await start(NOW - 2 * HOUR, async (opened) => {
      await rotate(opened)
      expect(await verified(opened)).toBe('valid')
    })
    await start(NOW - 2 * HOUR, async (opened) => {
      await view(opened)
      expect(await verified(opened)).toBe('valid')
    })
  })

  it('dates what is sealed by it', async () => {
    await start(NOW)
    await start(NOW - 2 * HOUR, async ({ keys }) => {
      const recording = new RecordingFile(join(directory, 'x.pamrec'), 'ses_1', keys.signer)
      expect(recording.now).toBeGreaterThanOrEqual(NOW)
    })
  })

  it('of an entry that is no time, or none that can be written, is for verification to find', async () => {
    await start(NOW, view)
    for (const at of ["'soon'", '9e15', '9e99', "x'00'"]) {
      const store = new Libsql(join(directory, 'state.db'))
      store.exec(`delete from audit where seq > 1; update audit set at = ${at}`)
      store.close()
      await start(NOW, async ({ clock, audited }) => {
        expect(clock.now()).toBeLessThan(NOW + HOUR)
        expect(audited.altered).toBeDefined()
      })
    }
  })
})

describe('the time of the gateway, taken back by removing the file', () => {
  const ahead = NOW + YEAR

  it('ends everything that is open, and leaves a chain that verifies, also with keys of the time that was wrong', async () => {
    const clock = new HandClock()
    const logins = [{}, { id: 'log_2', createdAt: ahead }, { id: 'log_3', createdAt: ahead, endedAt: ahead }].map(
      (given) => loginOf(clock, given),
    )
    const grants: string[] = []
    await start(ahead, async (opened) => {
      const { db } = opened
      await view(opened)
      grants.push(await grantUntil(opened, ahead + HOUR), await grantUntil(opened, ahead + 9 * HOUR))
      grants.push(await grantUntil(opened, NOW + HOUR))
      const by = { id: 'alice', label: 'alice' }
      const lock = createLock(
        { subject: { type: 'person', id: 'jane', label: 'jane' }, reason: 'r', by, length: HOUR, includingSelf: false },
        ahead,
      )
      await db.change(async (tx) => {
        for (const login of logins) await saveLogin(tx, login)
        await saveLock(tx, lock, ahead)
      })
      await rotate(opened)
    })
    expect(await start(NOW)).toBeGreaterThanOrEqual(ahead)
    rmSync(file())
    await start(NOW, async (opened) => {
      const { db, clock } = opened
      expect(clock.now()).toBe(NOW)
      for (const one of grants) {
        expect(await gatewayState(db).isGrantActive(one, NOW + 1)).toBe(false)
        expect((await findGrants(db.read, one))[0]?.endsAt).toBe(NOW)
      }
      for (const { id, person, thumbprint } of logins) {
        expect((await findLogin(db.read, id))?.endedAt).toBe(NOW)
        expect(await lastEndedAt(db.read, person.id, thumbprint)).toBe(NOW)
        expect(await signedOutEverywhereAt(db.read, person.id)).toBe(NOW)
      }
      expect(await activeLocks(db.read, NOW)).toHaveLength(1)
      expect(await types(opened)).toEqual(['audit.viewed', 'key.rotated', 'clock.corrected'])
      expect(await verified(opened)).toBe('valid')
    })
    // Later starts go on from there.
    await start(NOW + 1000, async (opened) => {
      await view(opened)
      expect(opened.clock.now()).toBeLessThan(NOW + 3000)
      expect(await types(opened)).toEqual(['audit.viewed', 'key.rotated', 'clock.corrected', 'audit.viewed'])
      expect(opened.audited.altered).toBeUndefined()
      expect(await verified(opened)).toBe('valid')
      const { recordingKeys } = opened.keys
      expect(recordingKeys.at(-1)?.from).toBe(new Date(NOW).toISOString())
      expect(readFileSync(join(directory, 'keys', 'gateway.pub'), 'utf8')).toBe(keyBundle(recordingKeys))
    })
  })

  it('is done once where a stop came before the file was written again', async () => {
    await start(ahead, view)
    for (const system of [NOW, NOW + 1000]) {
      rmSync(file())
      await start(system, async (opened) => {
        expect(await types(opened)).toEqual(['audit.viewed', 'clock.corrected'])
        expect(opened.clock.now()).toBe(system)
      })
    }
  })

  it('where the clock is not behind the chain there is nothing to take back, and nothing ends', async () => {
    let id = ''
    await start(NOW, async (opened) => {
      await view(opened)
      id = await grantUntil(opened, NOW + HOUR)
    })
    rmSync(file())
    await start(NOW + 1000, async (opened) => {
      expect(await gatewayState(opened.db).isGrantActive(id, opened.clock.now())).toBe(true)
      expect(await types(opened)).toEqual(['audit.viewed'])
    })
  })
})

describe('the file with the latest time', () => {
  it.each(['', 'yesterday', '2026-06-01T12:00:00.000Z', '2026-06-01T12:00:00.000Z\n\n', '2026-06-01\n'])(
    'that says %j keeps the gateway from starting, and is left as it is',
    async (text) => {
      writeFileSync(file(), text)
      await expect(start(NOW)).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        message: `${file()} does not contain a time`,
        hint: expect.stringMatching(/remove the file/),
      })
      expect(readFileSync(file(), 'utf8')).toBe(text)
    },
  )

  it('is written by a start, for the user of the gateway alone, and made again where it is removed meanwhile', async () => {
    await start(NOW, async ({ latestTime }) => {
      expect(readFileSync(file(), 'utf8')).toBe('2026-06-01T12:00:00.000Z\n')
      latestTime.keep(NOW + 1)
      expect(readFileSync(file(), 'utf8')).toBe('2026-06-01T12:00:00.001Z\n')
      rmSync(file())
      latestTime.keep(NOW + 2)
      expect(readFileSync(file(), 'utf8')).toBe('2026-06-01T12:00:00.002Z\n')
    })
  })
})

describe('a clock that is behind', () => {
  it('approves nothing by the hours, whatever is added to the chain, until it agrees again', async () => {
    await start(NOW, async (opened) => {
      const { db } = opened
      await noteClock(db, 30_000, NOW)
      expect([await types(opened), await isClockBehind(db.read, NOW)]).toEqual([[], false])
      await noteClock(db, 2 * HOUR, NOW)
      await noteClock(db, 2 * HOUR, NOW)
      await view(opened)
      expect(await isClockBehind(db.read, NOW + 1)).toBe(true)
      await noteClock(db, 0, NOW)
      expect(await isClockBehind(db.read, NOW + 1)).toBe(false)
      expect(await types(opened)).toEqual(['clock.behind', 'audit.viewed', 'clock.agrees'])
    })
  })
})
