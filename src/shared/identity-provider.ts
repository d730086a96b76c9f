import * as oidc from 'openid-client'
import { PamError } from './errors.ts'
import { isLoopback } from './loopback.ts'
import { providerWords } from './provider-words.ts'
import { visible } from './visible.ts'

/** A client of ours at an identity provider. */
export interface ProviderClient {
  readonly issuer: string
  readonly clientId: string
  /** Read for each call; absent for a public client, which PKCE or the device flow protects. */
  readonly clientSecret?: (() => string) | undefined
  /** Trusts the authority of the provider. */
  readonly fetch: typeof fetch
}

/** What signing in gives: a token for the gateway, and one to get the next with. */
export interface SignIn {
  readonly identityToken: string
  readonly refreshToken: string | undefined
}

/**
 * The provider's metadata. They must name the very issuer that was asked for: the library would take an address under `/.well-known/` for
 * an issuer of any name, and Entra's `common` for every tenant.
 */
export async function discoverProvider(client: ProviderClient, timeoutMs: number): Promise<oidc.Configuration> {
  const { issuer, clientId, clientSecret, fetch } = client
  const secret = clientSecret?.()
  try {
    const url = new URL(issuer)
    const config = await oidc.discovery(
      url,
      clientId,
      undefined,
      secret === undefined ? oidc.None() : oidc.ClientSecretBasic(secret),
      {
        timeout: timeoutMs / 1000,
        [oidc.customFetch]: fetch as oidc.CustomFetch,
        ...(url.protocol === 'http:' && isLoopback(url.hostname) ? { execute: [oidc.allowInsecureRequests] } : {}),
      },
    )
    const named = config.serverMetadata().issuer
    if (named !== issuer) throw new Error(`its metadata names the issuer ${visible(named)}`)
    return config
  } catch (error) {
    throw new PamError(
      'ISSUER_UNREACHABLE',
      `the identity provider ${visible(issuer)} cannot be reached or is not trusted`,
      {
        side: 'upstream',
        hint: 'try again in a moment; if this persists, contact your administrator',
        cause: error,
      },
    )
  }
}

/** A fresh identity token. NOT_SIGNED_IN where the provider says no; every other failure says nothing of the person. */
export async function renewSignIn(config: oidc.Configuration, refreshToken: string): Promise<SignIn> {
  try {
    return toSignIn(await oidc.refreshTokenGrant(config, refreshToken))
  } catch (error) {
    throw providerError(error, 'renewal')
  }
}

export async function revokeSignIn(config: oidc.Configuration, refreshToken: string): Promise<void> {
  if (config.serverMetadata().revocation_endpoint !== undefined) await oidc.tokenRevocation(config, refreshToken)
}

export function toSignIn(tokens: { id_token?: string; refresh_token?: string }): SignIn {
  if (tokens.id_token === undefined)
    throw new PamError('ISSUER_UNREACHABLE', 'the identity provider gave no identity token', { side: 'upstream' })
  return { identityToken: tokens.id_token, refreshToken: tokens.refresh_token }
}

/**
 * What a provider's answer means for a sign-in that is under way, or for one that is to be renewed (RFC 6749, 4.1.2.1 and 5.2; RFC 8628,
 * 3.5). A renewal is refused only by an error about the person or their grant: of somebody who is signed in already, a misconfigured
 * client says nothing.
 */
export function providerError(error: unknown, during: 'sign-in' | 'renewal'): PamError {
  if (error instanceof PamError) return error
  const words = providerWords(error)
  if (during === 'renewal') {
    return isRefusal(error)
      ? new PamError('NOT_SIGNED_IN', `the identity provider did not continue this sign-in (${words})`, {
          hint: 'sign in again: pamctl login',
          cause: error,
        })
      : noAnswer(error)
  }
  const { error: code, code: clientCode } = error as OAuthError
  if (code === 'access_denied')
    return new PamError('SIGN_IN_DENIED', 'the sign-in was refused in the browser', {
      hint: `the identity provider says: ${words}`,
      cause: error,
    })
  if (code === 'expired_token')
    return new PamError('SIGN_IN_EXPIRED', 'nobody entered the code in time', { hint: 'run pamctl login again' })
  if (clientCode === 'OAUTH_ABORT') return new PamError('SIGN_IN_EXPIRED', 'the sign-in was cancelled')
  if (words !== undefined && !isOverloaded(error))
    return new PamError('SIGN_IN_DENIED', `the identity provider refused the sign-in (${words})`, {
      hint: 'ask your administrator to compare the client at the provider with docs/identity-providers.md',
      cause: error,
    })
  if (clientCode !== undefined && MISMATCHES.has(clientCode))
    return new PamError('TOKEN_INVALID', 'the answer of the identity provider is not the one that was asked for', {
      hint: 'start the sign-in again',
      cause: error,
    })
  return noAnswer(error)
}

interface OAuthError {
  readonly error?: unknown
  /** Of the library. */
  readonly code?: string
}

/** State, nonce, issuer, audience or signature are not those of this sign-in. */
const MISMATCHES: ReadonlySet<string> = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_JWT_CLAIM_COMPARISON_FAILED',
  'OAUTH_JWT_TIMESTAMP_CHECK_FAILED',
  'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED',
  'OAUTH_KEY_SELECTION_FAILED',
  'OAUTH_UNSUPPORTED_OPERATION',
])

function noAnswer(error: unknown): PamError {
  const { message, cause } = error as { message: string; cause?: unknown }
  const why = providerWords(error) ?? (cause instanceof Response ? `HTTP ${cause.status}` : visible(message))
  return new PamError('ISSUER_UNREACHABLE', `the identity provider did not answer as expected (${why})`, {
    side: 'upstream',
    cause: error,
  })
}

/**
 * Whether an identity provider says no to somebody: an error of OAuth or OpenID Connect that is about the person or their grant (RFC
 * 6749, 5.2; OpenID Connect Core, 3.1.2.6). Everything else says nothing of the person: a provider that is overloaded, limits
 * its callers, is misconfigured or answers through a proxy that is none of these.
 */
function isRefusal(error: unknown): boolean {
  const { error: code } = error as OAuthError
  return typeof code === 'string' && REFUSALS.has(code) && !isOverloaded(error)
}

function isOverloaded(error: unknown): boolean {
  const { error: code, status } = error as { error?: unknown; status?: unknown }
  return (
    code === 'server_error' ||
    code === 'temporarily_unavailable' ||
    (typeof status === 'number' && (status >= 500 || status === 429 || status === 408))
  )
}

const REFUSALS: ReadonlySet<string> = new Set([
  'access_denied',
  'account_selection_required',
  'consent_required',
  'interaction_required',
  'invalid_grant',
  'login_required',
])
