import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
  type KeyObject,
} from 'node:crypto'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'

/** The encoding of the events in a segment's body. */
export type BodyEncoding =
  /** Blocks of compact events, compressed. */
  | 'compact-gzip'
  /** The same in an age file. */
  | 'compact-age'
  /** Blocks, each encrypted with the session's key: what a hard stop left of an encrypted record. */
  | 'compact-hidden'
  /** Plain blocks: not sealed yet. */
  | 'compact-plain'
  /** The same in version 2, with frames in place of blocks. */
  | 'gzip'
  | 'age'
  | 'hidden'
  | 'plain'

/** A statement about the content of a segment, signed with the gateway's Ed25519 key. */
export interface SegmentSeal {
  readonly session: string
  /** Counts segments from 0. */
  readonly segment: number
  /** Sequence number of the first event. */
  readonly first: number
  readonly events: number
  /** The hash of the chain before the first event, and after the last. Hexadecimal. */
  readonly previous: string
  readonly hash: string
  /**
   * `more`: segments follow. `sealed`: the last one, written at the end of the session. `recovered`: the last one, written by a later start
   * after the gateway was stopped. `unsealed`: a copy of events that are not sealed yet; not signed.
   */
  readonly status: 'more' | 'sealed' | 'recovered' | 'unsealed'
  /** What is known about the end of a recovered recording. */
  readonly tail?: RecoveredTail
  readonly encoding: BodyEncoding
  /** For encrypted blocks: the session's key as an age file, base64. */
  readonly wrappedKey?: string
  /** Length and SHA-256 of the body in the file. */
  readonly bytes: number
  readonly sha256: string
  readonly at: string
  /** The id of the key: the first 16 hexadecimal digits of the SHA-256 of its SubjectPublicKeyInfo. */
  readonly key: string
  /** base64url of the Ed25519 signature over `pamrec/3 seal ` and the canonical JSON of all the other fields. */
  readonly signature: string
}

/**
 * How the journal ended: `whole`, as its head says; `short`, before the number of records in its head, so that a power cut or a person has
 * removed events; `altered`, with bytes that the gateway did not write.
 */
export type RecoveredTail = 'whole' | 'short' | 'altered'

/** Signs seals. The key is in a file; a key management service can implement the same interface. */
export interface Signer {
  readonly keyId: string
  readonly publicKeyPem: string
  sign(bytes: Uint8Array): Buffer
  /** What it signs is dated by this clock, as are the periods of keys: milliseconds since 1970. */
  now(): number
}

export function signerFromPem(pem: string, now: Signer['now'] = () => Date.now()): Signer {
  const privateKey = createPrivateKey(pem)
  const publicKey = createPublicKey(privateKey)
  return {
    keyId: keyIdOf(publicKey),
    publicKeyPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (bytes) => sign(null, bytes, privateKey),
    now,
  }
}

export function generateSigningKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
}

export function keyIdOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(spki).digest('hex').slice(0, 16)
}

/** Signs a statement of the gateway; `purpose` keeps a signature of one kind from being taken for another. */
export function signStatement<T extends object>(
  purpose: string,
  content: T,
  signer: Signer,
): T & { key: string; signature: string } {
  const signed = { ...content, key: signer.keyId }
  return { ...signed, signature: signer.sign(statementBytes(purpose, signed)).toString('base64url') }
}

export function statementVerifies(
  purpose: string,
  { signature, ...signed }: { readonly signature: string },
  publicKey: KeyObject,
): boolean {
  const bytes = Buffer.from(signature, 'base64url')
  // The gateway writes only one base64url encoding of the same bytes.
  return bytes.toString('base64url') === signature && verify(null, statementBytes(purpose, signed), publicKey, bytes)
}

const statementBytes = (purpose: string, signed: object): Buffer =>
  Buffer.from(`${purpose} ${canonicalJson(signed as Json)}`)

export const SEAL_PURPOSE = 'pamrec/3 seal'
export const SEAL_PURPOSE_2 = 'pamrec/2 seal'
