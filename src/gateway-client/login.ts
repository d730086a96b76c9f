import * as oidc from 'openid-client'
import { PamError } from '../shared/errors.ts'
import { isLoopback } from '../shared/loopback.ts'
import { isRefusal } from '../shared/provider-answer.ts'
import { providerWords, supportedScopes } from '../shared/provider-words.ts'
import { visible } from '../shared/visible.ts'
import type { Discovery } from '../api/schemas/identity.ts'

/** What signing in gives: a token for the gateway, and one to get the next with. */
export interface SignIn {
  readonly identityToken: string
  readonly refreshToken: string | undefined
}

export interface DevicePrompt {
  readonly url: string
  /** The URL with the code in it, where the provider offers one. */
  readonly completeUrl: string | undefined
  readonly code: string
  readonly expiresInSeconds: number
}

export interface IssuerOptions {
  readonly issuer: string
  readonly clientId: string
  readonly fetch: typeof fetch
  /** How long to wait for an answer. */
  readonly timeoutMs?: number
}

/** The OAuth device authorization grant (RFC 8628) against the gateway's issuer. */
export async function signInWithDevice(
  discovery: Discovery,
  options: { fetch: typeof fetch; fresh: boolean; signal: AbortSignal; show: (prompt: DevicePrompt) => void },
): Promise<SignIn> {
  if (discovery.issuer === undefined || discovery.clientId === undefined) {
    throw new PamError('ISSUER_UNTRUSTED', 'this gateway signs in no people', {
      hint: 'a service signs in with PAMCTL_TOKEN or --token-file',
    })
  }
  const config = await discoverIssuer({ issuer: discovery.issuer, clientId: discovery.clientId, fetch: options.fetch })
  try {
    const device = await oidc.initiateDeviceAuthorization(config, {
      scope: supportedScopes(discovery.scopes, config.serverMetadata().scopes_supported).join(' '),
      // A sign-in that must be recent is not satisfied by the browser's old session.
      ...(options.fresh ? { prompt: 'login', max_age: '0' } : {}),
    })
    options.show({
      url: device.verification_uri,
      completeUrl: device.verification_uri_complete,
      code: device.user_code,
      expiresInSeconds: device.expires_in,
    })
    const tokens = await oidc.pollDeviceAuthorizationGrant(config, device, undefined, { signal: options.signal })
    return toSignIn(tokens)
  } catch (error) {
    throw signInError(error)
  }
}

/** A fresh identity token from the refresh token. NOT_SIGNED_IN where the provider no longer gives one. */
export async function refreshSignIn(refreshToken: string, options: IssuerOptions): Promise<SignIn> {
  const config = await discoverIssuer(options)
  try {
    return toSignIn(await oidc.refreshTokenGrant(config, refreshToken))
  } catch (error) {
    if (error instanceof PamError) throw error
    throw isRefusal(error)
      ? new PamError(
          'NOT_SIGNED_IN',
          `the identity provider does not continue this sign-in (${providerWords(error)})`,
          {
            hint: 'sign in again: pamctl login',
            cause: error,
          },
        )
      : noAnswer(error)
  }
}

export async function revokeSignIn(refreshToken: string, options: IssuerOptions): Promise<void> {
  const config = await discoverIssuer(options)
  if (config.serverMetadata().revocation_endpoint !== undefined) await oidc.tokenRevocation(config, refreshToken)
}

async function discoverIssuer({
  issuer,
  clientId,
  fetch,
  timeoutMs = TIMEOUT_MS,
}: IssuerOptions): Promise<oidc.Configuration> {
  const url = new URL(issuer)
  try {
    return await oidc.discovery(url, clientId, undefined, oidc.None(), {
      timeout: timeoutMs / 1000,
      ...(url.protocol === 'http:' && isLoopback(url.hostname) ? { execute: [oidc.allowInsecureRequests] } : {}),
      [oidc.customFetch]: fetch as oidc.CustomFetch,
    })
  } catch (error) {
    throw new PamError('ISSUER_UNREACHABLE', `the identity provider ${issuer} cannot be reached or trusted`, {
      side: 'upstream',
      cause: error,
    })
  }
}

function toSignIn(tokens: { id_token?: string; refresh_token?: string }): SignIn {
  if (tokens.id_token === undefined) throw new PamError('TOKEN_INVALID', 'the identity provider gave no identity token')
  return { identityToken: tokens.id_token, refreshToken: tokens.refresh_token }
}

/** RFC 8628 section 3.5 and RFC 6749 section 5.2, each said plainly. */
function signInError(error: unknown): PamError {
  if (error instanceof PamError) return error
  const code = (error as { error?: string }).error ?? 'none'
  switch (code) {
    case 'access_denied':
      return new PamError('SIGN_IN_DENIED', 'the sign-in was refused in the browser', {
        hint: `the identity provider says: ${providerWords(error)}`,
      })
    case 'expired_token':
      return new PamError('SIGN_IN_EXPIRED', 'nobody entered the code in time', { hint: 'run pamctl login again' })
  }
  if ((error as Error).name === 'AbortError') return new PamError('SIGN_IN_EXPIRED', 'the sign-in was given up')
  const cause = (error as Error).cause
  if (cause instanceof Error && /expired/i.test(cause.message))
    return new PamError('SIGN_IN_EXPIRED', 'nobody entered the code in time')
  const words = providerWords(error)
  if (words !== undefined && REFUSALS.test(code))
    return new PamError('SIGN_IN_DENIED', `the identity provider refused the sign-in (${words})`, {
      cause: error,
      hint: 'your administrator can compare the client at the provider with docs/identity-providers.md',
    })
  return noAnswer(error)
}

/** Another attempt does not help (RFC 6749, 5.2; RFC 8628, 3.5). */
const REFUSALS = /^(invalid_scope|invalid_client|unauthorized_client|unsupported_grant_type|invalid_request)$/

function noAnswer(error: unknown): PamError {
  const { message, cause } = error as { message: string; cause?: unknown }
  const why = providerWords(error) ?? (cause instanceof Response ? `HTTP ${cause.status}` : visible(message))
  return new PamError('ISSUER_UNREACHABLE', `the identity provider did not answer as expected (${why})`, {
    side: 'upstream',
    cause: error,
  })
}

const TIMEOUT_MS = 15_000
