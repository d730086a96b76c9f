import type { Lessee } from '../../../../credentials/credential.ts'

/**
 * The name of the role of one session: `jane_ses_0123456789abc`, at most 63 bytes, of the part of a mail address before its @ in
 * plain letters. Roles are of all databases of a server, whatever their encodings, so it is ASCII.
 */
export function roleNameOf({ session, person }: Lessee): string {
  const [local = ''] = person.label.split('@')
  const plain = local
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9_.-]+/g, '_')
    .replace(/^[^a-z]+|_+$/g, '')
  // PostgreSQL keeps names that begin with pg_ for itself.
  const name = plain === '' || plain.startsWith('pg_') ? `user_${plain}` : plain
  return `${name.slice(0, MAX_NAME_BYTES - session.length - 1).replace(/_+$/, '')}_${session}`
}

/** What makes a role one of ours: on it as its comment, and nowhere else. */
export interface RoleMark {
  readonly session: string
  readonly target: string
  /** See `gatewayName`. */
  readonly gateway: string
}

export const commentOf = ({ session, target, gateway }: RoleMark): string =>
  `pam-gateway: made for session ${session} with ${target} by gateway ${gateway}`

/** Undefined for a role that is not ours, whatever it is called. */
export function markOf(role: string, comment: string): RoleMark | undefined {
  const [, session, target, gateway] =
    /^pam-gateway: made for session (ses_[0-9a-z]{13}) with (.+) by gateway ([0-9a-f]{16})$/.exec(comment) ?? []
  if (session === undefined || target === undefined || gateway === undefined) return undefined
  return role.endsWith(`_${session}`) ? { session, target, gateway } : undefined
}

/** An identifier, in quotes (manual, 4.1.1). */
export const identifier = (name: string): string => `"${withoutNul(name).replaceAll('"', '""')}"`

/** A string constant that reads the same whatever standard_conforming_strings says (manual, 4.1.2). */
export function constant(text: string): string {
  const quoted = `'${withoutNul(text).replaceAll("'", "''")}'`
  return text.includes('\\') ? ` E${quoted.replaceAll('\\', '\\\\')}` : quoted
}

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new Error('a name or a value contains a zero byte')
  return text
}

/** NAMEDATALEN - 1. */
const MAX_NAME_BYTES = 63
