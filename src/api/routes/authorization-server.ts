import type { FastifyReply, FastifyRequest } from 'fastify'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { OWN_CLIENT } from '../../identity/own-issuer.ts'
import type { SamlClient } from '../../identity/saml/service-provider.ts'
import { asPamError } from '../../shared/errors.ts'
import { proofOf } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { beginDeviceGrant, pollDeviceGrant, refreshGrant, type Granted, type OAuthRefusal } from '../device/grant.ts'
import { ownIssuerUrl } from '../device/own-issuer.ts'
import { acceptForms } from '../form-body.ts'
import { samlClientNamed } from '../saml-identity.ts'
import type { App } from './app.ts'

/**
 * The gateway as an OAuth 2.0 authorization server, for its own command line alone and for each provider of SAML one: device authorization grant (RFC
 * 8628), refresh tokens, DPoP at every request (RFC 9449), metadata (RFC 8414).
 */
export const authorizationServerRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  acceptForms(app)
  metadataRoutes(app, deps)
  deviceAuthorizationRoute(app, deps)
  tokenRoute(app, deps)
}

const params = z.object({ name: z.string().max(40) })
/** Parameters that are not known are ignored (RFC 6749, section 3.1); one that is there twice has been refused. */
const body = z.record(z.string(), z.string())

