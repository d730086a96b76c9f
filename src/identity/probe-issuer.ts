import { z } from 'zod'
import { isLoopback } from '../shared/loopback.ts'
import { providerWords, supportedScopes } from '../shared/provider-words.ts'
import type { TrustedIssuer } from './issuer.ts'

/** What an issuer lacks of what signing in needs. */
export interface IssuerProbe {
  readonly details: readonly string[]
  readonly warnings: readonly string[]
}

/** Metadata, keys, endpoints, and for people whether the provider begins a device sign-in of our client. Throws what fails. */
export async function probeIssuer(issuer: TrustedIssuer, timeout: number): Promise<IssuerProbe> {
  const signal = AbortSignal.timeout(timeout)
  const url = `${issuer.url.replace(/\/$/, '')}/.well-known/openid-configuration`
  const metadata = await readJson(issuer, url, metadataSchema, signal)
  if (metadata.issuer !== issuer.url)
    throw new Error(`its metadata says issuer: ${metadata.issuer}, which must be exactly the configured url`)
  const { keys } = await readJson(issuer, metadata.jwks_uri, keysSchema, signal)
  const signing = keys.filter(({ use, alg }) => use !== 'enc' && (alg === undefined || isOneOf(issuer.algorithms, alg)))
  if (signing.length === 0)
    throw new Error(`none of its ${keys.length} keys signs with ${issuer.algorithms.join(', ')} (algorithms)`)
  const details = [`${signing.length} signing ${signing.length === 1 ? 'key' : 'keys'}`]
  const warnings: string[] = []
  if (issuer.for === 'services') return { details, warnings }

  for (const name of ENDPOINTS) {
    const endpoint = metadata[name]
    if (endpoint === undefined) {
      const what = name === 'device_authorization_endpoint' ? 'pamctl login' : 'the dashboard'
      warnings.push(`has no ${name}: ${what} cannot sign in with it`)
    } else if (new URL(endpoint).protocol !== 'https:' && !isLoopback(new URL(endpoint).hostname))
      throw new Error(`its ${name} is not https`)
  }
  const algorithms = metadata.id_token_signing_alg_values_supported
  if (algorithms !== undefined && !algorithms.some((algorithm) => isOneOf(issuer.algorithms, algorithm)))
    throw new Error(`it signs ID tokens with ${algorithms.join(', ')}: add one to algorithms`)
  const scopes = supportedScopes(issuer.scopes, metadata.scopes_supported)
  const missing = issuer.scopes.filter((scope) => !scopes.includes(scope) && !OPTIONAL_SCOPES.has(scope))
  if (missing.length > 0) warnings.push(`does not support the scopes ${missing.join(', ')}: they are not requested`)
  details.push(`scopes ${scopes.join(' ')}`)
  if (metadata.device_authorization_endpoint !== undefined) {
    await beginDeviceSignIn(issuer, metadata.device_authorization_endpoint, scopes, signal)
    details.push('begins device sign-ins')
  }
  return { details, warnings }
}

/** Asks for a device code (RFC 8628, 3.1), which nobody enters: it expires. Shows whether our client is registered for it. */
async function beginDeviceSignIn(
  { clientId = '', fetch }: TrustedIssuer,
  endpoint: string,
  scopes: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({ client_id: clientId, scope: scopes.join(' ') }),
    redirect: 'manual',
    signal,
  })
  const body = (await response.json().catch(() => ({}))) as { device_code?: unknown }
  if (response.ok && typeof body.device_code === 'string') return
  throw new Error(
    `it refuses a device sign-in of the client "${clientId}" (${providerWords(body) ?? `HTTP ${response.status}`})`,
  )
}

async function readJson<T extends z.ZodType>(
  { fetch }: TrustedIssuer,
  url: string,
  schema: T,
  signal: AbortSignal,
): Promise<z.output<T>> {
  const response = await fetch(url, { redirect: 'manual', signal }).catch((error: unknown) => {
    throw untrusted(error) ?? error
  })
  if (!response.ok) throw new Error(`${url} answers HTTP ${response.status}`)
  const parsed = schema.safeParse(await response.json().catch(() => undefined))
  if (parsed.success) return parsed.data
  throw new Error(
    `${url} is not what OpenID Connect Discovery asks for (${parsed.error.issues[0]?.path.join('.') ?? ''})`,
  )
}

/** What is missing where a private authority signed the certificate; undefined for every other failure. */
function untrusted(error: unknown): Error | undefined {
  const cause = error instanceof Error ? error.cause : undefined
  const isUntrusted =
    cause instanceof Error && 'code' in cause && /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(String(cause.code))
  return isUntrusted
    ? new Error('its certificate is not trusted: set ca of this issuer to the authority that signed it', { cause })
    : undefined
}

const isOneOf = (algorithms: readonly string[], algorithm: string): boolean => algorithms.includes(algorithm)

const metadataSchema = z.object({
  issuer: z.string(),
  jwks_uri: z.url(),
  authorization_endpoint: z.url().optional(),
  token_endpoint: z.url().optional(),
  device_authorization_endpoint: z.url().optional(),
  scopes_supported: z.array(z.string()).optional(),
  id_token_signing_alg_values_supported: z.array(z.string()).optional(),
})

const keysSchema = z.object({
  keys: z.array(z.object({ use: z.string().optional(), alg: z.string().optional() })),
})

const ENDPOINTS = ['token_endpoint', 'authorization_endpoint', 'device_authorization_endpoint'] as const
/** Asked for by default; providers without them put groups and refresh tokens elsewhere. */
const OPTIONAL_SCOPES = new Set(['groups', 'offline_access'])
