import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { Decrypter, Encrypter } from 'age-encryption'

/**
 * Encryption to auditors, whose identities the gateway does not have: sealed segments are age files (age-encryption.org/v1).
 * Before they are sealed, events stand in the journal under a key of this session, which only memory holds in the clear;
 * wrapped to the same recipients it stands beside them, so that what a hard stop leaves can be read by auditors, too.
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

/** Throws where a recipient is not an age public key. */
export function ageEncrypter(recipients: readonly string[]): Encrypter {
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  return encrypter
}

/** Decrypts records for an auditor. */
export interface RecordReader {
  decrypt(body: Buffer): Promise<Buffer>
  /** The payload of an event that came from the journal. */
  reveal(wrappedKey: string): Promise<(seq: number, hidden: Buffer) => Buffer>
}

/** From age identities (`AGE-SECRET-KEY-1…`), as age-keygen writes them. Throws where one is invalid. */
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

/** A key serves one session and a sequence number one of its events, so that no pair of key and nonce is used twice. */
function nonceOf(seq: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeUIntBE(seq, 6, 6)
  return nonce
}

const TAG = 16
