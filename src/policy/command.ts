/**
 * What a protocol says about one command, in terms that policy, approvers and auditors share.
 * A protocol adds its own kind of facts to the union; nothing here knows a wire format.
 */
export interface Command {
  readonly protocol: string
  readonly kind: 'statement'
  /** Exactly what would run. Shown to approvers; secrets are taken out before it is recorded. */
  readonly text: string
  /** Values given apart from the text, as the approver sees them. */
  readonly parameters: readonly (string | null)[]
  readonly facts: Facts
}

export type Facts = SqlFacts

export interface SqlFacts {
  readonly type: 'sql'
  readonly statements: readonly SqlStatement[]
}

/** One statement of the text, with all that its parts do (common table expressions, EXPLAIN ANALYZE, …). */
export interface SqlStatement {
  /** `select`, `delete`, `create-table`, … in lower case; a statement within a statement adds its own. */
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** What the relations named show rows of: tables behind views, parents and partitions. */
  readonly behind: readonly string[]
  /** Functions called, with their schema where the text gives one. */
  readonly functions: readonly string[]
  /** An UPDATE or DELETE without a WHERE, or with one that is always true. */
  readonly missingWhere: boolean
  /** Why the effect cannot be known; empty where it is. */
  readonly unknown: readonly string[]
}

export interface Person {
  /** The configured identity: issuer and subject, or the claim that joins issuers. */
  readonly id: string
  readonly kind: 'person' | 'service'
  /** For people to read: an e-mail address or a name. Never compared. */
  readonly label: string
  readonly groups: readonly string[]
}

export interface Target {
  readonly name: string
  readonly type: string
  readonly labels: Readonly<Record<string, string>>
}
