import type { HostStatement } from '../../../policy/command.ts'

/** Who runs something, and where they are. */
export interface CommandLineScope {
  readonly login: string
  /** Absolute path of the login's home; undefined where the target did not say. */
  readonly home: string | undefined
}

/** A statement with what is said about it, and nothing else. */
export function hostStatement(login: string, given: Partial<HostStatement>): HostStatement {
  return {
    login,
    kinds: [],
    argv: [],
    reads: [],
    writes: [],
    unknown: [],
    opaque: [],
    endpoints: [],
    named: false,
    ...given,
  }
}
