import { ALWAYS_OFFERED, UNDERSTOOD } from '../wire/capabilities.ts'
import type { Handshake } from '../wire/handshake.ts'
import type { MysqlTarget } from '../target.ts'

/** What a server said of itself when it was connected to last: the gateway greets in its place before it can ask. */
export interface KnownServer {
  readonly version: string
  readonly capabilities: number
  readonly collation: number
}

/** By target. Each connection corrects what is known. */
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

/** Before the first connection: what every server has. Clients look for "MariaDB" in the version for what only that can. */
const UNKNOWN: KnownServer = { version: '5.7.0-pam', capabilities: ALWAYS_OFFERED, collation: 45 }
