import type { SignInIssuer } from '../api/schemas/identity.ts'
import { fetchWithCa } from '../shared/fetch-with-ca.ts'
import type { Answers } from './answers.ts'

/** Who signs in people at a gateway, the first choice first; one that is older than the list names one. */
export function issuersOf(discovery: Answers['discovery']): readonly SignInIssuer[] {
  const { issuers, issuer, clientId, issuerCa, scopes = [] } = discovery
  if (issuers !== undefined) return issuers
  if (issuer === undefined || clientId === undefined) return []
  const ca = issuerCa === undefined ? {} : { issuerCa }
  return [{ name: new URL(issuer).host, issuer, clientId, ...ca, scopes, domains: [], isGateway: false }]
}

/**
 * How an issuer is called: it may have a private authority, and the gateway's own issuer wants a proof of the caller's key (DPoP, RFC 9449) with each
 * request. `gatewayFetch` trusts the gateway.
 */
export function issuerFetch(
  { issuerCa, isGateway }: Pick<SignInIssuer, 'issuerCa' | 'isGateway'>,
  gatewayFetch: typeof fetch,
  prove: (method: string, url: string) => Promise<string>,
): typeof fetch {
  if (!isGateway) return issuerCa === undefined ? gatewayFetch : fetchWithCa(issuerCa)
  return async (input, init) => {
    const request = new Request(input, init)
    if (request.method === 'POST') request.headers.set('dpop', await prove(request.method, request.url))
    return gatewayFetch(request)
  }
}
