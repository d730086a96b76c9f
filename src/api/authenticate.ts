import type { IncomingHttpHeaders } from 'node:http'
import type { Login } from '../identity/login.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import type { ApiDeps, Role } from './deps.ts'
import { provenLogin } from './proven-login.ts'

type AuthenticationDeps = Pick<ApiDeps, 'tokens' | 'proofs' | 'db' | 'clock' | 'publicUrl' | 'refusals'>

interface Call {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
}

/** Who makes a call: the access token, the proof that its key is here, and the login behind it, looked up. */
export async function authenticate(request: Call, deps: AuthenticationDeps): Promise<Login> {
  try {
    return await identify(request, deps)
  } catch (error) {
    deps.refusals.note(asPamError(error).code)
    throw error
  }
}

async function identify(request: Call, deps: AuthenticationDeps): Promise<Login> {
  const now = deps.clock.now()
  const [scheme, accessToken] = (request.headers.authorization ?? '').split(' ')
  if (scheme !== 'DPoP' || accessToken === undefined) {
    throw new PamError('NOT_SIGNED_IN', 'the call has no access token', { hint: 'sign in: pamctl login' })
  }
  const claims = await deps.tokens.verify(accessToken, now)
  const thumbprint = await deps.proofs.verify(proofOf(request.headers), {
    method: request.method,
    url: deps.publicUrl() + request.url,
    accessToken,
    now,
  })
  if (thumbprint !== claims.thumbprint)
    throw new PamError('PROOF_INVALID', 'the DPoP proof was signed with a different key than the token is bound to')
  return provenLogin(deps.db.read, claims.login, now)
}

/** The DPoP header, of which there must be one. */
export function proofOf(headers: IncomingHttpHeaders): string | undefined {
  const proof = headers['dpop']
  return typeof proof === 'string' ? proof : undefined
}

export function hasRole(login: Login, role: Role, deps: Pick<ApiDeps, 'settings'>): boolean {
  return (
    login.person.kind === 'person' && deps.settings().roles[role].some((group) => login.person.groups.includes(group))
  )
}
