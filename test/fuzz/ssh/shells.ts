/** How a script is run, and as what it is read. */
export interface Shell {
  readonly argv: readonly [string, ...string[]]
  /** What is known of the login shell of an account. */
  readonly login: 'bash' | 'sh' | 'other'
}

/** By the names that options and reports use. `sh` may be any of the first four. */
export const SHELLS = {
  bash: { argv: ['bash'], login: 'bash' },
  dash: { argv: ['dash'], login: 'sh' },
  'bash-as-sh': { argv: ['bash'], login: 'sh' },
  'posix-bash': { argv: ['bash', '--posix'], login: 'sh' },
  zsh: { argv: ['zsh'], login: 'other' },
  mksh: { argv: ['mksh'], login: 'other' },
} as const satisfies Readonly<Record<string, Shell>>

export type ShellName = keyof typeof SHELLS
