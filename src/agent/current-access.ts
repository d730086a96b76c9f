import type { ApiClient } from '../gateway-client/api-client.ts'
import { PamError } from '../shared/errors.ts'
import { requestCommand } from '../shared/request-command.ts'

/** Whether somebody may use a target now: until when (milliseconds since the epoch; undefined: standing access), or why not. */
export type CurrentAccess = { readonly endsAt: number | undefined } | { readonly ended: PamError }

/** What the gateway says of the caller's access to a target. `since`: a revocation of standing access before it does not count. */
export async function currentAccess(
  api: Pick<ApiClient, 'targets' | 'grants'>,
  name: string,
  since: number,
): Promise<CurrentAccess> {
  const ended = (code: 'NO_ACCESS' | 'NO_GRANT' | 'LOCKED' | 'GRANT_REVOKED', message: string): CurrentAccess => ({
    ended: new PamError(code, message, code === 'LOCKED' ? {} : { hint: `request it again: ${requestCommand(name)}` }),
  })
  const target = (await api.targets()).find((candidate) => candidate.name === name)
  if (target === undefined) return ended('NO_ACCESS', `no rule gives you access to ${name}`)
  if (target.locked !== undefined) return ended('LOCKED', target.locked)
  const isStanding = target.grant === 'standing'
  const { items } = await api.grants.list({ active: !isStanding, limit: 100 })
  const grants = items.filter((grant) => grant.target === name)
  if (isStanding) {
    const revoked = grants[0]?.standing === true ? grants[0].revoked : undefined
    return revoked !== undefined && Date.parse(revoked.at) >= since
      ? ended('GRANT_REVOKED', `your access to ${name} was revoked by ${revoked.by}`)
      : { endsAt: undefined }
  }
  const ends = grants.filter(({ state }) => state === 'active').map(({ endsAt }) => Date.parse(endsAt))
  return ends.length === 0 ? ended('NO_GRANT', `your access to ${name} has ended`) : { endsAt: Math.max(...ends) }
}
