import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import { commentOf, constant, identifier, type RoleMark } from './role-name.ts'

/** A role to create. */
export interface NewRole {
  readonly name: string
  /** The verifier that the server stores for its password. */
  readonly verifier: string
  /** As the server prints a time in UTC. */
  readonly validUntil: string
  readonly mark: RoleMark
}

/**
 * One row: the time at which a password expires, by the clock of the server, which checks it; and the roles that a member of the granted
 * roles could become and with which it could undo what the gateway does about its role: the administrator, and roles that may change roles,
 * end the administrator's connections, or write the server's files and run programs there, which is as much as a superuser (manual, 22.5).
 */
export const timeAndReach = (seconds: number, grantedRoles: readonly string[]): string =>
  `${timeAfter(seconds)}, ` +
  `(select pg_catalog.string_agg(r.rolname::pg_catalog.text, ', ') from pg_catalog.pg_roles r where (r.rolsuper or r.rolcreaterole or r.rolname operator(pg_catalog.=) session_user ` +
  `or r.rolname operator(pg_catalog.=) any (array[${UNDOES.map(constant).join(', ')}]::pg_catalog.name[])) ` +
  `and exists (select from pg_catalog.pg_roles g where g.rolname operator(pg_catalog.=) any (array[${grantedRoles.map(constant).join(', ')}]::pg_catalog.name[]) and pg_catalog.pg_has_role(g.oid, r.oid, 'MEMBER')))`

/** One row: the time in so many seconds, by the clock of the server. */
export const timeAfter = (seconds: number): string =>
  `select (pg_catalog.now() operator(pg_catalog.+) pg_catalog.make_interval(secs => ${Math.ceil(seconds)}))::pg_catalog.text`

export const extending = (name: string, validUntil: string): string =>
  `alter role ${identifier(name)} valid until ${constant(validUntil)}`

/** Runs in one transaction, so that no role is without its comment, by which the reaper finds it. */
export const creation = (
  { name, verifier, validUntil, mark }: NewRole,
  { grantedRoles, settings }: Pick<EphemeralSettings, 'grantedRoles' | 'settings'>,
): string[] => [
  `create role ${identifier(name)} with login nosuperuser nocreatedb nocreaterole noreplication nobypassrls inherit ` +
    `connection limit ${MAX_CONNECTIONS} password ${constant(verifier)} valid until ${constant(validUntil)} ` +
    `in role ${grantedRoles.map(identifier).join(', ')}`,
  ...Object.entries(settings).map(
    ([setting, value]) =>
      `alter role ${identifier(name)} set ${setting.split('.').map(identifier).join('.')} to ${[value].flat().map(constant).join(', ')}`,
  ),
  `comment on role ${identifier(name)} is ${constant(commentOf(mark))}`,
]

/** Makes the administrator a member, which is necessary to terminate its backends, undo what it has prepared, and reassign its objects. */
export const joining = (name: string): string => `grant ${identifier(name)} to current_user`

/** The roles that it is a member of, and, in rows with true, the roles that are members of it. */
export const membershipsOf = (name: string): string =>
  `select o.rolname::pg_catalog.text, (m.roleid operator(pg_catalog.=) r.oid)::pg_catalog.text from pg_catalog.pg_roles r ` +
  `join pg_catalog.pg_auth_members m on m.member operator(pg_catalog.=) r.oid or m.roleid operator(pg_catalog.=) r.oid ` +
  `join pg_catalog.pg_roles o on o.oid operator(pg_catalog.=) case when m.roleid operator(pg_catalog.=) r.oid then m.member else m.roleid end ` +
  `where r.rolname operator(pg_catalog.=) ${constant(name)}::pg_catalog.name and o.rolname operator(pg_catalog.<>) current_user`

/** Revokes what the role could do, including by functions and views that it owns, and removes the members that it has added to itself. */
export const leaving = (name: string, other: string, isMember: boolean): string =>
  isMember
    ? `revoke ${identifier(name)} from ${identifier(other)}`
    : `revoke ${identifier(other)} from ${identifier(name)}`

/** Its transactions prepared for two-phase commit in this database, which outlive its backends and hold locks. */
export const preparedBy = (name: string): string =>
  `select gid from pg_catalog.pg_prepared_xacts where owner operator(pg_catalog.=) ${constant(name)}::pg_catalog.name and database operator(pg_catalog.=) pg_catalog.current_database()`

/** Runs outside a transaction block, as the owner. */
export const undoing = (gid: string): string => `rollback prepared ${constant(gid)}`

export const becoming = (name: string): string => `set role ${identifier(name)}`

/** Prevents further logins. A session that has changed the role and has not committed keeps this waiting. */
export const disabling = (name: string): string[] => [
  `set local lock_timeout = ${DISABLING_MS}`,
  `alter role ${identifier(name)} with nologin password null connection limit 0`,
]

/** Terminates the backends of the role; the rows are those that were still running. */
export const termination = (name: string): string =>
  `select pg_catalog.pg_terminate_backend(pid)::pg_catalog.text from pg_catalog.pg_stat_activity where usename operator(pg_catalog.=) ${constant(name)}::pg_catalog.name`

/** Runs in one transaction. `owner` becomes the owner of its objects in this database, and its privileges there are revoked. */
export const removal = (name: string, owner: string): string[] => [
  `reassign owned by ${identifier(name)} to ${identifier(owner)}`,
  `drop owned by ${identifier(name)}`,
  `drop role ${identifier(name)}`,
]

/**
 * Name, comment, whether the password expired more than five minutes ago, and the runs of gateways that the server sees (`presenceOf`),
 * separated by blanks: of roles without the privileges of an administrator. A run is visible before it creates a role, and the roles are
 * those from before the runs are looked up. Only connections of the administrator count: everybody can choose the application_name of their
 * own.
 */
export const MARKED_ROLES =
  `select r.rolname::pg_catalog.text, d.description, (r.rolvaliduntil operator(pg_catalog.<) (pg_catalog.now() operator(pg_catalog.-) '5 minutes'::pg_catalog.interval))::pg_catalog.text, ` +
  `(select pg_catalog.string_agg(pg_catalog.substr(a.application_name, ${presenceOf('').length + 1}), ' ') from pg_catalog.pg_stat_activity a where a.usename operator(pg_catalog.=) session_user and a.application_name operator(pg_catalog.~~) ${constant(`${presenceOf('')}%`)}) ` +
  `from pg_catalog.pg_roles r join pg_catalog.pg_shdescription d on d.objoid operator(pg_catalog.=) r.oid and d.classoid operator(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass where d.description operator(pg_catalog.~~) 'pam-gateway: made for session ses\\_%' and not r.rolsuper and not r.rolcreaterole and not r.rolcreatedb and not r.rolreplication and not r.rolbypassrls limit 1000`

/** The application_name of the connection that shows a run. */
export function presenceOf(run: string): string {
  return `pam-gateway ${run}`
}

/** Keeps the server from closing a connection that is idle on purpose (idle_session_timeout, since version 14). */
export const STAYING =
  "select pg_catalog.set_config(name, '0', false) from pg_catalog.pg_settings where name operator(pg_catalog.=) 'idle_session_timeout'"

const UNDOES = ['pg_signal_backend', 'pg_execute_server_program', 'pg_write_server_files']
/** The session's connections, and those that the gateway opens as the same role to end it or to read catalogs. */
const MAX_CONNECTIONS = 10
/** The gateway tries again once it has terminated the backends of the role. */
const DISABLING_MS = 400
