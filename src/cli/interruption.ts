import { constants } from 'node:os'

/** What ends a command from outside: Ctrl-C, a supervisor, a terminal that is closed. */
export interface Interruption {
  readonly signal: AbortSignal
  /** The exit code that says so: 128 and the number of the signal. */
  readonly exitCode: number
}

/** While `work` runs, the first of these signals aborts it, so that it can tidy up; the second ends the program. */
export async function interruptible<T>(work: (interruption: Interruption) => Promise<T>): Promise<T> {
  const aborted = new AbortController()
  let exitCode = 0
  const onSignal = (name: NodeJS.Signals): void => {
    if (aborted.signal.aborted) process.exit(exitCode)
    exitCode = 128 + constants.signals[name]
    aborted.abort()
  }
  for (const name of SIGNALS) process.on(name, onSignal)
  try {
    return await work({
      signal: aborted.signal,
      get exitCode() {
        return exitCode
      },
    })
  } finally {
    for (const name of SIGNALS) process.removeListener(name, onSignal)
  }
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
