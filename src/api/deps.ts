import type { IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { AccessTokens } from '../identity/access-token.ts'
import type { IdentityVerifier } from '../identity/identity-token.ts'
import type { OwnIssuer } from '../identity/own-issuer.ts'
import type { ProofVerifier } from '../identity/proof.ts'
import type { SignInProvider } from '../identity/sign-in-provider.ts'
import type { Facts } from '../policy/command.ts'
import type { ApprovalWebhook } from '../notify/approval-webhook.ts'
import type { Policy } from '../policy/policy.ts'
import type { PamError } from '../shared/errors.ts'
import type { Clock } from '../shared/clock.ts'
import type { Logger } from '../shared/logger.ts'
import type { SessionRegistry } from '../gateway/session-registry.ts'
import type { SignInIssuer } from './schemas/identity.ts'
import type { DetachedText } from './schemas/recording.ts'
import type { ReadEvent } from '../recording/read.ts'
import type { Spool } from '../recording/spool.ts'
import type { RecordingRow } from '../storage/recordings.ts'
import type { Database } from '../storage/database.ts'
import type { ApprovalQuestions } from './approval-questions.ts'
import type { ChangeFeed } from './change-feed.ts'
import type { ProvisioningSource } from './directory-standing.ts'
import type { LiveEvents } from './live-events.ts'
import type { PendingConnections } from './pending-connections.ts'
import type { ReadingLog } from './reading-log.ts'
import type { RefusalCounter } from './refusal-counter.ts'

/** What the API works with; built in the composition root. */
export interface ApiDeps {
  readonly db: Database
  readonly registry: SessionRegistry
  readonly identities: () => IdentityVerifier
  readonly proofs: ProofVerifier
  readonly tokens: AccessTokens
  /** Signs in the command line of people who sign in with SAML. */
  readonly ownIssuer: OwnIssuer
  readonly clock: Clock
  readonly logger: Logger
  readonly changes: ChangeFeed
  readonly events: LiveEvents
  readonly refusals: RefusalCounter
  readonly evidence: ApiEvidence
  /** What a command for this target says by itself. */
  readonly readCommand: (
    target: { readonly name: string; readonly type: string },
    text: string,
  ) => Promise<{ readonly facts: Facts; readonly refusal: PamError | undefined }>
  /** How the audit chain is kept elsewhere. */
  readonly auditStatus: () => AuditDeliveryStatus
  /** Asks webhooks that approve requests in place of people. */
  readonly approvalQuestions: ApprovalQuestions
  /** A call to the signed endpoint of a chat; throws where it is not the chat's. */
  readonly slackCall: (call: { readonly timestamp: string; readonly signature: string; readonly body: string }) => void
  /** Those of which nothing is known yet. */
  readonly connections: PendingConnections
  /** Where a request comes from, also behind a proxy. */
  readonly addressOf: (request: Pick<IncomingMessage, 'headers' | 'socket'>) => string
  /** Who reads what was recorded. */
  readonly readings: ReadingLog
  /** Every key that records were ever sealed with. */
  readonly recordingKeys: readonly {
    readonly id: string
    readonly publicKey: string
    readonly from: string
    readonly until?: string
  }[]
  /** What sign-ins that were begun in a browser are sealed with. */
  readonly webKey: Uint8Array
  /** What services verify the gateway's assertions by (RFC 7517). */
  readonly assertionKeys: readonly object[]
  /** Where the built dashboard is. */
  readonly webDirectory: string
  /** The URL that proofs must name; known once the gateway listens. */
  readonly publicUrl: () => string
  readonly settings: () => ApiSettings
}

/** How the audit chain is kept elsewhere. */
export interface AuditDeliveryStatus {
  readonly streams: readonly { readonly name: string; readonly problem: string | undefined }[]
  readonly checkpoints: {
    /** Where they go; none where nothing is configured. */
    readonly keepers: readonly {
      readonly name: string
      readonly kept: number | undefined
      readonly problem: string | undefined
    }[]
  }
}

/** Records, wherever they are kept. */
export interface ApiEvidence {
  /** The record as it is, for somebody who has the keys. */
  read(row: RecordingRow): Promise<Readable>
  /** Its events, of what the gateway has signed and of nothing else. */
  events(
    row: RecordingRow,
    options?: { readonly from?: number; readonly onHidden?: (seal: { readonly events: number }) => void },
  ): Promise<AsyncGenerator<ReadEvent, void, undefined>>
  readDetached(row: RecordingRow): Promise<readonly DetachedText[]>
  eraseDetached(row: RecordingRow): Promise<void>
  readonly spool: Pick<Spool, 'recorder' | 'health' | 'bytes' | 'unsealed'>
}

/** Roles of the configuration: who sees everything, who ends sessions and grants of others, who locks people and targets. */
export type Role = 'audit' | 'operate' | 'lock'

/** The part of the configuration that the API needs; read anew for every call, since a reload may change it. */
export interface ApiSettings {
  readonly policy: Policy
  readonly targets: readonly ApiTarget[]
  readonly roles: Readonly<Record<Role, readonly string[]>>
  readonly reproof: number
  /** Directories that provision people. */
  readonly provisioning: readonly ProvisioningSource[]
  /** Milliseconds for a TLS handshake, and for the headers of a request. */
  readonly handshake: number
  readonly requestExpire: number
  /** Those that rules ask for approval. */
  readonly approvalWebhooks: readonly ApprovalWebhook[]
  /** How many places there are that are told of what happens: webhooks, and Slack. */
  readonly channels: number
  readonly recentSignIn: number
  readonly web: {
    /** The name that people are shown before they sign in. */
    readonly organization: string | undefined
    /** Who signs in people: the first is meant where none is named. None where nobody signs in people. */
    readonly providers: readonly SignInProvider[]
    /** Milliseconds without anything done after which a browser is signed out, and after which it is in any case. */
    readonly idle: number
    readonly maxDuration: number
  }
  /** Hosts of targets for browsers, where there are any. */
  readonly apps: { readonly domain: string } | undefined
  /** Who signs in people at the command line, in the order of the configuration. */
  readonly discovery: readonly SignInIssuer[]
}

export interface ApiTarget {
  readonly name: string
  readonly type: string
  readonly labels: Readonly<Record<string, string>>
  /** Accounts on the target that clients may name; the first is the usual one. */
  readonly accounts: readonly string[]
  /** Browsers can reach it at a host of its own, where the gateway has such hosts. */
  readonly isApp: boolean
  /** What its protocol lets people who may have it know. */
  readonly facts: {
    readonly database?: string
    readonly hostKeys?: readonly string[]
    readonly hostAuthorities?: readonly string[]
  }
}
