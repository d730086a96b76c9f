import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { provenUntil, type Login } from '../../identity/login.ts'
import { decideAccess } from '../../policy/decide.ts'
import { asPamError, PamError } from '../../shared/errors.ts'
import { newId } from '../../shared/id.ts'
import { VERSION } from '../../shared/version.ts'
import { TUNNEL_PROTOCOL } from '../../shared/web-socket-channel.ts'
import { appendAudit } from '../../storage/audit.ts'
import { openLogin, saveLogin, useToken } from '../../storage/logins.ts'
import { hasRole, proofOf } from '../authenticate.ts'
import type { ApiDeps } from '../deps.ts'
import { discoverySchema, tokenRequestSchema, tokenSchema, whoamiSchema } from '../schemas/identity.ts'
import { iso } from './to-json.ts'

export const identityRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  app.get(
    '/.well-known/pam-gateway',
    { schema: { response: { 200: discoverySchema } }, config: { public: true } },
    async () => {
      const { issuer, clientId, scopes } = deps.settings().discovery
      return {
        gateway: deps.publicUrl(),
        version: VERSION,
        api: ['v1'],
        tunnel: [TUNNEL_PROTOCOL],
        ...(issuer === undefined ? {} : { issuer }),
        ...(clientId === undefined ? {} : { clientId }),
        scopes: [...scopes],
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
      const login = await prove(request.body.identityToken, thumbprint, request.ip, deps).catch((error: unknown) => {
        deps.refusals.note(asPamError(error).code)
        throw error
      })
      const { token, expiresAt } = await deps.tokens.mint({ login: login.id, thumbprint }, now)
      return {
        accessToken: token,
        tokenType: 'DPoP' as const,
        expiresAt: iso(expiresAt),
        login: login.id,
        person: { ...login.person, groups: [...login.person.groups] },
        ...(login.authTime === undefined ? {} : { authTime: iso(login.authTime) }),
        reproof: deps.settings().reproof,
      }
    },
  )

  app.delete('/v1/login', async (request, reply) => {
    const login = request.login()
    await endLogin(login, request.ip, deps)
    return reply.status(204).send()
  })

  app.get('/v1/whoami', { schema: { response: { 200: whoamiSchema } } }, async (request) => {
    const login = request.login()
    return {
      person: { ...login.person, groups: [...login.person.groups] },
      login: login.id,
      provenUntil: iso(login.provenUntil),
      ...(login.authTime === undefined ? {} : { signedInAt: iso(login.authTime) }),
      roles: (['audit', 'operate'] as const).filter((role) => hasRole(login, role, deps)),
    }
  })
}

/** Takes an identity token: a new login at this key, or the proof of an old one. What it no longer may, ends now. */
async function prove(identityToken: string, thumbprint: string, from: string, deps: ApiDeps): Promise<Login> {
  const now = deps.clock.now()
  const identity = await deps.identities().verify(identityToken, now)
  const { id, kind, label, groups } = identity
  const login = await deps.db.change(async (tx) => {
    if (!(await useToken(tx, { digest: identity.digest, thumbprint, expiresAt: identity.expiresAt }, now)))
      return undefined
    const known = await openLogin(tx, id, thumbprint)
    const until = provenUntil(identity, now, deps.settings().reproof)
    const login: Login = {
      id: known?.id ?? newId('lgn'),
      person: { id, kind, label, groups },
      thumbprint,
      authTime: identity.authTime ?? known?.authTime,
      provenUntil: Math.max(until, known?.provenUntil ?? 0),
      createdAt: known?.createdAt ?? now,
      endedAt: undefined,
    }
    await saveLogin(tx, login)
    const changed = known !== undefined && known.person.groups.join('\n') !== groups.join('\n')
    if (known === undefined || changed) {
      await appendAudit(tx, now, {
        type: known === undefined ? 'login.created' : 'login.changed',
        actor: id,
        subject: login.id,
        data: { label, kind, groups, from },
      })
    }
    return login
  })
  if (login === undefined) {
    throw new PamError('TOKEN_USED', 'this identity token was already used with another key', {
      hint: 'sign in again: pamctl login',
    })
  }
  endWhatIsLost(login, deps)
  return login
}

/** Groups may have gone with the new proof: sessions whose target the person may not have any more end at once. */
function endWhatIsLost(login: Login, { registry, settings }: ApiDeps): void {
  const { policy, targets } = settings()
  registry.endWhere(
    (session) => {
      if (session.personId !== login.person.id) return false
      const target = targets.find(({ name }) => name === session.target)
      return target === undefined || decideAccess(policy, login.person, target) === undefined
    },
    new PamError('IDENTITY_LOST', 'your groups have changed: this access is not yours any more'),
  )
}

async function endLogin(login: Login, from: string, { db, clock, registry }: ApiDeps): Promise<void> {
  const now = clock.now()
  await db.change(async (tx) => {
    await saveLogin(tx, { ...login, endedAt: now })
    await appendAudit(tx, now, { type: 'login.ended', actor: login.person.id, subject: login.id, data: { from } })
  })
  registry.endWhere(
    ({ loginId }) => loginId === login.id,
    new PamError('IDENTITY_LOST', 'this login was signed out', { hint: 'sign in again: pamctl login' }),
  )
}
