import type { Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { saveLogin } from '../storage/logins.ts'
import { endSamlSessionsOfLogin } from '../storage/saml-sessions.ts'
import type { ApiDeps } from './deps.ts'

/** The end of a login, with that of its browser, in the audit chain. `actor`: who ended it, where that was not its person. */
export async function saveEnd(
  tx: Tx,
  login: Login,
  now: number,
  data: object,
  actor: string = login.person.id,
): Promise<void> {
  await saveLogin(tx, { ...login, endedAt: now })
  await tx.deleteFrom('web_sessions').where('login_id', '=', login.id).execute()
  await endSamlSessionsOfLogin(tx, login.id, now)
  await appendAudit(tx, now, { type: 'login.ended', actor, subject: login.id, data: { ...data } })
}

/** Ends what runs under logins that have ended; after the commit. */
export function endSessionsOf(
  logins: readonly Pick<Login, 'id'>[],
  registry: ApiDeps['registry'],
  message = 'this login was signed out',
): void {
  registry.endWhere(
    ({ loginId }) => logins.some(({ id }) => id === loginId),
    new PamError('IDENTITY_LOST', message, { hint: 'sign in again: pamctl login' }),
  )
}
