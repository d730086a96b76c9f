import type { EphemeralSettings } from '../../ephemeral-settings.ts'
import { commentOf, constant, identifier, type RoleMark } from './role-name.ts'

/** A role that is to be made. */
export interface NewRole {
  readonly name: string
  /** What the server keeps of its password. */
  readonly verifier: string
  /** As the server prints a time in UTC. */
  readonly validUntil: string
  readonly mark: RoleMark
}

/** When a password ends, by the clock of the server, which compares it with its own. */
export const timeIn = (seconds: number): string =>
  `select (pg_catalog.now() operator(pg_catalog.+) pg_catalog.make_interval(secs => ${Math.ceil(seconds)}))::pg_catalog.text`

/** All in one transaction: there is no role without its comment, by which it is found again. */
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

/** Nobody logs in as it again. The administrator becomes a member, which ending its backends and giving its objects away need. */
export const disabling = (name: string): string[] => [
  `alter role ${identifier(name)} with nologin password null connection limit 0`,
  `grant ${identifier(name)} to current_user`,
]

/** Ends what runs as the role; the rows are what was left. */
export const termination = (name: string): string =>
  `select pg_catalog.pg_terminate_backend(pid)::pg_catalog.text from pg_catalog.pg_stat_activity where usename operator(pg_catalog.=) ${constant(name)}::pg_catalog.name`

/** In one transaction. What it owns in this database goes to `owner`, what it was granted there is revoked. */
export const removal = (name: string, owner: string): string[] => [
  `reassign owned by ${identifier(name)} to ${identifier(owner)}`,
  `drop owned by ${identifier(name)}`,
  `drop role ${identifier(name)}`,
]

/** Name, comment, and whether its password ended more than five minutes ago: of roles that have no rights of an administrator. */
export const MARKED_ROLES = `select r.rolname::pg_catalog.text, d.description, (r.rolvaliduntil operator(pg_catalog.<) (pg_catalog.now() operator(pg_catalog.-) '5 minutes'::pg_catalog.interval))::pg_catalog.text from pg_catalog.pg_roles r join pg_catalog.pg_shdescription d on d.objoid operator(pg_catalog.=) r.oid and d.classoid operator(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass where d.description operator(pg_catalog.~~) 'pam-gateway: made for session ses\\_%' and not r.rolsuper and not r.rolcreaterole and not r.rolcreatedb and not r.rolreplication and not r.rolbypassrls limit 1000`

/** The session's, and those that the gateway opens as the same role to end it or to read catalogs. */
const MAX_CONNECTIONS = 10
