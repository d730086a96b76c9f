/** Time as an argument: tests move it by hand. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Calls back once the time has come; the returned function cancels. */
  at(time: number, callback: () => void): () => void
}

export const systemClock: Clock = {
  now: () => Date.now(),
  at(time, callback) {
    let timer: NodeJS.Timeout
    // A wall clock that is set back keeps nothing open: so long as was left when this began, and no longer.
    const latest = performance.now() + (time - Date.now())
    const leftUntil = (): number => Math.min(time - Date.now(), latest - performance.now())
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
  },
}

const MAX_STEP_MS = 30_000
