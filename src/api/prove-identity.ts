import { provenUntil, type Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import {
  findTokenUse,
  lastEndedAt,
  openLogin,
  openLoginsOf,
  saveLogin,
  saveSignOutEverywhere,
  saveTokenUse,
  signedOutEverywhereAt,
  type TokenUse,
} from '../storage/logins.ts'
import type { ApiDeps } from './deps.ts'

/**
 * Takes an identity token: a new login at this key, or the proof of an old one. What it no longer may, ends now. A token proves the one
 * login that it was used for first; a key whose login was signed out gets no other one for that person, since the tokens that its
 * holder goes on renewing without anybody there would undo the sign-out. Who signs out everywhere takes back every token that was
 * issued before, also one that was never presented: it is good for no key.
 */
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
    const known = await openLogin(tx, id, thumbprint)
    const use: TokenUse = {
      digest: identity.digest,
      thumbprint,
      loginId: known?.id ?? newId('lgn'),
      expiresAt: identity.expiresAt,
    }
    const first = await findTokenUse(tx, use.digest, now)
    if (first !== undefined && first.thumbprint !== thumbprint) return 'another key'
    if (first !== undefined && first.loginId !== known?.id) return 'signed out'
    const endedAt = await lastEndedAt(tx, id, thumbprint)
    // A service has one key for all its jobs, and a token for each: only those from before the end are of no use.
    if (endedAt !== undefined && kind === 'service' && identity.issuedAt < endedAt) return 'signed out'
    if (endedAt !== undefined && kind === 'person' && known === undefined) return 'key signed out'
    const signedOutAt = await signedOutEverywhereAt(tx, id)
    if (signedOutAt !== undefined && identity.issuedAt < signedOutAt) return 'signed out everywhere'
    if (first === undefined) await saveTokenUse(tx, use)
    const until = provenUntil(identity, now, deps.settings().reproof)
    const proven: Login = {
      id: use.loginId,
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
  if (typeof login === 'string') throw refusals[login]()
  deps.registry.personChanged(login.person, deps.settings())
  return login
}

const signInAgain = { hint: 'sign in again: pamctl login' }
const refusals = {
  'another key': () => new PamError('TOKEN_USED', 'this identity token was already used with another key', signInAgain),
  'signed out': () =>
    new PamError('TOKEN_USED', 'this identity token was already used for a login that was signed out', signInAgain),
  'signed out everywhere': () =>
    new PamError('TOKEN_USED', 'this identity token was issued before you signed out everywhere', signInAgain),
  'key signed out': () => new PamError('KEY_SIGNED_OUT', 'the login of this key was signed out', signInAgain),
}

/** Signs a login out; what runs under it ends now. */
export async function endLogin(
  login: Login,
  data: { readonly from?: string; readonly why?: string },
  { db, clock, registry }: Pick<ApiDeps, 'db' | 'clock' | 'registry'>,
): Promise<void> {
  await db.change((tx) => saveEnd(tx, login, clock.now(), data))
  endSessionsOf([login], registry)
}

/** Signs a person out of every login at once: one that is made meanwhile is either among them, or refused for its token. */
export async function endEveryLogin(
  personId: string,
  from: string,
  { db, clock, registry }: Pick<ApiDeps, 'db' | 'clock' | 'registry'>,
): Promise<void> {
  const ended = await db.change(async (tx) => {
    const now = clock.now()
    await saveSignOutEverywhere(tx, personId, now)
    const logins = await openLoginsOf(tx, personId)
    for (const login of logins) await saveEnd(tx, login, now, { from, everywhere: true })
    return logins
  })
  endSessionsOf(ended, registry)
}

async function saveEnd(tx: Tx, login: Login, now: number, data: object): Promise<void> {
  await saveLogin(tx, { ...login, endedAt: now })
  await tx.deleteFrom('web_sessions').where('login_id', '=', login.id).execute()
  await appendAudit(tx, now, { type: 'login.ended', actor: login.person.id, subject: login.id, data: { ...data } })
}

function endSessionsOf(logins: readonly Login[], registry: ApiDeps['registry']): void {
  registry.endWhere(
    ({ loginId }) => logins.some(({ id }) => id === loginId),
    new PamError('IDENTITY_LOST', 'this login was signed out', { hint: 'sign in again: pamctl login' }),
  )
}
