import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { steadyClock, type SteadyClock } from '../shared/clock.ts'
import { PamError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { replaceFile } from '../shared/replace-file.ts'
import { CLOCK_TOLERANCE_MS, lastEntryTime } from '../storage/clock-state.ts'
import type { Reader } from '../storage/page.ts'

/** Where the latest time of the gateway is kept across stops. */
export interface LatestTime {
  /**
   * Written over what is there, so that it needs no room on the disk, and not flushed, so that it waits for none: a loss of power takes the last half
   * minute at most, and nothing that is later in the audit chain. Throws STORE_UNAVAILABLE, or UsageError where the file cannot be made.
   */
  keep(time: number): void
}

export interface GatewayTime {
  readonly clock: SteadyClock
  readonly latestTime: LatestTime
  /** The time of the last entry of the audit chain, where `clock` is taken back behind it: what is open must end (`takeClockBack`). */
  readonly takenBackFrom: number | undefined
}

/**
 * The clock by which this gateway decides: not before the latest time that was kept, nor before the last entry of the audit chain. Where the file was
 * removed although the chain is ahead of the system's clock, somebody says that this one is right, and it is taken back. Throws CONFIG_INVALID where the
 * file says no time: one that is empty or damaged was not removed.
 */
export async function gatewayTime(dataDirectory: string, db: Reader): Promise<GatewayTime> {
  const path = join(dataDirectory, LATEST_TIME)
  const kept = existsSync(path) ? timeIn(path) : undefined
  const entry = (await lastEntryTime(db)) ?? 0
  const isTakenBack = kept === undefined && entry > Date.now() + CLOCK_TOLERANCE_MS
  return {
    clock: steadyClock(isTakenBack ? 0 : Math.max(kept ?? 0, entry)),
    latestTime: { keep: (time) => keep(path, time) },
    takenBackFrom: isTakenBack ? entry : undefined,
  }
}

function timeIn(path: string): number {
  const text = readFileSync(path, 'latin1')
  const time = Date.parse(text.trim())
  if (!Number.isNaN(time) && textOf(time) === text) return time
  throw new PamError('CONFIG_INVALID', `${path} does not contain a time`, {
    side: 'gateway',
    hint: 'if the clock of this machine is right, remove the file and start the gateway again',
  })
}

function keep(path: string, time: number): void {
  // All of it or nothing: one that is empty would keep the next start from going on.
  if (!existsSync(path)) return replaceFile(path, textOf(time))
  try {
    const file = openSync(path, 'r+')
    try {
      writeSync(file, textOf(time), 0)
    } finally {
      closeSync(file)
    }
  } catch (cause) {
    throw new PamError('STORE_UNAVAILABLE', fileProblem(path, cause, 'written'), {
      side: 'gateway',
      cause,
      hint: "the file must belong to the gateway's user, on a disk that is not mounted read-only",
    })
  }
}

/** All times have one length: a new one covers the old one. */
const textOf = (time: number): string => `${new Date(time).toISOString()}\n`

/** In the data directory; whoever removes it says that the clock is right now (docs/operations.md). */
export const LATEST_TIME = 'latest-time'
