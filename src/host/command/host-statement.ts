import type { HostStatement } from './facts.ts'

/** Who runs something, where they are, and what reads it. */
export interface CommandLineScope {
  readonly login: string
  /** Absolute path of the login's home; undefined where the target did not say. */
  readonly home: string | undefined
  /** The account's login shell. `sh` is any of bash and dash, and taken where nothing is said; `other` is none that can be read. */
  readonly shell?: LoginShell | 'unanswered'
  /** The target is asked where paths lead: those that only it can tell stay as they are. */
  readonly resolvesPaths?: boolean
}

export type LoginShell = 'bash' | 'sh' | 'other'

/** A statement with what is said about it, and nothing else. */
export function hostStatement(login: string, given: Partial<HostStatement>): HostStatement {
  return {
    type: 'host',
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
