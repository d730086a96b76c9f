/** Time as an argument: tests move it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once the time has come; the returned function cancels. */
  at(time: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  at: (time, callback) => callAt(() => Date.now(), time, callback),
}

/** A clock that never goes back, whatever is done to the system's. */
export interface SteadyClock extends Clock {
  /** Milliseconds that the system's clock is behind this one; 0 where they agree. */
  behind(): number
}

/**
 * The system's clock, but never before `floor` (milliseconds since the epoch), nor before what it has shown: while the system's clock is behind,
 * time passes here as it does for a clock that nobody sets (`performance.now`), slower by `SLEW`. So nothing that has ended begins again. A clock that runs
 * fast and is set back by a second every day would otherwise leave this one behind for good; whoever sets it back all the time gains `SLEW`.
 */
export function steadyClock(floor: number): SteadyClock {
  let latest = floor
  let shownAt = performance.now()
  const now = (): number => {
    const elapsed = performance.now()
    latest = Math.max(Date.now(), latest + (elapsed - shownAt) * (1 - SLEW))
    shownAt = elapsed
    return Math.floor(latest)
  }
  return { now, at: (time, callback) => callAt(now, time, callback), behind: () => Math.max(0, now() - Date.now()) }
}

function callAt(now: () => number, time: number, callback: () => void): () => void {
  let timer: NodeJS.Timeout
  // A wall clock that is set back keeps nothing open: so long as was left when this began, and no longer.
  const latest = performance.now() + (time - now())
  const leftUntil = (): number => Math.min(time - now(), latest - performance.now())
  // A Node timer holds at most 2^31-1 ms: longer waits are taken in steps. A step also wakes up early enough
  // to follow a wall clock that was set forward.
  const arm = (): void => {
    const left = leftUntil()
    if (left <= 0) return callback()
    timer = setTimeout(arm, Math.min(left, MAX_STEP_MS))
    timer.unref()
  }
  timer = setTimeout(arm, Math.max(0, Math.min(leftUntil(), MAX_STEP_MS)))
  timer.unref()
  return () => clearTimeout(timer)
}

const MAX_STEP_MS = 5_000
/** Twice the error of a clock that NTP can correct (RFC 5905, MAXFREQ: 500 ppm): 3.6 seconds in an hour. */
const SLEW = 0.001
