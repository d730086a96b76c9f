import type { Grant } from '../access/grant.ts'
import type { ProvenIdentity } from '../identity/identity-token.ts'
import { provenUntil, type Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { newId } from '../shared/id.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import { saveDirectoryUser, type DirectoryUser } from '../storage/directory-users.ts'
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
import { hasSessionLoggedOut, subjectLoggedOutAt } from '../storage/provider-logouts.ts'
import type { ApiDeps } from './deps.ts'
import { actorOf, revokeLostGrants, takeEffect } from './directory-effects.ts'
import { directoryStanding, disabledError } from './directory-standing.ts'
import { endSessionsOf, saveEnd } from './end-login.ts'

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
  return acceptIdentity(await deps.identities().verify(identityToken, deps.clock.now()), { thumbprint, from }, deps)
}

/** Whether a proof may prove this login; asked in the transaction in which it does. */
export type BindProof = (tx: Tx, loginId: string) => Promise<Refusal | undefined>

/** The same of an identity that was proven by what is no token. */
export async function acceptIdentity(
  identity: ProvenIdentity,
  { thumbprint, from, bind }: { readonly thumbprint: string; readonly from: string; readonly bind?: BindProof },
  deps: ApiDeps,
): Promise<Login> {
  const now = deps.clock.now()
  const outcome = await deps.db.change((tx) => prove(tx, identity, { thumbprint, from, now, bind }, deps))
  if (outcome.refusal !== undefined) {
    if (outcome.ended !== undefined) endSessionsOf([outcome.ended], deps.registry, outcome.refusal.message)
    throw outcome.refusal
  }
  const { login, sameIssuer, revoked } = outcome
  deps.registry.personChanged(login.person, deps.settings(), new Set([login.id, ...sameIssuer]))
  takeEffect({ ended: [], changed: [], revoked }, deps)
  return login
}

type Outcome =
  | {
      readonly refusal: PamError
      /** A login that is good for nothing any more. */
      readonly ended?: Login
    }
  | {
      readonly refusal: undefined
      readonly login: Login
      /** Other open logins of the person whose groups come from the same issuer. */
      readonly sameIssuer: readonly string[]
      readonly revoked: readonly Grant[]
    }

async function prove(
  tx: Tx,
  identity: ProvenIdentity,
  {
    thumbprint,
    from,
    now,
    bind,
  }: {
    readonly thumbprint: string
    readonly from: string
    readonly now: number
    readonly bind: BindProof | undefined
  },
  deps: ApiDeps,
): Promise<Outcome> {
  const { id, kind, label, email, origin } = identity
  const known = await openLogin(tx, id, thumbprint)
  const use: TokenUse = {
    digest: identity.digest,
    thumbprint,
    loginId: known?.id ?? newId('lgn'),
    expiresAt: identity.expiresAt,
  }
  const first = await findTokenUse(tx, identity.digest, now)
  const problem = (await tokenProblem(tx, identity, { first, thumbprint, known })) ?? (await bind?.(tx, use.loginId))
  if (problem !== undefined) return { refusal: refusals[problem](kind) }
  const rules = deps.settings()
  const standing = await directoryStanding(tx, { personId: id, origin }, rules.provisioning)
  if (!standing.may) {
    const refusal = disabledError(standing)
    if (known === undefined) return { refusal }
    await saveEnd(
      tx,
      known,
      now,
      { why: standing.because, directory: standing.source },
      actorOf({ name: standing.source }),
    )
    return { refusal, ended: known }
  }
  if (standing.user !== undefined && standing.user.personId !== id) await linkPerson(tx, standing.user, id, now)
  const groups = standing.groups ?? identity.groups
  if (first === undefined) await saveTokenUse(tx, use)
  const until = provenUntil(identity, now, rules.reproof)
  const login: Login = {
    id: use.loginId,
    person: { id, kind, label, groups },
    thumbprint,
    email,
    authTime: identity.authTime ?? known?.authTime,
    provenUntil: Math.max(until, known?.provenUntil ?? 0),
    createdAt: known?.createdAt ?? now,
    endedAt: undefined,
    origin,
  }
  await saveLogin(tx, login)
  const changed = known !== undefined && known.person.groups.join('\n') !== groups.join('\n')
  if (known === undefined || changed) {
    await appendAudit(tx, now, {
      type: known === undefined ? 'login.created' : 'login.changed',
      actor: id,
      subject: login.id,
      data: { label, kind, groups, from, ...(thumbprint.startsWith('web:') ? { browser: true } : {}) },
    })
  }
  // What the directory said of this person while they were not signed in.
  const source = origin.directory?.source
  const revoked = source === undefined ? [] : await revokeLostGrants(tx, login.person, rules, { name: source }, now)
  const sameIssuer = (await openLoginsOf(tx, id))
    .filter((one) => one.origin === undefined || one.origin.issuer === origin.issuer)
    .map((one) => one.id)
  return { refusal: undefined, login, sameIssuer, revoked }
}

