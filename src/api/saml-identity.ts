import { createHash, randomBytes } from 'node:crypto'
import type { ProvenIdentity } from '../identity/identity-token.ts'
import type { Login } from '../identity/login.ts'
import { directoryNameOf, samlOrigin, type DirectoryJoin, type DirectoryName } from '../identity/login-origin.ts'
import { allowedGroups } from '../identity/saml/identity.ts'
import type { SamlClient } from '../identity/saml/service-provider.ts'
import { PamError } from '../shared/errors.ts'
import type { Tx } from '../storage/database.ts'
import { signedOutEverywhereAt } from '../storage/logins.ts'
import { bindSamlSession, findSamlSession, type SamlSession } from '../storage/saml-sessions.ts'
import type { ApiDeps } from './deps.ts'
import { acceptIdentity, type Refusal } from './prove-identity.ts'

/**
 * Proves an identity by a sign-in with SAML that has not ended, at this key, as an identity token would: again and again until its end. A sign-in
 * proves one login. A provider that is no longer configured proves nobody. `token`: the one of the gateway's own that named it.
 */
export async function proveSamlSession(
  session: SamlSession,
  thumbprint: string,
  from: string,
  deps: ApiDeps,
  token?: Pick<ProvenIdentity, 'issuedAt' | 'expiresAt' | 'digest'>,
): Promise<Login> {
  const now = deps.clock.now()
  const client = samlClientOf(session.provider, deps)
  if (client === undefined)
    throw new PamError('ISSUER_UNTRUSTED', 'the identity provider of this sign-in is no longer configured', {
      hint: 'sign in again: pamctl login',
    })
  // What the provider may say of groups is what the configuration says now.
  const groups = allowedGroups(client.issuer, session.person.groups)
  const identity = {
    ...session.person,
    groups,
    kind: 'person',
    issuedAt: token?.issuedAt ?? now,
    expiresAt: token?.expiresAt ?? now + PROOF_LIFE_MS,
    endsAt: session.endsAt,
    origin: {
      issuer: samlOrigin(session.provider),
      subject: session.nameId,
      session: undefined,
      directory: client.provisioning && directoryName(session, client.provisioning),
      groups,
    },
    // Of a browser's session there is nothing that could be presented again.
    digest: token?.digest ?? createHash('sha256').update(randomBytes(32)).digest('base64url'),
  } as const
  const bind = async (tx: Tx, loginId: string): Promise<Refusal | undefined> => {
    const current = await findSamlSession(tx, session.id)
    if (current === undefined || current.endedAt !== undefined || current.endsAt <= now) return 'signed out'
    const signedOutAt = await signedOutEverywhereAt(tx, current.person.id)
    if (signedOutAt !== undefined && current.createdAt < signedOutAt) return 'signed out everywhere'
    if (current.loginId !== undefined && current.loginId !== loginId) return 'another key'
    await bindSamlSession(tx, current.id, loginId)
    return undefined
  }
  return acceptIdentity(identity, { thumbprint, from, bind }, deps)
}

/**
 * How the directory of the provider names who signed in. What was asserted of another claim, or before there was a directory, says nothing of that:
 * they sign in again.
 */
const directoryName = ({ directory }: SamlSession, join: DirectoryJoin): DirectoryName =>
  directoryNameOf(join, directory?.claim === join.claim ? directory.value : undefined)

/** The gateway as a service provider of this one; undefined where it is not configured. */
export function samlClientOf(entityId: string, { settings }: Pick<ApiDeps, 'settings'>): SamlClient | undefined {
  for (const provider of settings().web.providers)
    if (provider.kind === 'saml' && provider.client.issuer.entityId === entityId) return provider.client
  return undefined
}

/** The same by the name that is in its URLs. Throws NOT_FOUND. */
export function samlClientNamed(name: string, { settings }: Pick<ApiDeps, 'settings'>): SamlClient {
  const found = settings().web.providers.find((provider) => provider.kind === 'saml' && provider.name === name)
  if (found?.kind === 'saml') return found.client
  throw new PamError('NOT_FOUND', 'no SAML provider of this name is configured')
}

const PROOF_LIFE_MS = 60_000
