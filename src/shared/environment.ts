/**
 * Every environment variable that the programs read, or set for what they start: what lookups are typed by, and what the reference
 * lists. `read`: who reads it. `option`: it gives the value of options, which describe it.
 */
export const VARIABLES = {
  PAMCTL_APPROVE_FOR: { read: 'pamctl', option: true, what: 'how long approved access lasts' },
  PAMCTL_CA: { read: 'pamctl', option: true, what: 'CA certificates to verify the gateway with' },
  PAMCTL_DEBUG: { read: 'pamctl', what: 'set to anything: prints where an internal error happened' },
  PAMCTL_FOR: { read: 'pamctl', option: true, what: 'how long access is requested for' },
  PAMCTL_GATEWAY: { read: 'pamctl', option: true, what: 'URL of the gateway' },
  PAMCTL_HOME: {
    read: 'pamctl',
    what: 'directory for logins, settings and results; default: pamctl in XDG_STATE_HOME, or in ~/.local/state',
  },
  PAMCTL_IDENTITY: { read: 'pamctl', option: true, what: 'age identity file to decrypt recordings with' },
  PAMCTL_LOCK_FOR: { read: 'pamctl', option: true, what: 'how long a lock lasts' },
  PAMCTL_MAX_IDLE: { read: 'pamctl', option: true, what: 'longest wait between events of a replay' },
  PAMCTL_PORT: { read: 'pamctl', option: true, what: 'local port of a target' },
  PAMCTL_PROFILE: { read: 'pamctl', option: true, what: 'saved login to use' },
  PAMCTL_QUIET: { read: 'pamctl', option: true, what: 'set to anything: prints results and errors only' },
  PAMCTL_REASON: { read: 'pamctl', option: true, what: 'reason for a request' },
  PAMCTL_SECRET_STORE: {
    read: 'pamctl',
    what: 'file: keep logins in a file of PAMCTL_HOME, and not in the keychain of the operating system',
  },
  PAMCTL_SINCE: { read: 'pamctl', option: true, what: 'how far back to look' },
  PAMCTL_TIMEOUT: { read: 'pamctl', option: true, what: 'when a statement is cancelled' },
  PAMCTL_TOKEN: { read: 'pamctl', what: 'token that a service signs in with; not passed on to clients' },
  PAMCTL_TOKEN_FILE: { read: 'pamctl', option: true, what: 'file with the token that a service signs in with' },
  PAMCTL_TUNNEL: { read: 'pamctl', what: 'own: the agent opens a WebSocket for each connection' },
  PAMCTL_WAIT: { read: 'pamctl', option: true, what: 'set to anything: waits for approval even without a terminal' },
  EDITOR: { read: 'pamctl', what: 'editor for --edit, where VISUAL is not set' },
  FORCE_COLOR: { read: 'pamctl', what: 'coloured output, also in a pipe on standard error; 0 or false: none' },
  KUBECONFIG: { read: 'pamctl', what: 'files that "pamctl kubeconfig --merge" chooses from' },
  NO_COLOR: { read: 'pamctl', what: 'set to anything: no coloured output' },
  SHELL: { read: 'pamctl', what: 'shell that "pamctl env" prints settings for, unless --shell is given' },
  VISUAL: { read: 'pamctl', what: 'editor for --edit' },
  XDG_RUNTIME_DIR: { read: 'pamctl', what: 'directory for the sockets of the agent, unless PAMCTL_HOME is set' },
  XDG_STATE_HOME: { read: 'pamctl', what: 'directory that holds the pamctl directory, unless PAMCTL_HOME is set' },
  PAM_CONFIG: { read: 'pam-gateway', option: true, what: 'configuration file' },
  PAMCTL_SECRET: { read: 'client', what: 'secret of the local port, for clients of HTTP targets' },
  PAMCTL_SSH_CONFIG: { read: 'client', what: 'OpenSSH configuration that the client of an SSH target is started with' },
  PAMCTL_URL: { read: 'client', what: 'URL of the local port, for clients of HTTP targets' },
} as const satisfies Readonly<Record<string, Variable>>

interface Variable {
  readonly read: 'pamctl' | 'pam-gateway' | 'client'
  readonly option?: true
  readonly what: string
}

export type VariableName = keyof typeof VARIABLES

/** What a variable is set to. */
export const variable = (environment: NodeJS.ProcessEnv, name: VariableName): string | undefined => environment[name]
