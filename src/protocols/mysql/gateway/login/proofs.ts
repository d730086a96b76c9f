import { item } from '../../../../shared/item.ts'
import { constants, createHash, createPublicKey, publicEncrypt } from 'node:crypto'
import { WireError } from '../../../../wire/wire-error.ts'

/** Proofs of a password, made of hashes of it and of the server's scramble. The proof of an empty password is empty. */

/** SHA1(password) XOR SHA1(scramble + SHA1(SHA1(password))). Spec: Native Authentication. */
export function nativeProof(password: string, scramble: Buffer): Buffer {
  const once = hash('sha1', password)
  return xor(once, hash('sha1', scramble, hash('sha1', once)))
}

/** What the server stores for a password: `*` and SHA1(SHA1(password)) in hexadecimal. Spec: Native Authentication. */
export const nativeHash = (password: string): string =>
  `*${hash('sha1', hash('sha1', password)).toString('hex').toUpperCase()}`

/** SHA256(password) XOR SHA256(SHA256(SHA256(password)) + scramble). Spec: Caching SHA-2 Authentication. */
export function cachingSha2Proof(password: string, scramble: Buffer): Buffer {
  const once = hash('sha256', password)
  return xor(once, hash('sha256', hash('sha256', once), scramble))
}

/**
 * The password and a zero, XORed with the scramble and encrypted with the server's public key (PEM). Spec: Caching SHA-2, SHA-256
 * Authentication.
 */
export function encryptedPassword(password: string, scramble: Buffer, key: Buffer): Buffer {
  const plain = Buffer.from(`${password}\0`)
  const hidden = plain.map((byte, index) => byte ^ item(scramble, index % scramble.length))
  const publicKey = publicKeyOf(key)
  return publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' }, hidden)
}

function publicKeyOf(pem: Buffer): ReturnType<typeof createPublicKey> {
  let key: ReturnType<typeof createPublicKey>
  try {
    key = createPublicKey(pem)
  } catch {
    throw new WireError('the target sent something that is not a public key')
  }
  const { modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== 'rsa' || modulusLength < MIN_BITS || modulusLength > MAX_BITS)
    throw new WireError(`the target sent a public key that is not RSA of ${MIN_BITS} to ${MAX_BITS} bits`)
  return key
}

function hash(name: 'sha1' | 'sha256', ...parts: readonly (string | Buffer)[]): Buffer {
  const digest = createHash(name)
  for (const part of parts) digest.update(part)
  return digest.digest()
}

const xor = (one: Buffer, other: Buffer): Buffer => Buffer.from(one.map((byte, index) => byte ^ item(other, index)))

/** A shorter key does not protect the password from eavesdroppers; a longer one would keep the gateway busy. */
const MIN_BITS = 2048
const MAX_BITS = 8192
