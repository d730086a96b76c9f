/** The version that a server reports. `number` as in executable comments: 101119 is 10.11.19, 80400 is 8.4.0. */
export interface ServerVersion {
  readonly flavor: 'mysql' | 'mariadb'
  readonly number: number
  /** As in the greeting. */
  readonly text: string
}

/**
 * Reads the version of a greeting. MariaDB up to 10.x writes `5.5.5-` in front of its own, for replicas that do not support 10. Undefined
 * if there are not three numbers: such a server is not supported, since it is unknown how it reads a text. Source: MariaDB, "Connection",
 * Initial Handshake Packet; MySQL, Protocol::HandshakeV10.
 */
export function parseServerVersion(text: string): ServerVersion | undefined {
  const isMariadb = /mariadb/i.test(text)
  const own = isMariadb && text.startsWith(REPLICATION_PREFIX) ? text.slice(REPLICATION_PREFIX.length) : text
  const match = /^(\d{1,4})\.(\d{1,2})\.(\d{1,2})(?![\d.])/.exec(own)
  if (match === null) return undefined
  const [, major, minor, patch] = match
  const number = Number(major) * 10_000 + Number(minor) * 100 + Number(patch)
  return { flavor: isMariadb ? 'mariadb' : 'mysql', number, text }
}

const REPLICATION_PREFIX = '5.5.5-'
