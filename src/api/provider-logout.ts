import type { ProviderLogout } from '../identity/logout-token.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import { openLoginsAtProvider } from '../storage/logins.ts'
import { noteSessionLogout, noteSubjectLogout, useLogoutToken } from '../storage/provider-logouts.ts'
import type { ApiDeps } from './deps.ts'
import { endSessionsOf, saveEnd } from './end-login.ts'

/**
 * Ends the logins of somebody who has logged out at the provider, and what runs under them. Their identity tokens prove nothing from now on: those of the
 * session, or, where all sessions of the subject have ended, those that were issued before.
 */
export async function endAtProvider(
  logout: ProviderLogout,
  from: string,
  { db, clock, registry }: Pick<ApiDeps, 'db' | 'clock' | 'registry'>,
): Promise<void> {
  const { issuer, subject, session } = logout
  const ended = await db.change(async (tx) => {
    const now = clock.now()
    if (!(await useLogoutToken(tx, logout, now))) throw new PamError('TOKEN_USED', 'this logout token was already used')
    const logins = await openLoginsAtProvider(tx, issuer, logout)
    await appendAudit(tx, now, {
      type: 'provider.logged_out',
      actor: issuer,
      subject: subject ?? session ?? '',
      data: { logins: logins.length, from, ...(session === undefined ? {} : { session }) },
    })
    for (const login of logins) await saveEnd(tx, login, now, { why: 'logged out at the identity provider' }, issuer)
    if (session !== undefined) await noteSessionLogout(tx, issuer, session, now)
    // Of this issuer alone: the person may be signed in by another one, joined by a claim. Its clock says when a token was issued, and may be ahead.
    else if (subject !== undefined) await noteSubjectLogout(tx, issuer, subject, Math.max(now, logout.issuedAt))
    return logins
  })
  endSessionsOf(ended, registry, 'you logged out at the identity provider')
}
