import { pino, type Logger } from 'pino'

/** One structured logger. Events are past-tense names; never bytes, SQL or secrets. */
export type { Logger }

/** `fd` is the file descriptor that it writes to, at once; by default that of standard error. */
export function createLogger(level: string, fd = 2): Logger {
  return pino(
    { level, base: null, timestamp: pino.stdTimeFunctions.isoTime, serializers: { cause: loggedCause } },
    pino.destination({ fd, sync: true }),
  )
}

/** An error as the log shows it: what it says and where it was made. Other fields are left out: they may hold what a target said. */
function loggedCause(cause: unknown): unknown {
  if (!(cause instanceof Error)) return cause
  const { name, message, stack, cause: deeper } = cause
  const code = (cause as { code?: unknown }).code
  return {
    name,
    message,
    ...(typeof code === 'string' ? { code } : {}),
    stack,
    ...(deeper === undefined ? {} : { cause: loggedCause(deeper) }),
  }
}
