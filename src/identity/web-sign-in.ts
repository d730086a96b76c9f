import * as oidc from 'openid-client'
import {
  discoverProvider,
  providerError,
  renewSignIn,
  revokeSignIn,
  toSignIn,
  type ProviderClient,
  type SignIn,
} from '../shared/identity-provider.ts'
import { supportedScopes } from '../shared/provider-words.ts'

/** Our client at the identity provider that signs in browsers. */
export interface WebClient extends ProviderClient {
  readonly scopes: readonly string[]
}

/** What a sign-in that was begun must be finished with. */
export interface PendingSignIn {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

/** The provider's page to send the browser to: authorization code flow with PKCE, state and nonce (OpenID Connect Core 3.1, RFC 7636). */
export async function beginSignIn(
  client: WebClient,
  { redirectUri, fresh }: { readonly redirectUri: string; readonly fresh: boolean },
): Promise<{ url: string; pending: PendingSignIn }> {
  const config = await discover(client)
  const pending = {
    state: oidc.randomState(),
    nonce: oidc.randomNonce(),
    verifier: oidc.randomPKCECodeVerifier(),
  }
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: redirectUri,
    scope: supportedScopes(client.scopes, config.serverMetadata().scopes_supported).join(' '),
    state: pending.state,
    nonce: pending.nonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(pending.verifier),
    code_challenge_method: 'S256',
    // A sign-in that must be recent is not satisfied by the browser's old session at the provider.
    ...(fresh ? { prompt: 'login', max_age: '0' } : {}),
  })
  return { url: url.href, pending }
}

/** Exchanges the code that the browser came back with; `answer` is the URL it came to. */
export async function finishSignIn(
  client: WebClient,
  answer: URL,
  pending: PendingSignIn,
  redirectUri: string,
): Promise<SignIn> {
  const config = await discover(client)
  // The provider compares what it redirected to with what we registered: the public URL, whatever sits in between.
  const current = new URL(redirectUri)
  current.search = answer.search
  try {
    const tokens = await oidc.authorizationCodeGrant(config, current, {
      expectedState: pending.state,
      expectedNonce: pending.nonce,
      pkceCodeVerifier: pending.verifier,
      idTokenExpected: true,
    })
    return toSignIn(tokens)
  } catch (error) {
    throw providerError(error, 'sign-in')
  }
}

/** A fresh identity token. NOT_SIGNED_IN where the provider no longer gives one. */
export const renewWebSignIn = async (client: WebClient, refreshToken: string): Promise<SignIn> =>
  renewSignIn(await discover(client), refreshToken)

export const revokeWebSignIn = async (client: WebClient, refreshToken: string): Promise<void> =>
  revokeSignIn(await discover(client), refreshToken)

async function discover(client: WebClient): Promise<oidc.Configuration> {
  const { issuer, clientId, clientSecret, fetch } = client
  const key = `${issuer} ${clientId} ${clientSecret === undefined ? '' : 'secret'}`
  const known = discovered.get(fetch)?.get(key)
  if (known !== undefined && known.until > Date.now()) return known.config
  const config = await discoverProvider(client, TIMEOUT_MS)
  const kept = discovered.get(fetch) ?? new Map<string, Discovered>()
  discovered.set(fetch, kept.set(key, { config, until: Date.now() + KEPT_FOR }))
  return config
}

interface Discovered {
  readonly config: oidc.Configuration
  readonly until: number
}

/** By the authority that is trusted: a configuration with another one does not take over what an old one found. */
const discovered = new WeakMap<typeof fetch, Map<string, Discovered>>()

/** A refresh token works once: an answer that is given up takes the sign-in with it. */
const TIMEOUT_MS = 30_000
/** Milliseconds; a provider that rotates its endpoints is followed. */
const KEPT_FOR = 600_000
