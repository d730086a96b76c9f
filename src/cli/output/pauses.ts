import { pause } from '../../shared/pause.ts'

/** Waits between events as long as there was between them; not at all where no speed is given. */
export function pauses({
  speed,
  maxIdle = MAX_PAUSE_MS,
}: {
  readonly speed?: number | undefined
  /** Milliseconds. */
  readonly maxIdle?: number | undefined
}): (ms: number) => Promise<void> {
  let played = 0
  return async (ms) => {
    const wait = speed === undefined ? 0 : Math.min((ms - played) / speed, maxIdle)
    played = ms
    if (wait > 0) await pause(wait)
  }
}

const MAX_PAUSE_MS = 5000
