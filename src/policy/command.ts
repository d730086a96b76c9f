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

export type Facts = SqlFacts | HostFacts

/** What one part of a command does, in any protocol. */
export interface Effect {
  /** What it is, in lower case: `select`, `exec`, `file-write`, …; a part within a part adds its own. */
  readonly kinds: readonly string[]
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  /** Why the effect cannot be known; empty where it is. */
  readonly unknown: readonly string[]
}

export type Statement = SqlStatement | HostStatement

/** What happens on a host: a command, a shell, a file operation, a forwarded connection. */
export interface HostFacts {
  readonly type: 'exec' | 'shell' | 'file' | 'forward'
  readonly statements: readonly HostStatement[]
}

/**
 * One command of a command line, one file operation, one forwarded connection. `reads` and `writes` are absolute
 * paths; one that ends in `/**` stands for all below it, `**` for a path that nobody can tell.
 */
export interface HostStatement extends Effect {
  /** The account on the target. */
  readonly login: string
  /** The words of a command; null for one that only the target's shell can tell. Empty where it is no command. */
  readonly argv: readonly (string | null)[]
  /** Why only somebody who knows the program can tell what it does: a rule that names the program has answered that. */
  readonly opaque: readonly string[]
  /** `host:port` that bytes are forwarded to or from. */
  readonly endpoints: readonly string[]
  /** Allowed only by rules that name its kind: everything may happen within it. */
  readonly named: boolean
}

export interface SqlFacts {
  readonly type: 'sql'
  readonly statements: readonly SqlStatement[]
}

/** One statement of the text, with all that its parts do (common table expressions, EXPLAIN ANALYZE, …). */
export interface SqlStatement extends Effect {
  /** What the relations named show rows of: tables behind views, parents and partitions. */
  readonly behind: readonly string[]
  /** Functions called, with their schema where the text gives one. */
  readonly functions: readonly string[]
  /** An UPDATE or DELETE without a WHERE, or with one that is always true. */
  readonly missingWhere: boolean
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
