import { provenUntil, type Login } from '../identity/login.ts'
import { decideAccess } from '../policy/decide.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { appendAudit } from '../storage/audit.ts'
import { openLogin, saveLogin, useToken } from '../storage/logins.ts'
import type { ApiDeps } from './deps.ts'

/** Takes an identity token: a new login at this key, or the proof of an old one. What it no longer may, ends now. */
export async function proveIdentity(
  identityToken: string,
  thumbprint: string,
  from: string,
  deps: ApiDeps,
): Promise<Login> {
  const now = deps.clock.now()
  const identity = await deps.identities().verify(identityToken, now)
  const { id, kind, label, groups, email } = identity
  const login = await deps.db.change(async (tx) => {
    const use = await useToken(tx, { digest: identity.digest, thumbprint, expiresAt: identity.expiresAt }, now)
    const known = await openLogin(tx, id, thumbprint)
    if (use === 'elsewhere') return 'with another key'
    // Used with this key, which has no login: that one was signed out.
    if (use === 'used' && known === undefined) return 'for a login that was signed out'
    const until = provenUntil(identity, now, deps.settings().reproof)
    const proven: Login = {
      id: known?.id ?? newId('lgn'),
      person: { id, kind, label, groups },
      thumbprint,
      email,
      authTime: identity.authTime ?? known?.authTime,
      provenUntil: Math.max(until, known?.provenUntil ?? 0),
      createdAt: known?.createdAt ?? now,
      endedAt: undefined,
    }
    await saveLogin(tx, proven)
    const changed = known !== undefined && known.person.groups.join('\n') !== groups.join('\n')
    if (known === undefined || changed) {
      await appendAudit(tx, now, {
        type: known === undefined ? 'login.created' : 'login.changed',
        actor: id,
        subject: proven.id,
        data: { label, kind, groups, from, ...(thumbprint.startsWith('web:') ? { browser: true } : {}) },
      })
    }
    return proven
  })
  if (typeof login === 'string')
    throw new PamError('TOKEN_USED', `this identity token was already used ${login}`, {
      hint: 'sign in again: pamctl login',
    })
  endWhatIsLost(login, deps)
  return login
}

/** Groups may have gone with the new proof: sessions whose target the person may not have any more end at once. */
function endWhatIsLost(login: Login, { registry, settings }: ApiDeps): void {
  const { policy, targets } = settings()
  registry.endWhere(
    (session) => {
      if (session.personId !== login.person.id) return false
      const target = targets.find(({ name }) => name === session.target)
      return target === undefined || decideAccess(policy, login.person, target) === undefined
    },
    new PamError('IDENTITY_LOST', 'your groups have changed: this access is not yours any more'),
  )
}

/** Signs a login out; what runs under it ends now. */
export async function endLogin(
  login: Login,
  data: { readonly from?: string; readonly why?: string; readonly everywhere?: boolean },
  { db, clock, registry }: Pick<ApiDeps, 'db' | 'clock' | 'registry'>,
): Promise<void> {
  const now = clock.now()
  await db.change(async (tx) => {
    await saveLogin(tx, { ...login, endedAt: now })
    await tx.deleteFrom('web_sessions').where('login_id', '=', login.id).execute()
    await appendAudit(tx, now, { type: 'login.ended', actor: login.person.id, subject: login.id, data })
  })
  registry.endWhere(
    ({ loginId }) => loginId === login.id,
    new PamError('IDENTITY_LOST', 'this login was signed out', { hint: 'sign in again: pamctl login' }),
  )
}
