import type { Secrets } from '../credentials/secrets.ts'
import { gatewayName } from '../gateway/gateway-name.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Database } from '../storage/database.ts'
import type { Config } from './config/config.ts'
import type { RunningProtocol } from './protocols.ts'

export interface ReaperParts {
  readonly config: () => Config
  readonly protocols: ReadonlyMap<string, RunningProtocol>
  readonly secrets: () => Secrets
  readonly digestKey: Uint8Array
  readonly db: Database
  readonly clock: Pick<Clock, 'now'>
  readonly logger: Logger
}

/**
 * Drops what sessions have left on targets, now and every few minutes: accounts that were made for them and outlived the gateway, or could not be
 * dropped at their end. Returns what stops it.
 */
export function startReaper(parts: ReaperParts): () => void {
  let running: Promise<void> | undefined
  const run = (): void => {
    running ??= reapAll(parts).finally(() => (running = undefined))
  }
  run()
  const timer = setInterval(run, EVERY_MS)
  return () => clearInterval(timer)
}

/** All targets, one after the other. One that cannot be reached keeps none of the others waiting for long. */
async function reapAll(parts: ReaperParts): Promise<void> {
  const { protocols, digestKey, logger } = parts
  for (const target of parts.config().targets) {
    const kind = protocols.get(target.type)?.target
    try {
      const reaped = await kind?.reapAccounts?.(target, gatewayName(digestKey), parts.secrets())
      for (const account of reaped?.dropped ?? []) await noteDropped(target.name, account, parts)
      for (const { account, error } of reaped?.failed ?? [])
        logger.error({ target: target.name, account, cause: error }, 'account.drop_failed')
    } catch (error) {
      logger.warn({ target: target.name, cause: error }, 'accounts.not_reaped')
    }
  }
}

async function noteDropped(target: string, account: string, { db, clock, logger }: ReaperParts): Promise<void> {
  logger.info({ target, account }, 'account.dropped')
  await db.change((tx) =>
    appendAudit(tx, clock.now(), { type: 'account.dropped', actor: 'gateway', subject: account, data: { target } }),
  )
}

const EVERY_MS = 300_000
