import type { Secrets } from '../credentials/secrets.ts'
import type { Login } from '../identity/login.ts'
import type { Policy } from '../policy/policy.ts'
import type { Spool } from '../recording/spool.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { ComparisonBudget } from './comparison-budget.ts'
import type { Accounts } from './credential-source.ts'
import type { Engine, Session } from './engine.ts'
import type { GatewayState } from './gateway-state.ts'
import type { SessionRegistry } from './session-registry.ts'
import type { SharedSessions } from './shared-sessions.ts'
import type { TargetConfig } from './target.ts'

/** What sessions are opened with, of a caller at one address. */
export interface TunnelParts {
  /** Address of the caller. */
  readonly from: string
  /** As currently configured: a reload changes them. */
  readonly settings: () => TunnelSettings
  /** By type of target. */
  readonly protocols: ReadonlyMap<string, ServedProtocol>
  readonly state: GatewayState
  readonly registry: SessionRegistry
  readonly sharedSessions: SharedSessions
  readonly spool: Spool
  readonly digestKey: Uint8Array
  readonly comparisonBudget: ComparisonBudget
  /** As currently configured. */
  readonly secrets: () => Secrets
  readonly clock: Clock
  readonly logger: Logger
}

/** The part of the configuration that a tunnel depends on. */
export interface TunnelSettings {
  readonly targets: readonly TargetConfig[]
  readonly policy: Policy
  readonly limits: Session['limits'] & { readonly sessionsPerPerson: number }
  readonly recording: { readonly durability: 'buffered' | 'strict'; readonly encryptTo: readonly string[] }
}

export interface ServedProtocol {
  readonly engine: Engine
  readonly target: Accounts & { defaultSchema(target: TargetConfig): string | undefined }
}

/** What a session is opened for: who, to what, as whom. */
export interface Wanted {
  readonly login: Login
  readonly target: TargetConfig
  readonly protocol: ServedProtocol
  /** The account that the client asks for, where its protocol names one. */
  readonly account: string | undefined
}
