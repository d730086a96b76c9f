import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { canonicalJson } from '../shared/canonical-json.ts'

/** The last line of a recording: what it holds, signed with the gateway's Ed25519 key. */
export interface Seal {
  readonly session: string
  /** `sealed` at the end of the session; `recovered` by the next start after the gateway was stopped hard. */
  readonly status: 'sealed' | 'recovered'
  readonly events: number
  /** Hash of the last event, which covers all before it. */
  readonly hash: string
  readonly at: string
  /** Names the key: the first 16 hexadecimal digits of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly key: string
  /** base64url of the Ed25519 signature over `pamrec/1 seal` and the canonical JSON of all the other fields. */
  readonly signature: string
}

/** Signs seals; a file today, a key management service behind the same shape later. */
export interface Signer {
  readonly keyId: string
  readonly publicKeyPem: string
  sign(bytes: Uint8Array): Buffer
}

export function signerFromPem(pem: string): Signer {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  return {
    keyId: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (bytes) => sign(null, bytes, privateKey),
  }
}

export function generateSigningKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex').slice(0, 16)
}

export function seal(content: Omit<Seal, 'signature' | 'key'>, signer: Signer): Seal {
  const signed = { ...content, key: signer.keyId }
  return { ...signed, signature: signer.sign(sealedBytes(signed)).toString('base64url') }
}

export function sealVerifies({ signature, ...signed }: Seal, publicKey: KeyObject): boolean {
  return verify(null, sealedBytes(signed), publicKey, Buffer.from(signature, 'base64url'))
}

const sealedBytes = (signed: Omit<Seal, 'signature'>): Buffer =>
  Buffer.from(`pamrec/1 seal ${canonicalJson({ ...signed })}`)
