import * as oidc from 'openid-client'
import {
  discoverProvider,
  providerError,
  renewSignIn,
  revokeSignIn as revokeAtProvider,
  toSignIn,
  type SignIn,
} from '../shared/identity-provider.ts'
import { PamError } from '../shared/errors.ts'
import { supportedScopes } from '../shared/provider-words.ts'
import type { Discovery } from '../api/schemas/identity.ts'

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
    throw new PamError('ISSUER_UNTRUSTED', 'this gateway has no OpenID provider for people, which pamctl login needs', {
      hint: 'people who sign in with SAML use the dashboard; a service signs in with PAMCTL_TOKEN or --token-file',
    })
  }
  const { issuer, clientId } = discovery
  const config = await discoverProvider({ issuer, clientId, fetch: options.fetch }, TIMEOUT_MS)
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
