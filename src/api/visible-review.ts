import type { Approval } from '../access/approval.ts'
import type { AccessRequest } from '../access/request.ts'
import type { Reviewer } from '../access/review.ts'
import type { SessionRegistry } from '../gateway/session-registry.ts'
import type { Login } from '../identity/login.ts'
import { PamError } from '../shared/errors.ts'
import { findApprovals } from '../storage/approvals.ts'
import { onlyOne, type Reader } from '../storage/page.ts'
import { findRequests } from '../storage/requests.ts'
import { hasRole } from './authenticate.ts'
import type { ApiDeps } from './deps.ts'

export const reviewerOf = (login: Login): Reviewer => ({ ...login.person, authTime: login.authTime })

/** A held command whose session is gone: nobody waits for a decision on it, whatever the store says. */
export const isAbandoned = (review: AccessRequest | Approval, registry: Pick<SessionRegistry, 'has'>): boolean =>
  'sessionId' in review && !registry.has(review.sessionId)

/** Throws ALREADY_DECIDED where nobody waits for a decision. */
export function needWaiting(review: AccessRequest | Approval, registry: Pick<SessionRegistry, 'has'>): void {
  if (review.state === 'pending' && isAbandoned(review, registry))
    throw new PamError('ALREADY_DECIDED', `the session that ${review.id} was held in has ended`, { id: review.id })
}

/** Whose it is, who decides on it, and auditors. */
export const maySee = (
  { requester, approvers }: AccessRequest | Approval,
  login: Login,
  deps: Pick<ApiDeps, 'settings'>,
): boolean =>
  requester.id === login.person.id ||
  approvers.groups.some((group) => login.person.groups.includes(group)) ||
  hasRole(login, 'audit', deps)

export async function visibleReview(
  reader: Reader,
  id: string,
  login: Login,
  deps: Pick<ApiDeps, 'settings'>,
): Promise<AccessRequest | Approval> {
  const found = [...(await findRequests(reader, id)), ...(await findApprovals(reader, id))]
  return onlyOne(
    found.filter((review) => maySee(review, login, deps)),
    id,
  )
}

/** An approval of a command covers what was shown, so whoever approves names what they were shown. Throws APPROVAL_VOID. */
export function needShown(review: AccessRequest | Approval, digest: string | undefined): void {
  if (!('sessionId' in review) || digest === review.digest) return
  throw new PamError(
    'APPROVAL_VOID',
    digest === undefined
      ? 'a held command is approved as it was shown, and the digest of what you were shown is missing'
      : 'the command changed after you viewed it',
    { id: review.id, hint: `look at it as it is now, then decide: pamctl approve ${review.id}` },
  )
}
