import { PamError } from '../../shared/errors.ts'
import { needOwnPage, refuse } from './client-data.ts'
import { ALGORITHMS, needSupportedKey } from './cose-key.ts'
import { CHALLENGE_TTL_MS, descriptorsOf, PUBLIC_KEY, type Passkey, type RelyingParty } from './passkey.ts'

/** RegistrationResponseJSON (WebAuthn level 3, section 5.1), as much of it as is read. */
export interface RegistrationAnswer {
  readonly id: string
  readonly clientDataJSON: string
  readonly attestationObject: string
  readonly transports: readonly string[]
}

/** PublicKeyCredentialCreationOptionsJSON: a key for a verified person, about whose make nothing is asked. `challenge` is base64url. */
export function registrationOptions(asked: {
  readonly party: RelyingParty
  readonly person: string
  readonly userHandle: string
  readonly challenge: string
  /** Those of the same person: an authenticator that has one makes no second. */
  readonly known: readonly Passkey[]
}) {
  const { party, person, userHandle, challenge, known } = asked
  return {
    rp: { id: party.id, name: `pamctl at ${party.id}` },
    user: { id: userHandle, name: person, displayName: person },
    challenge,
    pubKeyCredParams: ALGORITHMS.map((alg) => ({ type: PUBLIC_KEY, alg })),
    timeout: CHALLENGE_TTL_MS,
    excludeCredentials: descriptorsOf(known),
    authenticatorSelection: { residentKey: 'preferred' as const, userVerification: 'required' as const },
    attestation: 'none' as const,
  }
}

type Registered = Pick<Passkey, 'credentialId' | 'publicKey' | 'counter' | 'backupEligible' | 'backedUp' | 'transports'>

/**
 * The new credential, where the answer is to this challenge and its person was verified (WebAuthn level 3, section 7.1). Of attestation only
 * `none` and self attestation are read: no maker of authenticators is trusted or refused. Throws PASSKEY_REFUSED.
 */
export async function verifyRegistration(
  { id, clientDataJSON, attestationObject, transports }: RegistrationAnswer,
  { party, challenge }: { readonly party: RelyingParty; readonly challenge: string },
): Promise<Registered> {
  needOwnPage(clientDataJSON, 'webauthn.create', party)
  const [{ verifyRegistrationResponse }, { decodeAttestationObject, decodeCredentialPublicKey }] = await Promise.all([
    import('@simplewebauthn/server'),
    import('@simplewebauthn/server/helpers'),
  ])
  try {
    const attestation = decodeAttestationObject(bytesOf(attestationObject))
    const format: unknown = attestation.get('fmt')
    const isSelf = format === 'packed' && attestation.get('attStmt').get('x5c') === undefined
    if (format !== 'none' && !isSelf) refuse('it has an attestation that was not asked for')
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: {
        id,
        rawId: id,
        type: 'public-key',
        response: { clientDataJSON, attestationObject, transports: [...transports] },
        clientExtensionResults: {},
      },
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    })
    if (!verified || registrationInfo === undefined) return refuse('its attestation does not verify')
    const { credential, credentialDeviceType, credentialBackedUp } = registrationInfo
    if (credential.id !== id) refuse('it names two credentials')
    needSupportedKey(decodeCredentialPublicKey(credential.publicKey))
    return {
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey).toString('base64url'),
      counter: credential.counter,
      backupEligible: credentialDeviceType === 'multiDevice',
      backedUp: credentialBackedUp,
      transports,
    }
  } catch (error) {
    throw error instanceof PamError ? error : refuse('its registration does not verify', error)
  }
}

/** A copy of its own: the library's types ask for bytes that nothing shares. */
export const bytesOf = (base64url: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(Buffer.from(base64url, 'base64url'))
