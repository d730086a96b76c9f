import type { Server } from 'node:http'
import { identityVerifier } from '../identity/identity-token.ts'
import { longestProof } from '../identity/login.ts'
import { asPamError } from '../shared/errors.ts'
import type { Logger } from '../shared/logger.ts'
import { networks } from '../shared/networks.ts'
import { appendAudit, lastAudit } from '../storage/audit.ts'
import { activeLocks } from '../storage/locks.ts'
import { boundLogins } from '../storage/logins.ts'
import { boundWebSessions } from '../storage/web-sessions.ts'
import { trustedIssuers } from './api-settings.ts'
import type { Config } from './config/config.ts'
import { loadConfig, prepareConfig } from './config/load-config.ts'
import { renewCertificate } from './listening-certificate.ts'
import type { Running } from './running.ts'
import { samlClients } from './saml-clients.ts'

/** Puts the configuration of this file in force. A bad file changes nothing. */
export async function reload(file: string, running: Running, server: Server): Promise<void> {
  const { db, logger, clock, registry, provider } = running
  try {
    await prepareConfig(file)
    const config = loadConfig(file)
    const issuers = trustedIssuers(config, provider?.issuer)
    const saml = samlClients(config)
    renewCertificate(server, config)
    Object.assign(running.live, { config, proxies: networks(config.listen.trustedProxies) })
    // The rules hold from here on: what they take away ends before anything that can fail.
    registry.rulesChanged(config)
    registry.locked(await activeLocks(db.read, clock.now()), config.targets)
    warn(config, logger)
    await boundSignIns(config, running)
    running.issuers = issuers
    running.saml = saml
    running.identities = identityVerifier(issuers)
    await running.secrets.reconfigure(config)
    await auditConfig(running, config, 'config.reloaded')
    logger.info({ policy: config.policy.version, targets: config.targets.length }, 'config.reloaded')
  } catch (error) {
    logger.error({ problem: asPamError(error).message }, 'config.refused')
  }
}

export function warn({ warnings }: Config, logger: Logger): void {
  for (const warning of warnings) logger.warn({ warning }, 'config.warned')
}

/** What is configured, as digests, and which sections differ from the last time. */
export const auditConfig = (
  { db, clock }: Pick<Running, 'db' | 'clock'>,
  config: Config,
  type: 'config.loaded' | 'config.reloaded',
): Promise<void> =>
  db.change(async (tx) => {
    const { sections } = config
    const before = await lastAudit(tx, 'config')
    const known = (before?.data['sections'] ?? {}) as Readonly<Record<string, string>>
    const names = [...new Set([...Object.keys(known), ...Object.keys(sections)])]
    await appendAudit(tx, clock.now(), {
      type,
      actor: 'gateway',
      subject: 'config',
      data: {
        policy: config.policy.version,
        targets: config.targets.map(({ name }) => name),
        sections,
        changed: before === undefined ? undefined : names.filter((name) => known[name] !== sections[name]),
      },
    })
  })

/** Nobody is signed in for longer than the configuration allows whoever signs in now, whatever the store says. */
export async function boundSignIns(
  { identity, web }: Config,
  { db, clock, logger }: Pick<Running, 'db' | 'clock' | 'logger'>,
): Promise<void> {
  const now = clock.now()
  const shortened = await db.change(
    async (tx) =>
      (await boundLogins(tx, now, longestProof(identity.reverifyEvery))) +
      (await boundWebSessions(tx, now, web.maxDuration)),
  )
  if (shortened > 0) logger.warn({ signIns: shortened }, 'sign_ins.shortened')
}
