import {
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
  type KeyPairKeyObjectResult,
} from 'node:crypto'
import type { Assertion } from '../../src/identity/passkeys/assertion.ts'
import type { RegistrationAnswer } from '../../src/identity/passkeys/registration.ts'

export type Cbor = number | string | Uint8Array | Map<Cbor, Cbor> | { readonly raw: Uint8Array }

/** CBOR (RFC 8949), as much of it as authenticators write. `raw` is put in as it is. */
export function cbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value < 0 ? head(1, -1 - value) : head(0, value)
  if (typeof value === 'string') return Buffer.concat([head(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([head(2, value.length), value])
  if (value instanceof Map)
    return Buffer.concat([head(5, value.size), ...[...value].flatMap(([key, item]) => [cbor(key), cbor(item)])])
  return Buffer.from(value.raw)
}

function head(major: number, length: number): Buffer {
  if (length < 24) return Buffer.from([(major << 5) | length])
  if (length < 256) return Buffer.from([(major << 5) | 24, length])
  return Buffer.from([(major << 5) | 25, length >> 8, length & 255])
}

/** Bits of authenticator data (WebAuthn level 3, section 6.1). */
export const FLAGS = { UP: 1, UV: 4, BE: 8, BS: 16, AT: 64 } as const

/** What an attacker, or a broken authenticator, does differently. */
export interface Deviation {
  readonly type?: string
  readonly origin?: string
  readonly rpId?: string
  readonly challenge?: string
  /** Other members of the client data. */
  readonly clientData?: object
  readonly flags?: number
  readonly counter?: number
  readonly userHandle?: string
  readonly id?: Buffer
  readonly coseKey?: Map<Cbor, Cbor>
  readonly attestation?: Cbor
  readonly signWith?: KeyObject
  readonly hash?: string
  /** Of RSA. */
  readonly padding?: number
}

/** What passkeys may sign with (RFC 9053, RFC 8812). */
export type PasskeyAlgorithm = 'ES256' | 'EdDSA' | 'RS256'

export const newPasskeyKeys = (algorithm: PasskeyAlgorithm): KeyPairKeyObjectResult =>
  algorithm === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : algorithm === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : generateKeyPairSync('rsa', { modulusLength: 2048 })

/** The COSE_Key (RFC 9052, section 7) of a public key. */
export function coseKeyOf(key: KeyObject, algorithm: PasskeyAlgorithm): Map<Cbor, Cbor> {
  const jwk = key.export({ format: 'jwk' })
  const [x, y, n, e] = [jwk.x, jwk.y, jwk.n, jwk.e].map((text = '') => Buffer.from(text, 'base64url'))
  const of = (...members: readonly (readonly [number, Cbor | undefined])[]): Map<Cbor, Cbor> =>
    new Map(members.map(([label, value = '']) => [label, value]))
  if (algorithm === 'ES256') return of([1, 2], [3, -7], [-1, 1], [-2, x], [-3, y])
  return algorithm === 'EdDSA' ? of([1, 1], [3, -8], [-1, 6], [-2, x]) : of([1, 3], [3, -257], [-1, n], [-2, e])
}

/** A passkey in software: one credential. */
export class SoftwareAuthenticator {
  readonly id = randomBytes(32)
  readonly #algorithm: PasskeyAlgorithm
  readonly #key: KeyPairKeyObjectResult
  readonly #origin: string
  readonly #rpId: string
  counter = 0
  userHandle = ''

  constructor(
    origin: string,
    rpId = new URL(origin).hostname,
    algorithm: PasskeyAlgorithm = 'ES256',
    key = newPasskeyKeys(algorithm),
  ) {
    this.#algorithm = algorithm
    this.#key = key
    this.#origin = origin
    this.#rpId = rpId
  }

  coseKey(): Map<Cbor, Cbor> {
    return coseKeyOf(this.#key.publicKey, this.#algorithm)
  }

  register(options: { challenge: string; user: { id: string } }, other: Deviation = {}): RegistrationAnswer {
    this.userHandle = options.user.id
    const id = other.id ?? this.id
    const attested = Buffer.concat([
      Buffer.alloc(16),
      Buffer.from([id.length >> 8, id.length & 255]),
      id,
      cbor(other.coseKey ?? this.coseKey()),
    ])
    const authData = this.#data({ flags: FLAGS.UP | FLAGS.UV | FLAGS.AT, ...other }, attested)
    const attestation: Cbor =
      other.attestation ??
      new Map<Cbor, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ])
    return {
      id: id.toString('base64url'),
      clientDataJSON: this.#clientData('webauthn.create', options.challenge, other).toString('base64url'),
      attestationObject: cbor(attestation).toString('base64url'),
      transports: ['internal'],
    }
  }

  assert(options: { challenge: string }, other: Deviation = {}): Assertion {
    const clientData = this.#clientData('webauthn.get', options.challenge, other)
    this.counter++
    const data = this.#data({ flags: FLAGS.UP | FLAGS.UV, counter: this.counter, ...other })
    const signed = Buffer.concat([data, createHash('sha256').update(clientData).digest()])
    return {
      id: (other.id ?? this.id).toString('base64url'),
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: this.#sign(signed, other).toString('base64url'),
      userHandle: other.userHandle ?? this.userHandle,
    }
  }

  /** Ed25519 hashes by itself (RFC 8032). */
  #sign(signed: Buffer, { hash = 'sha256', signWith = this.#key.privateKey, padding }: Deviation): Buffer {
    if (signWith.asymmetricKeyType === 'ed25519') return sign(null, signed, signWith)
    return sign(hash, signed, padding === undefined ? signWith : { key: signWith, padding })
  }

  #clientData(type: string, challenge: string, other: Deviation): Buffer {
    const { origin = this.#origin } = other
    const data = { type: other.type ?? type, challenge: other.challenge ?? challenge, origin, crossOrigin: false }
    return Buffer.from(JSON.stringify({ ...data, ...other.clientData }))
  }

  #data({ rpId = this.#rpId, flags = 0, counter = 0 }: Deviation, attested = Buffer.alloc(0)): Buffer {
    const counted = Buffer.alloc(4)
    counted.writeUInt32BE(counter)
    return Buffer.concat([createHash('sha256').update(rpId).digest(), Buffer.from([flags]), counted, attested])
  }
}
