import type { LogoutRequest } from '../identity/saml/logout.ts'
import type { SamlClient } from '../identity/saml/service-provider.ts'
import { PamError } from '../shared/errors.ts'
import { findLogin } from '../storage/logins.ts'
import { noteSamlLogout, useOnce } from '../storage/saml.ts'
import { endSamlSession, openSamlSessions } from '../storage/saml-sessions.ts'
import type { ApiDeps } from './deps.ts'
import { endLogin } from './prove-identity.ts'

/** Ends what rests on sign-ins that the provider says are over: browsers' sessions, command lines' logins, and everything live under them. */
export async function endSignedOutAtProvider(
  { issuer }: SamlClient,
  { id, nameId, sessionIndexes, issuedAt, expiresAt }: LogoutRequest,
  from: string,
  deps: ApiDeps,
): Promise<void> {
  const now = deps.clock.now()
  const provider = issuer.entityId
  const ended = await deps.db.change(async (tx) => {
    if (!(await useOnce(tx, { kind: 'request', provider, id, expiresAt }, now))) return undefined
    await noteSamlLogout(tx, { provider, nameId, sessionIndexes, issuedAt })
    const sessions = await openSamlSessions(tx, provider, nameId, sessionIndexes)
    // Also those that no login rests on yet: a browser or a command line may be about to take them.
    for (const session of sessions) await endSamlSession(tx, session.id, now)
    return sessions
  })
  if (ended === undefined)
    throw new PamError('TOKEN_USED', 'this logout request of the identity provider was used before')
  for (const { loginId } of ended) {
    const login = loginId === undefined ? undefined : await findLogin(deps.db.read, loginId)
    if (login === undefined || login.endedAt !== undefined) continue
    await endLogin(login, { from, why: 'signed out at the identity provider' }, deps)
  }
}
