import type { ServerVersion } from '../../wire/server-version.ts'
import { quotedName } from '../../catalog/quoted-name.ts'
import { ed25519PublicKey } from '../login/ed25519.ts'
import { nativeHash } from '../login/proofs.ts'

/** Name and host of an account, as statements write them. The server reads these statements with an empty sql_mode. */
export interface Account {
  readonly user: string
  readonly host: string
}

export const accountName = ({ user, host }: Account): string => `${constant(user)}@${constant(host)}`

/** A string constant (manual, String Literals). */
const constant = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`

/**
 * The method by which the server checks the password of an account: the best one that it has. It is given no more of the password than it
 * must store.
 */
export type AccountMethod = 'ed25519' | 'mysql_native_password' | 'caching_sha2_password'

/**
 * MySQL gets the password itself, since its hash has no documented form; it does not write it to its logs (manual, 8.1.2.3). MariaDB gets
 * what it stores: an Ed25519 public key, or a double SHA-1 of 256 random bits.
 */
export function identification(method: AccountMethod, password: string): string {
  switch (method) {
    case 'ed25519':
      return `IDENTIFIED VIA ed25519 USING ${constant(ed25519PublicKey(password))}`
    case 'mysql_native_password':
      return `IDENTIFIED VIA mysql_native_password USING ${constant(nativeHash(password))}`
    case 'caching_sha2_password':
      return `IDENTIFIED WITH caching_sha2_password BY ${constant(password)}`
  }
}

/** An account that may only log in, and its role. */
export const creation = (
  account: Account,
  {
    identified,
    isEncrypted,
    days,
    role,
  }: { readonly identified: string; readonly isEncrypted: boolean; readonly days: number; readonly role: string },
): string[] => [
  `CREATE USER ${accountName(account)} ${identified}${isEncrypted ? ' REQUIRE SSL' : ''} WITH MAX_USER_CONNECTIONS ${MAX_CONNECTIONS} PASSWORD EXPIRE INTERVAL ${days} DAY`,
  `GRANT ${quotedName(role)} TO ${accountName(account)}`,
]

/** Changes after how many days its password expires, counted from when it was set. */
export const expiring = (account: Account, days: number): string =>
  `ALTER USER ${accountName(account)} PASSWORD EXPIRE INTERVAL ${days} DAY`

/** Prevents further logins. */
export const disabling = (account: Account): string => `ALTER USER IF EXISTS ${accountName(account)} ACCOUNT LOCK`

/** Revokes what it could do, including by views, routines, triggers and events of its own, which still run when the account is locked. */
export const stripping = (account: Account, role: string): string[] => [
  `REVOKE ${quotedName(role)} FROM ${accountName(account)}`,
  `REVOKE ALL PRIVILEGES, GRANT OPTION FROM ${accountName(account)}`,
]

export const grantsOf = (account: Account): string => `SHOW GRANTS FOR ${accountName(account)}`

export const dropping = (account: Account): string => `DROP USER IF EXISTS ${accountName(account)}`

/** Its connections, and whether each has been killed already and is only rolling back. */
export const connectionsOf = ({ user }: Account): string =>
  `SELECT id, command = 'Killed' FROM information_schema.processlist WHERE BINARY user = BINARY ${constant(user)}`

/** MySQL has no HARD: its KILL is always hard. */
export const killing = (flavor: ServerVersion['flavor'], id: string): string =>
  flavor === 'mariadb' ? `KILL HARD CONNECTION ${id}` : `KILL CONNECTION ${id}`

/** The objects that run with the privileges of an account, as far as the administrator can see them: type and name. */
export const definedBy = ({ user, host }: Account): string => {
  const definer = constant(`${user}@${host}`)
  return [
    `SELECT 'view', CONCAT(table_schema, '.', table_name) FROM information_schema.views WHERE definer = ${definer}`,
    `SELECT LOWER(routine_type), CONCAT(routine_schema, '.', routine_name) FROM information_schema.routines WHERE definer = ${definer}`,
    `SELECT 'trigger', CONCAT(trigger_schema, '.', trigger_name) FROM information_schema.triggers WHERE definer = ${definer}`,
    `SELECT 'event', CONCAT(event_schema, '.', event_name) FROM information_schema.events WHERE definer = ${definer}`,
  ].join(' UNION ALL ')
}

/**
 * The accounts that gateways have created on this server. The row is inserted before its account is created, so that accounts left by a
 * crash are found, and only the administrator may write to the table.
 */
export const REGISTRY = 'pam_gateway'
export const REGISTRY_TABLE = `CREATE TABLE IF NOT EXISTS ${REGISTRY}.session_accounts (
  account VARCHAR(80) NOT NULL PRIMARY KEY, host VARCHAR(60) NOT NULL, session CHAR(17) NOT NULL, target VARCHAR(255) NOT NULL,
  role VARCHAR(128) NOT NULL, gateway CHAR(16) NOT NULL, run CHAR(16) NOT NULL, ends_at DATETIME NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`

export interface Registered extends Account {
  readonly session: string
  readonly target: string
  readonly role: string
  readonly gateway: string
  readonly run: string
}

/** The end of access is by the clock of the server. */
export const registering = (entry: Registered, seconds: number): string => `INSERT INTO ${rowOf(entry, seconds)}`

/** With another end. The administrator may insert and delete rows, and not update them. */
export const registeringAgain = (entry: Registered, seconds: number): string => `REPLACE INTO ${rowOf(entry, seconds)}`

const rowOf = ({ user, host, session, target, role, gateway, run }: Registered, seconds: number): string =>
  `${REGISTRY}.session_accounts VALUES (${[user, host, session, target, role, gateway, run].map(constant).join(', ')}, UTC_TIMESTAMP() + INTERVAL ${Math.ceil(seconds)} SECOND)`

export const unregistering = ({ user }: Account): string =>
  `DELETE FROM ${REGISTRY}.session_accounts WHERE account = ${constant(user)}`

export const REGISTERED = `SELECT account, host, session, target, role, gateway, run, ends_at < UTC_TIMESTAMP() - INTERVAL 5 MINUTE FROM ${REGISTRY}.session_accounts LIMIT 1000`

/** The lock that makes a run of a gateway visible for one target: the server releases it with the connection. At most 64 characters. */
export const presenceOf = (run: string, target: string, digest: (text: string) => string): string =>
  `pam-gateway ${run} ${digest(target).slice(0, 16)}`

export const showing = (presence: string): string => `SELECT GET_LOCK(${constant(presence)}, 0)`

/** Only a connection of the administrator counts: any session may take a lock. */
export const seeing = (presence: string, administrator: string): string =>
  `SELECT COUNT(*) FROM information_schema.processlist WHERE id = IS_USED_LOCK(${constant(presence)}) AND BINARY user = BINARY ${constant(administrator)}`

/** The session's connections, and those that the gateway opens as the same account to end it or to read definitions. */
const MAX_CONNECTIONS = 10
