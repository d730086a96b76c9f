/**
 * What a protocol says about one command, in terms that policy, approvers and auditors share.
 * A protocol has its own kind of facts; nothing here knows a wire format.
 */
export interface Command {
  readonly protocol: string
  readonly kind: 'statement'
  /** Exactly what would run. Shown to approvers; secrets are taken out before it is recorded. */
  readonly text: string
  /** Values given separately from the text, as the approver sees them. */
  readonly parameters: readonly (string | null)[]
  readonly facts: Facts
}

/** What a command does, in the terms of one vocabulary. */
export interface Facts {
  readonly type: string
  readonly statements: readonly Statement[]
}

/** What one part of a command does, in any protocol. */
export interface Effect {
  /** What it is, in lower case: `select`, `exec`, `file-write`, …; a part within a part adds its own. */
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Why the effect cannot be known; empty where it is. */
  readonly unknown: readonly string[]
}

/** One part of a command; a protocol adds its own fields. */
export interface Statement extends Effect {
  /** The vocabulary that speaks of it. */
  readonly type: string
  /** What it happens in, of another vocabulary, such as the request that runs a command in a pod: rules may speak of both at once. */
  readonly within?: Statement
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
