import * as oidc from 'openid-client'
import {
  discoverProvider,
  providerError,
  renewSignIn,
  revokeSignIn as revokeAtProvider,
  toSignIn,
  type SignIn,
} from '../shared/identity-provider.ts'
import { supportedScopes } from '../shared/provider-words.ts'
import type { SignInIssuer } from '../api/schemas/identity.ts'

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

export interface DeviceSignInOptions {
  /** Reaches the issuer: see `issuerFetch`. */
  readonly fetch: typeof fetch
  /** The person is to enter their credentials again. */
  readonly fresh: boolean
  /** What this computer calls itself; shown where somebody confirms the sign-in at the gateway. No other issuer is told. */
  readonly deviceName?: string
  readonly signal: AbortSignal
  readonly show: (prompt: DevicePrompt) => void
}

/** The OAuth device authorization grant (RFC 8628) against an issuer of the gateway. */
export async function signInWithDevice(
  { issuer, clientId, scopes, isGateway }: SignInIssuer,
  options: DeviceSignInOptions,
): Promise<SignIn> {
  const config = await discoverProvider({ issuer, clientId, fetch: options.fetch }, TIMEOUT_MS)
  try {
    const device = await oidc.initiateDeviceAuthorization(config, {
      scope: supportedScopes(scopes, config.serverMetadata().scopes_supported).join(' '),
      // A sign-in that must be recent is not satisfied by the browser's old session.
      ...(options.fresh ? { prompt: 'login', max_age: '0' } : {}),
      ...(isGateway && options.deviceName !== undefined ? { device_name: options.deviceName } : {}),
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
    throw providerError(error, 'sign-in')
  }
}

/** A fresh identity token from the refresh token. NOT_SIGNED_IN where the provider no longer gives one. */
export async function refreshSignIn(refreshToken: string, options: IssuerOptions): Promise<SignIn> {
  return renewSignIn(await discoverProvider(options, options.timeoutMs ?? TIMEOUT_MS), refreshToken)
}

export async function revokeSignIn(refreshToken: string, options: IssuerOptions): Promise<void> {
  await revokeAtProvider(await discoverProvider(options, options.timeoutMs ?? TIMEOUT_MS), refreshToken)
}

const TIMEOUT_MS = 15_000
