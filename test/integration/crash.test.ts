import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { crash } from '../helpers/crash-harness.ts'
import { ownGateways, type OwnGateways } from '../helpers/own-gateway.ts'
import { PGBENCH, PSQL } from '../helpers/run.ts'
import { TEST_TIMEOUT } from '../helpers/timeouts.ts'

/** PAMCTL_CRASH_KILLS=200 npx vitest run test/integration/crash.test.ts runs it longer. */
const KILLS = Number(process.env['PAMCTL_CRASH_KILLS'] ?? 6)
const SEED = Number(process.env['PAMCTL_CRASH_SEED'] ?? Date.now() % 1_000_000)

let own: OwnGateways
beforeAll(async () => {
  own = await ownGateways({ log_statement: 'all' })
})
afterAll(() => own?.stop())

describe.skipIf(!PSQL || !PGBENCH)('a gateway that is killed at random moments', () => {
  it.each(['buffered', 'strict'] as const)(
    '%s: what the server ran is on record, and every record is genuine',
    async (durability) => {
      const report = await crash(own, { kills: Math.ceil(KILLS / 2), random: randomFrom(SEED), durability })
      process.stdout.write(
        `crash ${durability}, seed ${SEED}: ${report.kills} kills, ${report.sessions} sessions, ${report.executed} statements run, ${report.recorded} on record, ${report.mayHaveRun} without an outcome\n`,
      )
      expect(report).toMatchObject({ unrecorded: [], lost: [], invented: [], unverified: [], audit: 'valid' })
      expect(report.executed).toBeGreaterThan(report.kills)
    },
    TEST_TIMEOUT + KILLS * 10_000,
  )
})

/** mulberry32: the same moments for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}
