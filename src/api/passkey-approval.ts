import { createHash } from 'node:crypto'
import type { Approval } from '../access/approval.ts'
import { needShorter, type AccessRequest } from '../access/request.ts'
import { needDecidable } from '../access/review.ts'
import type { Login } from '../identity/login.ts'
import { assertionOptions, verifyAssertion, type Assertion } from '../identity/passkeys/assertion.ts'
import { refuse } from '../identity/passkeys/client-data.ts'
import type { Passkey } from '../identity/passkeys/passkey.ts'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { PamError } from '../shared/errors.ts'
import { appendAudit } from '../storage/audit.ts'
import type { Tx } from '../storage/database.ts'
import type { Reader } from '../storage/page.ts'
import { isRegistered, passkeysOf, saveUse } from '../storage/passkeys.ts'
import type { ApiDeps } from './deps.ts'
import { needBinding, newChallenge, partyOf, type ChallengeOf, type UsedChallenge } from './passkey-challenge.ts'
import { keyDigest, type PasskeyCall } from './passkey-registration.ts'
import type { RequestOptions } from './schemas/passkey.ts'
import { needShown, reviewerOf } from './visible-review.ts'

type Deps = Pick<ApiDeps, 'db' | 'clock' | 'settings' | 'publicUrl'>

/** What an approval covers, apart from its comment. */
export interface Approved {
  readonly lengthMs?: number | undefined
  readonly digest?: string | undefined
}

/**
 * Options for `navigator.credentials.get`, whose challenge is for this one approval. Throws where this person may not approve it, so that nobody
 * is asked for their passkey in vain.
 */
export async function beginApproval(
  tx: Tx,
  { review, login, approved }: { review: AccessRequest | Approval; login: Login; approved: Approved },
  { sessionId }: Pick<PasskeyCall, 'sessionId'>,
  deps: Deps,
): Promise<RequestOptions> {
  const now = deps.clock.now()
  const party = partyOf(deps)
  needDecidable(review, reviewerOf(login), 'approve', {
    now,
    recentSignIn: deps.settings().recentSignIn,
  })
  needShown(review, approved.digest)
  if (!('sessionId' in review)) needShorter(review, approved.lengthMs)
  const passkeys = await needPasskeys(tx, login, deps)
  const challenge = await newChallenge(
    tx,
    { personId: login.person.id, sessionId, subject: review.id, binding: bindingOf(review, approved) },
    now,
  )
  return assertionOptions({ party, challenge }, passkeys)
}

/**
 * The credential that verifies this person's approval, in the transaction that makes it: its counter is kept with the decision or not at all. Throws
 * PASSKEY_REFUSED with what does not fit.
 */
export async function proveApproval(
  tx: Tx,
  { review, login, approved }: { review: AccessRequest | Approval; login: Login; approved: Approved },
  { used, assertion }: { readonly used: UsedChallenge; readonly assertion: Assertion },
  deps: Deps,
): Promise<string> {
  needBinding(used, bindingOf(review, approved))
  const passkey = (await needPasskeys(tx, login, deps)).find(({ credentialId }) => credentialId === assertion.id)
  if (passkey === undefined) return refuse('you have registered no such passkey')
  const proof = { party: partyOf(deps), challenge: used.challenge, now: deps.clock.now() }
  await saveUse(tx, await verifyAssertion(assertion, passkey, proof))
  return passkey.credentialId
}

/** Those of somebody who is to approve with one, as the audit chain knows them. Throws PASSKEY_MISSING, with how to get one. */
export async function needPasskeys(
  reader: Reader,
  { person }: Login,
  { publicUrl }: Deps,
): Promise<readonly Passkey[]> {
  const known: Passkey[] = []
  for (const passkey of await passkeysOf(reader, person.id))
    if (await isRegistered(reader, passkey, keyDigest(passkey))) known.push(passkey)
  if (known.length > 0) return known
  throw new PamError('PASSKEY_MISSING', 'approving this needs a passkey, and you have registered none', {
    hint: `register one on your account page: ${publicUrl()}/account`,
  })
}

/** What the passkey is asked for: this verdict on exactly what is shown now. */
const bindingOf = (review: AccessRequest | Approval, { lengthMs, digest }: Approved): ChallengeOf['binding'] => ({
  verdict: 'approve',
  review: reviewDigest(review),
  shown: digest,
  lengthMs,
})

/** Of everything that a decision covers. A request changes, too: each of several approvers may shorten it. */
function reviewDigest(review: AccessRequest | Approval): string {
  if ('sessionId' in review) return review.digest
  const { requester, targets, reason, length, approvers, startsAt, extends: extended } = review
  const shown = JSON.parse(
    JSON.stringify({ requester, targets, reason, length, approvers, startsAt, extends: extended }),
  ) as Json
  return createHash('sha256').update(canonicalJson(shown)).digest('hex')
}

/** Puts on record that a passkey was refused: whoever has a copy of one leaves a trace. */
export async function auditRefusedPasskey(
  error: PamError,
  { review, person, credential, from }: { review: string; person: string; credential: string; from: string },
  { db, clock }: Pick<Deps, 'db' | 'clock'>,
): Promise<void> {
  await db.change((tx) =>
    appendAudit(tx, clock.now(), {
      type: 'passkey.refused',
      actor: person,
      subject: review,
      data: { credential, reason: error.message, from },
    }),
  )
}
