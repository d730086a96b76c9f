import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { steadyClock, type SteadyClock } from '../shared/clock.ts'
import { PamError } from '../shared/errors.ts'
import { CLOCK_TOLERANCE_MS, lastEntryTime, takeClockBack } from '../storage/clock-state.ts'
import type { Database } from '../storage/database.ts'

/** The latest time that the gateway has seen, kept across stops. */
export interface LatestTime {
  /** Milliseconds since the epoch; undefined where there was no file. */
  readonly kept: number | undefined
  /** Written over what is there, and not flushed to the disk: a loss of power takes the last moments. A full disk takes nothing. */
  keep(time: number): void
  close(): void
}

/** Throws CONFIG_INVALID where the file is there and says no time. */
export function openLatestTime(dataDirectory: string): LatestTime {
  const path = join(dataDirectory, LATEST_TIME)
  const isThere = existsSync(path)
  const file = openSync(path, isThere ? 'r+' : 'w', 0o600)
  return {
    kept: isThere ? timeIn(readFileSync(path, 'latin1'), path) : undefined,
    keep: (time) => void writeSync(file, `${new Date(time).toISOString()}\n`, 0),
    close: () => closeSync(file),
  }
}

/** Empty: it was made, and nothing could be written to it yet. */
function timeIn(text: string, path: string): number | undefined {
  if (text === '') return undefined
  const time = Date.parse(text.trim())
  if (!Number.isNaN(time) && new Date(time).toISOString() === text.trim()) return time
  throw new PamError('CONFIG_INVALID', `${path} does not say a time`, {
    side: 'gateway',
    hint: 'compare the clock of this machine with the last entry of the audit log, then remove the file',
  })
}

/**
 * The clock by which this gateway decides: not before the latest time that was kept, nor before the last entry of the audit chain. Where the file was
 * removed although the chain is ahead of the system's clock, that one is taken back to it (`takeClockBack`).
 */
export async function gatewayClock(latest: LatestTime, db: Database): Promise<SteadyClock> {
  const entry = (await lastEntryTime(db.read)) ?? 0
  const system = Date.now()
  const isTakenBack = latest.kept === undefined && entry > system + CLOCK_TOLERANCE_MS
  if (isTakenBack) await takeClockBack(db, entry, system)
  const clock = steadyClock(isTakenBack ? system : Math.max(latest.kept ?? 0, entry))
  latest.keep(clock.now())
  return clock
}

/** In the data directory; whoever removes it says that the clock is right now (docs/operations.md). */
export const LATEST_TIME = 'latest-time'
