import type { Lessee } from '../../../../credentials/credential.ts'
import { accountNameOf } from '../../../../gateway/session-account.ts'

/** The name of the role of one session, at most 63 bytes. PostgreSQL reserves names that begin with pg_. */
export const roleNameOf = (lessee: Pick<Lessee, 'session' | 'person'>): string =>
  accountNameOf(lessee, MAX_NAME_BYTES, (name) => name.startsWith('pg_'))

/** Identifies a role as created by a gateway: it is stored in the role's comment, and nowhere else. */
export interface RoleMark {
  readonly session: string
  readonly target: string
  /** See `gatewayName`. */
  readonly gateway: string
  /** See `GATEWAY_RUN`. Undefined in marks of earlier versions. */
  readonly run: string | undefined
}

export const commentOf = ({ session, target, gateway, run }: RoleMark): string =>
  `pam-gateway: made for session ${session} with ${target}${run === undefined ? '' : ` in run ${run}`} by gateway ${gateway}`

/** Undefined for a role that no gateway created, whatever its name. */
export function markOf(role: string, comment: string): RoleMark | undefined {
  const [, session, target, run, gateway] =
    /^pam-gateway: made for session (ses_[0-9a-z]{13}) with (.+?)(?: in run ([0-9a-f]{16}))? by gateway ([0-9a-f]{16})$/.exec(
      comment,
    ) ?? []
  if (session === undefined || target === undefined || gateway === undefined) return undefined
  return role.endsWith(`_${session}`) ? { session, target, gateway, run } : undefined
}

/** A quoted identifier (manual, 4.1.1). */
export const identifier = (name: string): string => `"${withoutNul(name).replaceAll('"', '""')}"`

/** A string constant that means the same whatever standard_conforming_strings is (manual, 4.1.2). */
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