/** Why a token proves nothing here, whoever it is about. */
async function tokenProblem(
  tx: Tx,
  { id, kind, issuedAt, origin }: ProvenIdentity,
  {
    first,
    thumbprint,
    known,
  }: { readonly first: TokenUse | undefined; readonly thumbprint: string; readonly known: Login | undefined },
): Promise<keyof typeof refusals | undefined> {
  if (first !== undefined && first.thumbprint !== thumbprint) return 'another key'
  if (first !== undefined && first.loginId !== known?.id) return 'signed out'
  const endedAt = await lastEndedAt(tx, id, thumbprint)
  // A service has one key for all its jobs, and a token for each: only those from before the end are of no use.
  if (endedAt !== undefined && kind === 'service' && issuedAt < endedAt) return 'signed out'
  if (endedAt !== undefined && kind === 'person' && known === undefined) return 'key signed out'
  const signedOutAt = await signedOutEverywhereAt(tx, id)
  if (signedOutAt !== undefined && issuedAt < signedOutAt) return 'signed out everywhere'
  if (origin.session !== undefined && (await hasSessionLoggedOut(tx, origin.issuer, origin.session)))
    return 'signed out at the provider'
  const loggedOutAt = await subjectLoggedOutAt(tx, origin.issuer, origin.subject)
  if (loggedOutAt !== undefined && issuedAt < loggedOutAt) return 'subject signed out at the provider'
  return undefined
}

/** From now on the directory's word on its user is about this person, also at other issuers. */
async function linkPerson(tx: Tx, user: DirectoryUser, personId: string, now: number): Promise<void> {
  await saveDirectoryUser(tx, { ...user, personId })
  await appendAudit(tx, now, {
    type: 'directory.user_linked',
    actor: personId,
    subject: user.id,
    data: { source: user.source, ...(user.personId === undefined ? {} : { before: user.personId }) },
  })
}

export type Refusal = keyof typeof refusals

type Kind = ProvenIdentity['kind']

/** A service cannot sign in again: its CI provider issues its tokens. */
const anotherToken = (kind: Kind): { hint: string } => ({
  hint: kind === 'service' ? 'request a new token from your CI provider' : 'sign in again: pamctl login',
})
const usedToken =
  (message: string, hint: (kind: Kind) => { hint: string } = anotherToken) =>
  (kind: Kind) =>
    new PamError('TOKEN_USED', message, hint(kind))

const refusals = {
  'another key': usedToken('this identity token was already used with another key', (kind) =>
    kind === 'service'
      ? {
          hint: 'a token is for one HOME (PAMCTL_HOME): request a new token from your CI provider, or share the HOME',
        }
      : anotherToken(kind),
  ),
  'signed out': usedToken('this identity token was already used for a login that was signed out'),
  'signed out everywhere': usedToken('this identity token was issued before you signed out everywhere'),
  'signed out at the provider': usedToken(
    'this identity token belongs to a session that has ended at the identity provider',
  ),
  'subject signed out at the provider': usedToken(
    'this identity token was issued before you logged out at the identity provider',
  ),
  'key signed out': (kind: Kind) =>
    new PamError('KEY_SIGNED_OUT', 'the login of this key was signed out', anotherToken(kind)),
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
