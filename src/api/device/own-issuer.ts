import { namedIssuer } from '../../identity/own-issuer.ts'
import type { Login } from '../../identity/login.ts'
import type { SamlClient } from '../../identity/saml/service-provider.ts'
import { PamError } from '../../shared/errors.ts'
import { findSamlSession } from '../../storage/saml-sessions.ts'
import type { ApiDeps } from '../deps.ts'
import { proveIdentity } from '../prove-identity.ts'
import { proveSamlSession } from '../saml-identity.ts'

/** The gateway as the issuer of those who sign in with this provider: one for each, so that what is for one is good for no other. */
export const ownIssuerUrl = (name: string, { publicUrl }: Pick<ApiDeps, 'publicUrl'>): string =>
  `${publicUrl()}/auth/saml/${name}`

/**
 * Takes an identity token of a provider, or one of the gateway's own: that names a sign-in with SAML, which is looked up, and proves it to the key that the
 * token was made for.
 */
export async function proveToken(token: string, thumbprint: string, from: string, deps: ApiDeps): Promise<Login> {
  const client = ownClient(namedIssuer(token), deps)
  if (client === undefined) return proveIdentity(token, thumbprint, from, deps)
  const issuer = ownIssuerUrl(client.issuer.name, deps)
  const claims = await deps.ownIssuer.verify(token, issuer, deps.clock.now())
  if (claims.thumbprint !== thumbprint)
    throw new PamError('PROOF_INVALID', 'the identity token is bound to another key than that of the proof', {
      hint: 'sign in again: pamctl login',
    })
  const session = await findSamlSession(deps.db.read, claims.session)
  if (session === undefined || session.provider !== client.issuer.entityId)
    throw new PamError('TOKEN_INVALID', 'the identity token is about a sign-in that is not known here', {
      hint: 'sign in again: pamctl login',
    })
  return proveSamlSession(session, thumbprint, from, deps, claims)
}

function ownClient(issuer: string | undefined, deps: ApiDeps): SamlClient | undefined {
  for (const provider of deps.settings().web.providers)
    if (provider.kind === 'saml' && issuer === ownIssuerUrl(provider.name, deps)) return provider.client
  return undefined
}
