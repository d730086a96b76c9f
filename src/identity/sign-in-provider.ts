import type { SamlClient } from './saml/service-provider.ts'
import type { WebClient } from './web-sign-in.ts'

/** An identity provider that people can choose to sign in with. */
export type SignInProvider = {
  /** On its button, and in URLs. */
  readonly name: string
  /** Mail domains whose people sign in here. */
  readonly domains: readonly string[]
} & ({ readonly kind: 'oidc'; readonly client: WebClient } | { readonly kind: 'saml'; readonly client: SamlClient })

/** The providers of somebody with this address: those that name its domain, or all that name none. */
export function providersFor(email: string, providers: readonly SignInProvider[]): readonly SignInProvider[] {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase()
  const named = providers.filter(({ domains }) => domains.includes(domain))
  return named.length > 0 ? named : providers.filter(({ domains }) => domains.length === 0)
}
