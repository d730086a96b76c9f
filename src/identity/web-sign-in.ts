import * as oidc from 'openid-client'
import { PamError } from '../shared/errors.ts'
import { isLoopback } from '../shared/loopback.ts'
import { isRefusal } from '../shared/provider-answer.ts'
import { providerWords, supportedScopes } from '../shared/provider-words.ts'

/** Our client at the identity provider that signs in browsers. */
export interface WebClient {
  readonly issuer: string
  readonly clientId: string
  /** Read for each call; absent for a public client, which PKCE protects. */
  readonly clientSecret: (() => string) | undefined
  readonly scopes: readonly string[]
  /** Trusts the authority of the provider. */
  readonly fetch: typeof fetch
}

/** What a sign-in that was begun must be finished with. */
export interface PendingSignIn {
  readonly state: string
  readonly nonce: string
  readonly verifier: string
}

export interface WebTokens {
  readonly identityToken: string
  readonly refreshToken: string | undefined
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
): Promise<WebTokens> {
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
    return toTokens(tokens)
  } catch (error) {
    throw signInError(error, 'sign-in')
  }
}

/** A fresh identity token. SIGN_IN_DENIED where the provider does not give one any more. */
export async function renewSignIn(client: WebClient, refreshToken: string): Promise<WebTokens> {
  const config = await discover(client)
  try {
    return toTokens(await oidc.refreshTokenGrant(config, refreshToken))
  } catch (error) {
    throw signInError(error, 'renewal')
  }
}

export async function revokeSignIn(client: WebClient, refreshToken: string): Promise<void> {
  const config = await discover(client)
  if (config.serverMetadata().revocation_endpoint !== undefined) await oidc.tokenRevocation(config, refreshToken)
}

async function discover({ issuer, clientId, clientSecret, fetch }: WebClient): Promise<oidc.Configuration> {
  const secret = clientSecret?.()
  const key = `${issuer} ${clientId} ${secret === undefined ? '' : 'secret'}`
  const known = discovered.get(fetch)?.get(key)
  if (known !== undefined && known.until > Date.now()) return known.config
  const url = new URL(issuer)
  try {
    const config = await oidc.discovery(
      url,
      clientId,
      undefined,
      secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret),
      {
        timeout: TIMEOUT_SECONDS,
        [oidc.customFetch]: fetch as oidc.CustomFetch,
        ...(url.protocol === 'http:' && isLoopback(url.hostname) ? { execute: [oidc.allowInsecureRequests] } : {}),
      },
    )
    const kept = discovered.get(fetch) ?? new Map<string, Discovered>()
    discovered.set(fetch, kept.set(key, { config, until: Date.now() + KEPT_FOR }))
    return config
  } catch (error) {
    throw new PamError('ISSUER_UNREACHABLE', 'the identity provider cannot be reached or trusted', {
      side: 'upstream',
      hint: 'try again in a moment; if it stays so, tell whoever runs the gateway',
      cause: error,
    })
  }
}

interface Discovered {
  readonly config: oidc.Configuration
  readonly until: number
}

/** By the authority that is trusted: a configuration with another one does not take over what an old one found. */
const discovered = new WeakMap<typeof fetch, Map<string, Discovered>>()

function toTokens(tokens: { id_token?: string; refresh_token?: string }): WebTokens {
  if (tokens.id_token === undefined) throw new PamError('TOKEN_INVALID', 'the identity provider gave no identity token')
  return { identityToken: tokens.id_token, refreshToken: tokens.refresh_token }
}

/** RFC 6749 sections 4.1.2.1 and 5.2, each said plainly; whether the provider said no, or only did not answer. */
function signInError(error: unknown, during: 'sign-in' | 'renewal'): PamError {
  if (error instanceof PamError) return error
  const code = (error as { error?: string }).error
  const words = providerWords(error)
  if (code === 'access_denied')
    return new PamError('SIGN_IN_DENIED', 'the sign-in was refused', {
      cause: error,
      hint: `the identity provider says: ${words}`,
    })
  // Of somebody who is signed in already, a misconfigured client says nothing: that is no end of their sign-in.
  if (
    words !== undefined &&
    (isRefusal(error) || during === 'sign-in') &&
    !/^(server_error|temporarily_unavailable)$/.test(code ?? '')
  )
    return new PamError('SIGN_IN_DENIED', `the identity provider refused the sign-in (${words})`, {
      cause: error,
      hint: 'your administrator can compare the client at the provider with docs/identity-providers.md',
    })
  if (error instanceof oidc.ClientError && (error.code ?? '').startsWith('OAUTH_') && error.code !== 'OAUTH_TIMEOUT')
    return new PamError('TOKEN_INVALID', 'the answer of the identity provider is not the one that was asked for', {
      hint: 'begin again',
      cause: error,
    })
  const why = words === undefined ? '' : ` (${words})`
  return new PamError('ISSUER_UNREACHABLE', `the identity provider did not answer as expected${why}`, {
    side: 'upstream',
    cause: error,
  })
}

/** A refresh token works once: an answer that is given up takes the sign-in with it. */
const TIMEOUT_SECONDS = 30
/** Milliseconds; a provider that rotates its endpoints is followed. */
const KEPT_FOR = 600_000
