import type { ApiClient } from '../gateway-client/api-client.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import { visibleInLine } from '../shared/visible.ts'

/**
 * Nothing of somebody whom the gateway has never seen is more likely a slip than an answer. Who has signed in is said to auditors only.
 * @throws PamError NOT_FOUND where nobody of this name, e-mail address or id has signed in
 */
export async function needKnownPerson(api: Pick<ApiClient, 'auditPage'>, user: string): Promise<void> {
  if ((await isUnknown(api, user)) !== true) return
  throw new PamError('NOT_FOUND', visibleInLine(`nobody called "${user}" has ever signed in`), {
    hint: 'give the name, e-mail address or id that sessions and the audit log show',
  })
}

async function isUnknown(api: Pick<ApiClient, 'auditPage'>, user: string): Promise<boolean | undefined> {
  try {
    return (await api.auditPage({ user, limit: 1 })).unknownUser
  } catch (error) {
    if (asPamError(error).code === 'NOT_ALLOWED') return undefined
    throw error
  }
}
