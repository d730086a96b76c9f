import type { Assertion, CreationOptions, NewPasskey, RequestOptions } from '../../src/api/schemas/passkey.ts'
import { PamError } from '../../src/shared/errors.ts'

/** Makes a passkey as the gateway asks for it. Throws where this browser has none, or where its user declines. */
export async function createPasskey(options: CreationOptions): Promise<NewPasskey['answer']> {
  const publicKey = creationOptions(options)
  const credential = await asked(() => navigator.credentials.create({ publicKey }))
  const { response } = credential
  if (!(response instanceof AuthenticatorAttestationResponse)) throw noPasskey()
  return {
    id: credential.id,
    clientDataJSON: encode(response.clientDataJSON),
    attestationObject: encode(response.attestationObject),
    transports: response.getTransports(),
  }
}

/** Has an authenticator sign what the gateway asks. Throws where this browser has none, or where its user declines. */
export async function getPasskey(options: RequestOptions): Promise<Assertion> {
  const publicKey = requestOptions(options)
  const credential = await asked(() => navigator.credentials.get({ publicKey }))
  const { response } = credential
  if (!(response instanceof AuthenticatorAssertionResponse)) throw noPasskey()
  return {
    id: credential.id,
    clientDataJSON: encode(response.clientDataJSON),
    authenticatorData: encode(response.authenticatorData),
    signature: encode(response.signature),
    ...(response.userHandle === null || response.userHandle.byteLength === 0
      ? {}
      : { userHandle: encode(response.userHandle) }),
  }
}

/** What the browser answers, in the words of this page. */
async function asked(ask: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  if (typeof PublicKeyCredential === 'undefined') throw noPasskey()
  try {
    const credential = await ask()
    if (credential instanceof PublicKeyCredential) return credential
  } catch (error) {
    // InvalidStateError: the authenticator has one of excludeCredentials (WebAuthn level 3, section 6.3.2).
    const isKnown = error instanceof DOMException && error.name === 'InvalidStateError'
    throw new PamError(
      'PASSKEY_REFUSED',
      isKnown ? 'this device or key has a passkey of yours already' : 'your browser gave no passkey',
      {
        cause: error,
        hint: isKnown
          ? 'use another one, or remove the passkey first'
          : 'it was cancelled, or took too long: try again',
      },
    )
  }
  throw noPasskey()
}

const noPasskey = (): PamError =>
  new PamError('PASSKEY_REFUSED', 'this browser has no passkeys', { hint: 'open this page in a current browser' })

const creationOptions = (options: CreationOptions): PublicKeyCredentialCreationOptions => ({
  ...options,
  challenge: decode(options.challenge),
  user: { ...options.user, id: decode(options.user.id) },
  excludeCredentials: options.excludeCredentials.map(descriptor),
})

const requestOptions = (options: RequestOptions): PublicKeyCredentialRequestOptions => ({
  ...options,
  challenge: decode(options.challenge),
  allowCredentials: options.allowCredentials.map(descriptor),
})

const descriptor = ({ id, type, transports }: RequestOptions['allowCredentials'][number]) => ({
  id: decode(id),
  type,
  transports: transports.filter(isTransport),
})

const isTransport = (name: string): name is AuthenticatorTransport =>
  ['ble', 'hybrid', 'internal', 'nfc', 'usb'].includes(name)

/** Base64url without padding (RFC 4648, section 5). */
const encode = (bytes: ArrayBuffer): string =>
  btoa(String.fromCharCode(...new Uint8Array(bytes)))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')

const decode = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
