import { pino, type Logger } from 'pino'

/** One structured logger. Events are past-tense names; never bytes, SQL or secrets. */
export type { Logger }

export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
}
