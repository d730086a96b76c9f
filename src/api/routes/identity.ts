import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { asPamError } from '../../shared/errors.ts'
import { VERSION } from '../../shared/version.ts'
import { TUNNEL_PROTOCOL } from '../../tunnel/web-socket-channel.ts'
import { hasRole, proofOf } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { proveToken } from '../device/own-issuer.ts'
import { discoverySchema, tokenRequestSchema, tokenSchema, whoamiSchema } from '../schemas/identity.ts'
import { iso } from './to-json.ts'

export const identityRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  app.get(
    '/.well-known/pam-gateway',
    { schema: { response: { 200: discoverySchema } }, config: { public: true } },
    async () => {
      const issuers = deps.settings().discovery
      const { organization } = deps.settings().web
      const { issuer, clientId, issuerCa, scopes = [] } = issuers[0] ?? {}
      return {
        gateway: deps.publicUrl(),
        version: VERSION,
        api: ['v1'],
        tunnel: [TUNNEL_PROTOCOL],
        ...(organization === undefined ? {} : { organization }),
        ...(issuer === undefined ? {} : { issuer }),
        ...(clientId === undefined ? {} : { clientId }),
        ...(issuerCa === undefined ? {} : { issuerCa }),
        scopes: [...scopes],
        issuers: [...issuers],
      }
    },
  )

  app.post(
    '/v1/token',
    {
      schema: { body: tokenRequestSchema, response: { 200: tokenSchema } },
      config: { public: true, rateLimit: { max: 600, timeWindow: 60_000 } },
    },
    async (request) => {
      const now = deps.clock.now()
      const thumbprint = await deps.proofs.verify(proofOf(request.headers), {
        method: 'POST',
        url: `${deps.publicUrl()}/v1/token`,
        now,
      })
      const login = await proveToken(request.body.identityToken, thumbprint, request.ip, deps).catch(
        (error: unknown) => {
          deps.refusals.note(asPamError(error).code)
          throw error
        },
      )
      const { token, expiresAt } = await deps.tokens.mint({ login: login.id, thumbprint }, now)
      return {
        accessToken: token,
        tokenType: 'DPoP' as const,
        expiresAt: iso(expiresAt),
        login: login.id,
        person: { ...login.person, groups: [...login.person.groups] },
        ...(login.authTime === undefined ? {} : { authTime: iso(login.authTime) }),
        provenUntil: iso(login.provenUntil),
        reproof: deps.settings().reproof,
      }
    },
  )

  app.get('/v1/whoami', { schema: { response: { 200: whoamiSchema } } }, async (request) => {
    const login = request.login()
    return {
      person: { ...login.person, groups: [...login.person.groups] },
      login: login.id,
      provenUntil: iso(login.provenUntil),
      ...(login.authTime === undefined ? {} : { signedInAt: iso(login.authTime) }),
      roles: (['audit', 'operate', 'lock'] as const).filter((role) => hasRole(login, role, deps)),
    }
  })
}
