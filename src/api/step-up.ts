import type { Approval } from '../access/approval.ts'
import type { AccessRequest } from '../access/request.ts'
import { needDecidable } from '../access/review.ts'
import type { Assertion } from '../identity/passkeys/assertion.ts'
import type { Login } from '../identity/login.ts'
import { asPamError, PamError } from '../shared/errors.ts'
import type { Tx } from '../storage/database.ts'
import type { ApiDeps } from './deps.ts'
import { auditRefusedPasskey, needPasskeys, proveApproval, type Approved } from './passkey-approval.ts'
import { usedChallenge, type UsedChallenge } from './passkey-challenge.ts'
import { provenLogin } from './proven-login.ts'
import { reviewerOf, visibleReview } from './visible-review.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'publicUrl'>

/** What an authenticator has signed for a decision, and the browser's session that it comes from. */
export interface PasskeyAnswer {
  readonly sessionId: string
  readonly assertion: Assertion
}

interface Deciding extends Approved {
  readonly verdict: 'approve' | 'deny'
  readonly passkey?: PasskeyAnswer | undefined
}

/** An assertion whose challenge was given for this review, and is used up. */
export interface TakenAnswer {
  readonly used: UsedChallenge
  readonly assertion: Assertion
}

/** Uses up the challenge before anything is decided, so that it is gone whatever becomes of the decision. */
export async function takeAnswer(
  id: string,
  loginId: string,
  { verdict, passkey }: Deciding,
  deps: Deps,
): Promise<TakenAnswer | undefined> {
  if (verdict !== 'approve' || passkey === undefined) return undefined
  const { sessionId, assertion } = passkey
  const login = await provenLogin(deps.db.read, loginId, deps.clock.now())
  const review = await visibleReview(deps.db.read, id, login, deps)
  const expected = { personId: login.person.id, sessionId, subject: review.id }
  return { used: await usedChallenge(assertion.clientDataJSON, expected, deps), assertion }
}

/**
 * The credential that verifies an approval where the rule asks for a passkey, in the transaction of the decision; undefined where none is asked
 * for. Throws where it is missing or does not verify.
 */
export async function stepUp(
  tx: Tx,
  { review, login, decision }: { review: AccessRequest | Approval; login: Login; decision: Deciding },
  answer: TakenAnswer | undefined,
  deps: Deps,
): Promise<string | undefined> {
  if (decision.verdict !== 'approve' || review.approvers.stepUp !== 'passkey') return undefined
  const time = { now: deps.clock.now(), recentSignIn: deps.settings().recentSignIn }
  needDecidable(review, reviewerOf(login), 'approve', time)
  if (answer !== undefined) return proveApproval(tx, { review, login, approved: decision }, answer, deps)
  await needPasskeys(tx, login, deps)
  throw new PamError('PASSKEY_NEEDED', `approving ${review.id} needs your passkey`, {
    id: review.id,
    hint: `approve it in the dashboard: ${deps.publicUrl()}/reviews/${review.id}`,
  })
}

/** A passkey that is refused leaves a trace, whoever has it. Throws the error on. */
export async function notingRefusal(
  error: unknown,
  { id, login, decision, from }: { id: string; login: Pick<Login, 'person'>; decision: Deciding; from: string },
  deps: Deps,
): Promise<never> {
  const known = asPamError(error)
  const credential = decision.passkey?.assertion.id
  if (known.code === 'PASSKEY_REFUSED' && credential !== undefined)
    await auditRefusedPasskey(known, { review: id, person: login.person.id, credential, from }, deps)
  throw error
}
