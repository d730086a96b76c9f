import { createHash, randomBytes } from 'node:crypto'
import { challengeOf, refuse } from '../identity/passkeys/client-data.ts'
import { CHALLENGE_TTL_MS, relyingParty, type RelyingParty } from '../identity/passkeys/passkey.ts'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { PamError } from '../shared/errors.ts'
import type { Tx } from '../storage/database.ts'
import { saveChallenge, takeChallenge } from '../storage/passkeys.ts'
import type { ApiDeps } from './deps.ts'
import type { Browser } from './web-sessions.ts'

/** Who is asked, in which browser, for what. */
export interface ChallengeOf {
  readonly personId: string
  readonly sessionId: string
  /** A review's id, or `registration`. */
  readonly subject: string
  /** What exactly is answered. */
  readonly binding: Readonly<Record<string, Json | undefined>>
}

/** Where the dashboard is, for authenticators. Throws where browsers support no passkeys for it. */
export function partyOf({ publicUrl }: Pick<ApiDeps, 'publicUrl'>): RelyingParty {
  const party = relyingParty(publicUrl())
  if (party !== undefined) return party
  throw new PamError('PASSKEY_REFUSED', `browsers support no passkeys for ${publicUrl()}`, {
    hint: 'ask your administrator: publicUrl needs https and the name of a host',
  })
}

/** The browser's session that a call comes from; an access token alone opens none of this. */
export function needBrowser(browser: Browser | undefined, deps: Pick<ApiDeps, 'publicUrl'>): string {
  if (browser !== undefined) return browser.session.id
  throw new PamError('NOT_ALLOWED', 'passkeys are registered, used and removed in the dashboard alone', {
    hint: `open ${deps.publicUrl()}/account`,
  })
}

/** A new challenge, base64url: random, for one use, for two minutes. */
export async function newChallenge(tx: Tx, asked: ChallengeOf, now: number): Promise<string> {
  const challenge = randomBytes(32).toString('base64url')
  const { personId, sessionId, subject, binding } = asked
  const row = { id: digestOf(challenge), personId, sessionId, subject, binding: textOf(binding) }
  await saveChallenge(tx, { ...row, expiresAt: now + CHALLENGE_TTL_MS }, now)
  return challenge
}

/**
 * Takes back the challenge that client data answer, which nobody can answer again, whatever becomes of this answer. Returns it where it was given
 * to this person in this browser for this; throws PASSKEY_REFUSED otherwise.
 */
export async function usedChallenge(
  clientDataJSON: string,
  expected: Pick<ChallengeOf, 'personId' | 'sessionId' | 'subject'>,
  { db, clock }: Pick<ApiDeps, 'db' | 'clock'>,
): Promise<UsedChallenge> {
  const challenge = challengeOf(clientDataJSON)
  const kept = await db.change((tx) => takeChallenge(tx, digestOf(challenge)))
  const now = clock.now()
  if (kept === undefined) return refuse('its challenge was already used, or is not from this gateway')
  if (kept.expiresAt <= now || kept.expiresAt > now + CHALLENGE_TTL_MS) refuse('its challenge has expired')
  if (kept.personId !== expected.personId) refuse('its challenge was issued to somebody else')
  if (kept.sessionId !== expected.sessionId) refuse('its challenge was issued to another browser')
  if (kept.subject !== expected.subject) refuse('its challenge is for something else')
  return { challenge, binding: kept.binding }
}

export interface UsedChallenge {
  readonly challenge: string
  /** Canonical JSON. */
  readonly binding: string
}

/** Throws where a challenge was given for anything but this. */
export function needBinding({ binding }: UsedChallenge, expected: ChallengeOf['binding']): void {
  if (binding !== textOf(expected))
    refuse('this is not the decision that the passkey was asked to confirm: review it again')
}

const textOf = (binding: ChallengeOf['binding']): string =>
  canonicalJson(Object.fromEntries(Object.entries(binding).map(([name, value]) => [name, value ?? null])))
const digestOf = (challenge: string): string => createHash('sha256').update(challenge).digest('hex')
