import type { EvaluationProvider } from '../evaluation-idp/provider.ts'
import type { SessionRegistry } from '../gateway/session-registry.ts'
import type { identityVerifier } from '../identity/identity-token.ts'
import type { SteadyClock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { Networks } from '../shared/networks.ts'
import type { Database } from '../storage/database.ts'
import type { trustedIssuers } from './api-settings.ts'
import type { Config } from './config/config.ts'
import type { GatewayKeys } from './keys.ts'
import type { LatestTime } from './latest-time.ts'
import type { createProtocols } from './protocols.ts'
import type { samlClients } from './saml-clients.ts'
import type { AuditDelivery } from './start-audit-delivery.ts'
import type { Evidence } from './start-evidence.ts'
import type { Notifications } from './start-notifications.ts'
import type { RunningSecrets } from './start-secrets.ts'
import type { openUsedProofs } from './used-proofs.ts'

/** What a running gateway consists of. A reload replaces the configuration and the identity providers; the rest stays. */
export interface Running {
  readonly logger: Logger
  readonly clock: SteadyClock
  readonly latestTime: LatestTime
  readonly keys: GatewayKeys
  readonly db: Database
  readonly evidence: Evidence
  readonly registry: SessionRegistry
  readonly secrets: RunningSecrets
  readonly protocols: Awaited<ReturnType<typeof createProtocols>>
  readonly provider: EvaluationProvider | undefined
  /** Read by parts that are built before the rest. */
  readonly live: { config: Config; proxies: Networks; publicUrl: string }
  issuers: ReturnType<typeof trustedIssuers>
  saml: ReturnType<typeof samlClients>
  readonly usedProofs: ReturnType<typeof openUsedProofs>
  identities: ReturnType<typeof identityVerifier>
  /** Both start once the gateway listens. */
  delivery?: AuditDelivery
  notifications?: Notifications
}
