import type { Logger } from '../shared/logger.ts'
import { start } from './start.ts'

/** A gateway as all of this process: SIGHUP reloads it; SIGTERM and SIGINT stop it and end the process. Resolves once it listens. */
export async function run(file: string): Promise<void> {
  const gateway = await start(file)
  logUncaught(gateway.logger)
  process.on('SIGHUP', () => void gateway.reload())
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void gateway.stop().then(() => process.exit(0)))
}

/**
 * One connection's mistake must not end everybody's. An exception that nobody caught leaves unknown state: then the process ends, and the
 * next start closes what was open.
 */
function logUncaught(logger: Logger): void {
  process.on('unhandledRejection', (cause) => logger.error({ cause }, 'process.rejection_unhandled'))
  process.on('uncaughtException', (cause) => {
    logger.fatal({ cause }, 'process.exception_uncaught')
    process.exit(1)
  })
}
