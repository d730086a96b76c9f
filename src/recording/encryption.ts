import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Decrypter, Encrypter } from 'age-encryption'

/**
 * Encryption to auditors, whose identities the gateway does not have: sealed segments are age files (age-encryption.org/v1). Until they are
 * sealed, events are in the journal, encrypted with a key of this session that exists in the clear only in memory. The journal also has
 * this key, wrapped to the same recipients, so that auditors can read what a hard stop leaves.
 */
export interface RecordCipher {
  /** The session's key as an age file, base64. */
  readonly wrappedKey: string
  /** Encrypts one event for the journal. */
  hide(seq: number, payload: Buffer): Buffer
  /** Encrypts a segment's body. */
  encrypt(body: Buffer): Promise<Buffer>
}

export async function recordCipher(recipients: readonly string[]): Promise<RecordCipher> {
  const encrypter = ageEncrypter(recipients)
  const key = randomBytes(32)
  return {
    wrappedKey: Buffer.from(await encrypter.encrypt(key)).toString('base64'),
    hide(seq, payload) {
      const cipher = createCipheriv('aes-256-gcm', key, nonceOf(seq))
      return Buffer.concat([cipher.update(payload), cipher.final(), cipher.getAuthTag()])
    },
    encrypt: async (body) => Buffer.from(await encrypter.encrypt(body)),
  }
}

/** Throws if a recipient is not an age public key. */
export function ageEncrypter(recipients: readonly string[]): Encrypter {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter
}

/** Decrypts records for an auditor. */
export interface RecordReader {
  decrypt(body: Buffer): Promise<Buffer>
  /** Returns a function that decrypts the payload of an event from the journal. */
  reveal(wrappedKey: string): Promise<(seq: number, hidden: Buffer) => Buffer>
}

/** From age identities (`AGE-SECRET-KEY-1…`), as age-keygen writes them. Throws if one is invalid. */
export function recordReader(identities: readonly string[]): RecordReader {
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  const decrypt = async (body: Buffer): Promise<Buffer> => Buffer.from(await decrypter.decrypt(body))
  return {
    decrypt,
    async reveal(wrappedKey) {
      const key = await decrypt(Buffer.from(wrappedKey, 'base64'))
      return (seq, hidden) => {
        const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(seq))
        decipher.setAuthTag(hidden.subarray(-TAG))
        return Buffer.concat([decipher.update(hidden.subarray(0, -TAG)), decipher.final()])
      }
    },
  }
}

/** A key is used for one session and a sequence number for one of its events, so that no pair of key and nonce is used twice. */
function nonceOf(seq: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(seq, 6, 6)
  return nonce
}

const TAG = 16
