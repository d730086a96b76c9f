import type { Statement } from '../../policy/command.ts'

/** What happens on a host: a command, a shell, a file operation, a forwarded connection. */
export interface HostFacts {
  readonly type: 'exec' | 'shell' | 'file' | 'forward'
  readonly statements: readonly HostStatement[]
}

/**
 * One command of a command line, one file operation, one forwarded connection. `reads` and `writes` are absolute
 * paths; one that ends in `/**` stands for all below it, `**` for a path that nobody can tell.
 */
export interface HostStatement extends Statement {
  readonly type: 'host'
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
