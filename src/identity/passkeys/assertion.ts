import { PamError } from '../../shared/errors.ts'
import { needSupportedKey } from './cose-key.ts'
import { needOwnPage, refuse } from './client-data.ts'
import { CHALLENGE_TTL_MS, descriptorsOf, type Passkey, type RelyingParty } from './passkey.ts'
import { bytesOf } from './registration.ts'

/** AuthenticationResponseJSON (WebAuthn level 3, section 5.1), as much of it as is read. All base64url. */
export interface Assertion {
  readonly id: string
  readonly clientDataJSON: string
  readonly authenticatorData: string
  readonly signature: string
  readonly userHandle?: string | undefined
}

/** PublicKeyCredentialRequestOptionsJSON: an assertion with one of these passkeys, with its person verified. */
export const assertionOptions = (
  { party, challenge }: { readonly party: RelyingParty; readonly challenge: string },
  passkeys: readonly Passkey[],
) => ({
  rpId: party.id,
  challenge,
  timeout: CHALLENGE_TTL_MS,
  allowCredentials: descriptorsOf(passkeys),
  userVerification: 'required' as const,
})

/**
 * The passkey as it is after this use, where the assertion is to this challenge and signed by it, with its person present and verified
 * (WebAuthn level 3, section 7.2). Throws PASSKEY_REFUSED, also where the signature counter did not grow: then there may be two of it.
 */
export async function verifyAssertion(
  assertion: Assertion,
  passkey: Passkey,
  { party, challenge, now }: { readonly party: RelyingParty; readonly challenge: string; readonly now: number },
): Promise<Passkey> {
  const { id, clientDataJSON, authenticatorData, signature, userHandle } = assertion
  needOwnPage(clientDataJSON, 'webauthn.get', party)
  if (id !== passkey.credentialId) refuse('it is another credential')
  if (userHandle !== undefined && userHandle !== passkey.userHandle) refuse('it belongs to somebody else')
  const { verifyAuthenticationResponse } = await import('@simplewebauthn/server')
  const { decodeCredentialPublicKey } = await import('@simplewebauthn/server/helpers')
  try {
    // What is accepted may have become less since it was registered.
    needSupportedKey(decodeCredentialPublicKey(bytesOf(passkey.publicKey)))
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        response: { clientDataJSON, authenticatorData, signature },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      // The counter is looked at below, once it is known who signed it.
      credential: { id, publicKey: bytesOf(passkey.publicKey), counter: 0 },
    })
    if (!verified) refuse('its signature does not verify')
    const { newCounter, credentialDeviceType, credentialBackedUp } = authenticationInfo
    if ((newCounter > 0 || passkey.counter > 0) && newCounter <= passkey.counter)
      refuse('its signature counter went back: there may be a copy of it')
    if ((credentialDeviceType === 'multiDevice') !== passkey.backupEligible)
      refuse('its backup eligibility has changed')
    return { ...passkey, counter: newCounter, backedUp: credentialBackedUp, lastUsedAt: now }
  } catch (error) {
    throw error instanceof PamError ? error : refuse('its assertion does not verify', error)
  }
}
