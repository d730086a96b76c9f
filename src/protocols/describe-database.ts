import type { HowToConnect } from './client-half.ts'

/** Where the port of a database is, and what clients give there. */
export interface DatabasePort {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
  /** The password that the port demands; undefined: none. */
  readonly secret: string | undefined
}

/**
 * How to connect to a database through an open port. `commands`: what to run or paste, a line each; `url` for programs, and `more` of what
 * only some ports have.
 */
export function describeDatabase(
  target: string,
  { host, port, user, database, secret }: DatabasePort,
  { url, more, commands }: { readonly url: string; readonly more: object; readonly commands: readonly string[] },
): HowToConnect {
  return {
    json: { host, port, user, database, url, ...more, ...(secret === undefined ? {} : { password: secret }) },
    lines: [
      `${target} is at ${host}:${port}, user ${user}, database ${database}, without TLS`,
      ...commands.map((command) => `  ${command}`),
      secret === undefined ? '  no password' : `  password: ${secret}`,
    ],
  }
}