function metadataRoutes(app: App, deps: ApiDeps): void {
  const options = { schema: { params, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } }
  const metadata = async ({ params: { name } }: { readonly params: { readonly name: string } }) => {
    const issuer = ownIssuerUrl(samlClientNamed(name, deps).issuer.name, deps)
    return {
      issuer,
      device_authorization_endpoint: `${issuer}/device_authorization`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      scopes_supported: ['openid', 'offline_access'],
      response_types_supported: [],
      grant_types_supported: [DEVICE_CODE_GRANT, 'refresh_token'],
      token_endpoint_auth_methods_supported: ['none'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['EdDSA'],
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA'],
    }
  }
  // OpenID Connect Discovery 1.0, section 4; RFC 8414, section 3.1.
  app.get('/auth/saml/:name/.well-known/openid-configuration', options, metadata)
  app.get('/.well-known/oauth-authorization-server/auth/saml/:name', options, metadata)
  app.get('/auth/saml/:name/jwks', options, async ({ params: { name } }) => {
    samlClientNamed(name, deps)
    return { keys: await deps.ownIssuer.keys() }
  })
}

function deviceAuthorizationRoute(app: App, deps: ApiDeps): void {
  app.post(
    '/auth/saml/:name/device_authorization',
    { schema: { params, body, hide: true }, config: { public: true, rateLimit: RATE_LIMIT } },
    async (request, reply) => {
      const asked = await readAsker(request, deps)
      if ('error' in asked) return refuse(reply, asked, deps)
      const { client, thumbprint } = asked
      const { prompt, max_age, device_name } = request.body
      const grant = await beginDeviceGrant(
        client,
        {
          thumbprint,
          address: request.ip,
          device: deviceName(device_name),
          isFresh: prompt === 'login' || max_age === '0',
        },
        deps,
      )
      if (grant === undefined)
        return refuse(
          reply,
          { error: 'temporarily_unavailable', description: 'too many sign-ins wait for a browser: wait a few minutes' },
          deps,
        )
      const page = `${deps.publicUrl()}/auth/device`
      return reply.send({
        device_code: grant.deviceCode,
        user_code: grant.userCode,
        verification_uri: page,
        verification_uri_complete: `${page}?user_code=${grant.userCode}`,
        expires_in: grant.expiresInSeconds,
        interval: grant.intervalSeconds,
      })
    },
  )
}

function tokenRoute(app: App, deps: ApiDeps): void {
  app.post(
    '/auth/saml/:name/token',
    { schema: { params, body, hide: true }, config: { public: true, rateLimit: { max: 600, timeWindow: 60_000 } } },
    async (request, reply) => {
      const asked = await readAsker(request, deps)
      if ('error' in asked) return refuse(reply, asked, deps)
      const { client, thumbprint } = asked
      const outcome = await grantOf(client, request.body, { thumbprint, from: request.ip }, deps)
      if ('error' in outcome) return refuse(reply, outcome, deps)
      return reply.send(await answerOf(outcome, { name: client.issuer.name, thumbprint }, deps))
    },
  )
}

function grantOf(
  client: SamlClient,
  { grant_type, device_code, refresh_token }: z.output<typeof body>,
  { thumbprint, from }: { readonly thumbprint: string; readonly from: string },
  deps: ApiDeps,
): Promise<Granted | OAuthRefusal> {
  if (grant_type === DEVICE_CODE_GRANT && device_code !== undefined)
    return pollDeviceGrant(client, { deviceCode: device_code, thumbprint }, deps)
  if (grant_type === 'refresh_token' && refresh_token !== undefined)
    return refreshGrant(client, { refreshToken: refresh_token, thumbprint, from }, deps)
  return Promise.resolve(
    grant_type === DEVICE_CODE_GRANT || grant_type === 'refresh_token' || grant_type === undefined
      ? { error: 'invalid_request', description: 'grant_type, device_code or refresh_token is missing' }
      : { error: 'unsupported_grant_type', description: 'this is for device codes and refresh tokens' },
  )
}

/** The ID token is what `/v1/token` takes. OAuth wants an access token besides (RFC 6749, section 5.1): this one opens nothing. */
async function answerOf(
  { session, refreshToken }: Granted,
  { name, thumbprint }: { readonly name: string; readonly thumbprint: string },
  deps: ApiDeps,
) {
  const { id, label, groups, authTime } = session.person
  const { token, expiresInSeconds } = await deps.ownIssuer.mint(
    { issuer: ownIssuerUrl(name, deps), person: id, label, groups, authTime, session: session.id, thumbprint },
    deps.clock.now(),
  )
  return {
    access_token: 'none',
    token_type: 'DPoP',
    expires_in: expiresInSeconds,
    id_token: token,
    refresh_token: refreshToken,
    scope: 'openid offline_access',
  }
}

/** Who asks: our own client, with a key that it proves. */
async function readAsker(
  request: FastifyRequest<{ Params: z.output<typeof params>; Body: z.output<typeof body> }>,
  deps: ApiDeps,
): Promise<{ readonly client: SamlClient; readonly thumbprint: string } | OAuthRefusal> {
  const client = samlClientNamed(request.params.name, deps)
  if (request.body['client_id'] !== OWN_CLIENT)
    return { error: 'invalid_client', description: `the only client is ${OWN_CLIENT}` }
  try {
    const url = deps.publicUrl() + request.url
    const { headers, method } = request
    return { client, thumbprint: await deps.proofs.verify(proofOf(headers), { method, url, now: deps.clock.now() }) }
  } catch (error) {
    const { code, message } = asPamError(error)
    if (code !== 'PROOF_INVALID' && code !== 'PROOF_REPLAYED') throw error
    return { error: 'invalid_dpop_proof', description: message }
  }
}

function refuse(reply: FastifyReply, { error, description }: OAuthRefusal, deps: ApiDeps): FastifyReply {
  if (error === 'invalid_dpop_proof') deps.refusals.note('PROOF_INVALID')
  if (error === 'invalid_grant') deps.refusals.note('TOKEN_INVALID')
  return reply.status(STATUS[error] ?? 400).send({ error, error_description: description })
}

/** What a computer calls itself, as far as it can be shown on a page without being taken for something else. */
function deviceName(given: string | undefined): string | undefined {
  const name = (given ?? '').replaceAll(/[^\w .@-]/g, '?').slice(0, MAX_DEVICE_NAME)
  return name.trim() === '' ? undefined : name
}

const DEVICE_CODE_GRANT = 'urn:ietf:params:oauth:grant-type:device_code'
const STATUS: Readonly<Partial<Record<OAuthRefusal['error'], number>>> = {
  invalid_client: 401,
  temporarily_unavailable: 429,
}
const MAX_DEVICE_NAME = 64
const RATE_LIMIT = { max: 300, timeWindow: 60_000 }
