import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

/** AES-256-GCM (NIST SP 800-38D): a nonce of 12 bytes, the ciphertext, and a tag of 16, in base64. The key seals nothing else under this nonce. */
export function encrypt(key: Uint8Array, plain: Uint8Array, associated: string): string {
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(associated))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

/** Undefined where the key, the associated data or the text is another one. */
export function decrypt(key: Uint8Array, sealed: string, associated: string): Buffer | undefined {
  const bytes = Buffer.from(sealed, 'base64')
  if (bytes.length < NONCE + TAG) return undefined
  const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE), { authTagLength: TAG })
    .setAAD(Buffer.from(associated))
    .setAuthTag(bytes.subarray(-TAG))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE, -TAG)), decipher.final()])
  } catch {
    return undefined
  }
}

/** What a sealed text is bound to: it cannot stand under another name, or for another version. */
export const bindingOf = (name: string, version: number): string => `pamctl secret\0${name}\0${version}`

/** The key of one secret, used once. */
export const newDataKey = (): Buffer => randomBytes(32)

const NONCE = 12
const TAG = 16
