import { createHash, timingSafeEqual } from 'node:crypto'
import { ScimError } from '../scim/scim-error.ts'
import type { ApiDeps } from './deps.ts'
import type { ProvisioningSource } from './directory-standing.ts'

/**
 * The source whose bearer token (RFC 6750) a request presents. Every token is compared, and in constant time. A source whose token cannot be read now
 * lets nobody in.
 */
export function authenticateSource(
  authorization: string | undefined,
  { settings, refusals, logger }: Pick<ApiDeps, 'settings' | 'refusals' | 'logger'>,
): ProvisioningSource {
  const presented = digest(/^Bearer ([\x21-\x7e]{1,1000})$/i.exec(authorization ?? '')?.[1] ?? '')
  let found: ProvisioningSource | undefined
  for (const source of settings().provisioning) {
    const token = tokenOf(source, logger)
    if (token !== undefined && timingSafeEqual(digest(token), presented)) found = source
  }
  if (found !== undefined) return found
  refusals.note('TOKEN_INVALID')
  throw new ScimError(401, 'the bearer token is missing, or is not that of a provisioning source')
}

function tokenOf({ name, token }: ProvisioningSource, logger: ApiDeps['logger']): string | undefined {
  try {
    const value = token()
    return value === '' ? undefined : value
  } catch (error) {
    logger.error({ source: name, problem: (error as Error).message }, 'scim.token_unreadable')
    return undefined
  }
}

const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
