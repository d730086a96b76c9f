import { ALWAYS_OFFERED, UNDERSTOOD } from '../wire/capabilities.ts'
import type { Handshake } from '../wire/handshake.ts'
import type { MysqlTarget } from '../target.ts'

/** What a server's greeting said at the last connection: the gateway greets clients in its place before it connects. */
export interface KnownServer {
  readonly version: string
  readonly capabilities: number
  readonly collation: number
}

/** The known servers, by target. Each connection updates its entry. */
export class KnownServers {
  readonly #byTarget = new Map<string, KnownServer>()

  note(target: Pick<MysqlTarget, 'name' | 'host' | 'port'>, { version, capabilities, collation }: Handshake): void {
    this.#byTarget.set(keyOf(target), { version, capabilities: capabilities & UNDERSTOOD, collation })
  }

  of(target: Pick<MysqlTarget, 'name' | 'host' | 'port'>): KnownServer {
    return this.#byTarget.get(keyOf(target)) ?? UNKNOWN
  }
}

const keyOf = ({ name, host, port }: Pick<MysqlTarget, 'name' | 'host' | 'port'>): string =>
  JSON.stringify([name, host, port])

/** Before the first connection: what every server has. Clients look for "MariaDB" in the version to use its features. */
const UNKNOWN: KnownServer = { version: '5.7.0-pam', capabilities: ALWAYS_OFFERED, collation: 45 }
