import { matchesGrantPattern } from '../../catalog/grant-pattern.ts'
import { REGISTRY } from './account-statements.ts'

/**
 * Why a session with these grants could undo what the gateway does about its account, or keep its privileges past its end; undefined if no
 * grant allows it. `grants` are the rows of SHOW GRANTS for the role. Only grants that are fully understood pass.
 */
export function reachOf(grants: readonly string[]): string | undefined {
  for (const grant of grants) {
    const problem = problemOf(grant)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** The roles that were granted to the role, by name: their grants count as well. */
export const grantedTo = (grants: readonly string[]): string[] =>
  grants.flatMap((grant) => {
    const match = ROLES.exec(grant)
    return match === null ? [] : [...(match[1] ?? '').matchAll(NAMES)].map(([, name]) => unquoted(name))
  })

function problemOf(grant: string): string | undefined {
  if (/ WITH (?:GRANT|ADMIN) OPTION$/.test(grant)) return `it could give its rights to other accounts (${grant})`
  if (ROLES.test(grant)) return undefined
  const match = PRIVILEGES.exec(grant)
  if (match === null) return `what it may do is not understood (${grant})`
  const [, list = '', schema = '', object = ''] = match
  const privileges = list.replaceAll(/ \([^()]*\)/g, '').split(', ')
  const beyond = schema === '*' ? privileges.find((privilege) => !ANYWHERE.has(privilege)) : undefined
  if (beyond !== undefined) return `it may do more than its own work, on the whole server (${grant})`
  if (schema === '*') return undefined
  const unknown = privileges.find((privilege) => !IN_SCHEMAS.has(privilege))
  if (unknown !== undefined) return `what it may do is not understood (${grant})`
  const isPattern = object === '*'
  const name = unquoted(schema.slice(1, -1))
  const kept = KEPT.find((one) =>
    isPattern ? matchesGrantPattern(one, name.toLowerCase()) : name.toLowerCase() === one,
  )
  return kept === undefined ? undefined : `it reaches the database ${kept} (${grant})`
}

const unquoted = (name = ''): string => name.replaceAll('``', '`')

const NAME = '`((?:[^`]|``)+)`'
const ACCOUNT = `${NAME}(?:@${NAME})?`
/** `GRANT SELECT (`a`), INSERT ON `shop`.`t` TO …`; routines have their type before them. */
const PRIVILEGES =
  /^GRANT (.+) ON (?:(?:TABLE|PROCEDURE|FUNCTION|PACKAGE) )?(\*|`(?:[^`]|``)+`)\.(\*|`(?:[^`]|``)+`) TO [^ ]+$/
/** MariaDB: `GRANT `role` TO …`; MySQL: `GRANT `role`@`%` TO …`, several are separated by commas. */
const ROLES = new RegExp(`^GRANT (${ACCOUNT}(?:,${ACCOUNT})*) TO [^ ]+$`)
const NAMES = new RegExp(ACCOUNT, 'g')

/** Privileges on the whole server that pass: none that changes accounts, settings, files, other connections or anything shared. */
const ANYWHERE: ReadonlySet<string> = new Set(['USAGE', 'SHOW DATABASES', 'PROCESS'])
/** Privileges on databases and their objects that pass (manuals, GRANT): not GRANT OPTION and PROXY. */
const IN_SCHEMAS: ReadonlySet<string> = new Set([
  'ALL PRIVILEGES',
  'USAGE',
  'SELECT',
  'INSERT',
  'UPDATE',
  'DELETE',
  'CREATE',
  'DROP',
  'REFERENCES',
  'INDEX',
  'ALTER',
  'CREATE TEMPORARY TABLES',
  'LOCK TABLES',
  'EXECUTE',
  'CREATE VIEW',
  'SHOW VIEW',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'SHOW CREATE ROUTINE',
  'EVENT',
  'TRIGGER',
  'DELETE HISTORY',
  'DELETE VERSIONING ROWS',
])
/** The databases of accounts and their privileges, and of the accounts that gateways have created. */
const KEPT = ['mysql', REGISTRY]
