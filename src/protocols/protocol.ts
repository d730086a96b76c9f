import type { z } from 'zod'
import type { Secrets } from '../credentials/secrets.ts'
import type { Accounts } from '../gateway/credential-source.ts'
import type { ReapedAccounts } from '../gateway/account-leases.ts'
import type { Engine } from '../gateway/engine.ts'
import type { TargetConfig } from '../gateway/target.ts'
import type { StatementMatch } from '../policy/policy.ts'
import type { ProtocolPolicy } from '../policy/vocabulary.ts'
import type { ErrorCode } from '../shared/error-codes.ts'
import type { Logger } from '../shared/logger.ts'

/** What the gateway needs of a protocol. `gateway.ts` lists one for each. */
export interface GatewayHalf<C extends TargetConfig = TargetConfig, Section = unknown> {
  readonly target: TargetKind<C>
  /** How rules speak of it. */
  readonly policy: ProtocolPolicy
  /** The section of the configuration that bears the protocol's name, where it has one. */
  readonly section?: ProtocolSection<Section>
  /** Where clients know the gateway by a key of its own: the file that keeps it, and how it is made at the first start. */
  readonly identityKey?: { readonly file: string; readonly make: () => string }
  /** Where the protocol has codes for errors: what they are called, and the one of each of the gateway's errors. */
  readonly errors?: { readonly name: string; readonly codes: Readonly<Record<ErrorCode, string>> }
  create(parts: GatewayParts<Section>): Promise<Engine<unknown, C>>
}

/** The targets of one protocol: how they are configured, and what follows from it without connecting to them. */
export interface TargetKind<C extends TargetConfig = TargetConfig> extends Accounts<C> {
  /** An entry of `targets:` with `type` as a literal. */
  readonly schema: TargetSchema
  /** Browsers reach such targets at hosts of their own, where the gateway has such hosts; the engine is a `BrowserEngine`. */
  readonly servesBrowsers?: true
  /** Reads what takes long of the files that targets name, off the main thread, before `errors` and all else that needs it. Never rejects for what is in them. */
  prepare?(targets: readonly C[], baseDirectory: string): Promise<void>
  /** What is allowed and probably not meant. Reads no other file. */
  warnings(target: C): readonly TargetFinding[]
  /** Keys and files that are there and are not what they should be; `baseDirectory` is where relative paths start. */
  errors(target: C, baseDirectory: string): readonly TargetFinding[]
  /** What is wrong with words of a rule's match that name what targets of this type have; `targets` are those that the rule is about. */
  reviewMatch?(match: StatementMatch, targets: readonly C[], baseDirectory: string): readonly MatchFinding[]
  /** The same of the fields that a masking rule names. */
  reviewFields?(fields: readonly string[], targets: readonly C[], baseDirectory: string): readonly MatchFinding[]
  /** The schema that a table without one is of, in masking rules; undefined where there are no columns to mask. */
  defaultSchema(target: C): string | undefined
  /** How statements are read where columns are masked, where there is a choice. */
  readingWhereMasked?(target: C): StatementReading
  /** What somebody who may have the target is told of it. */
  facts(target: C): TargetFacts
  /**
   * Drops accounts that were made for sessions which are over, where an end of the gateway or of the target has left some. Sessions that are
   * open, or opening, are left alone.
   */
  reapAccounts?(target: C, gateway: string, secrets: Secrets): Promise<ReapedAccounts>
}

/** As zod wants it for a union that `type` discriminates. */
export type TargetSchema = z.ZodType<TargetConfig> & z.core.$ZodTypeDiscriminable

export interface StatementReading {
  /** `ours`: by the gateway alone; `agreed`: the target's own analysis must agree. */
  readonly reading: 'ours' | 'agreed'
  readonly because: string
  /** What follows from it. */
  readonly so: string
}

export interface TargetFinding {
  /** Within the target's entry, within the section, or within the match or the masking rule. */
  readonly path: readonly (string | number)[]
  readonly message: string
}

export interface TargetFacts {
  /** The only database that is served. */
  readonly database?: string
  /** Public host keys that the gateway shows, as in a .pub file. */
  readonly hostKeys?: readonly string[]
  /** Public keys that sign certificates of the gateway's host keys, as in a .pub file. */
  readonly hostAuthorities?: readonly string[]
}

export interface MatchFinding extends TargetFinding {
  readonly level: 'error' | 'warning'
}

export interface ProtocolSection<Section = unknown> {
  readonly schema: z.ZodType<Section>
  errors(section: Section, baseDirectory: string): readonly TargetFinding[]
}

export interface GatewayParts<Section = unknown> {
  /** Where relative paths of the configuration start. */
  readonly baseDirectory: string
  /** The protocol's section of the configuration, as its schema gives it. */
  readonly section: Section
  /** What `identityKey` has made; none where nobody connects. */
  readonly identityKey: string | undefined
  readonly firstUse: FirstUse
  /** None where nobody connects. */
  readonly logger?: Logger | undefined
}

/** Keys of targets that were trusted because they were the first seen, and where that is written down. */
export interface FirstUse {
  find(target: string): Promise<string | undefined>
  /** Keeps and audits it. Throws where another one was kept meanwhile. */
  keep(target: string, key: string): Promise<void>
}
