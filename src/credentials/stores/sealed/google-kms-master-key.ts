import { askStore, isSuccess, refusedBy, type SendRequest } from '../ask-store.ts'
import type { GoogleTokens } from '../gcp/google-token.ts'
import { own, StoreFailure } from '../store.ts'
import type { MasterKey } from './master-key.ts'

export interface GoogleKmsParts {
  /** Default: Google's own. */
  readonly url: string | undefined
  readonly ca: string | undefined
  readonly tokens: Pick<GoogleTokens, 'token'>
  readonly send: SendRequest
}

/**
 * A symmetric key that stays in Google Cloud KMS: cryptoKeys.encrypt and .decrypt (cloud.google.com/kms/docs/reference/rest/v1/projects.locations.keyRings.cryptoKeys).
 * What a data key is for is its additional authenticated data. `key` is its resource name, without a version: Google chooses the primary one to encrypt with, and
 * knows which one to decrypt with. Checksums go both ways, as cloud.google.com/kms/docs/data-integrity-guidelines asks.
 */
export function googleKmsMasterKey({ url, ca, tokens, send }: GoogleKmsParts, key: string): MasterKey {
  const ask = async (
    action: 'encrypt' | 'decrypt',
    given: 'plaintext' | 'ciphertext',
    bytes: Buffer,
    associated: string,
  ) => {
    const failed = (what: string): StoreFailure =>
      new StoreFailure('store', `cannot ${action} its keys: Google Cloud KMS ${what}`)
    const data = Buffer.from(associated)
    const { status, json } = await askStore(
      {
        url: `${(url ?? 'https://cloudkms.googleapis.com').replace(/\/$/, '')}/v1/${key}:${action}`,
        method: 'POST',
        headers: { authorization: `Bearer ${await tokens.token(SCOPE)}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          [given]: bytes.toString('base64'),
          [`${given}Crc32c`]: String(crc32c(bytes)),
          additionalAuthenticatedData: data.toString('base64'),
          additionalAuthenticatedDataCrc32c: String(crc32c(data)),
        }),
        ca,
      },
      send,
    )
    if (!isSuccess(status)) throw failed(refusedBy(status).message)
    const wanted = given === 'plaintext' ? 'ciphertext' : 'plaintext'
    const answered = bytesOf(own(json, wanted))
    if (answered === undefined) throw failed(`answers without ${wanted}`)
    if (own(json, `${wanted}Crc32c`) !== String(crc32c(answered))) throw failed('answers with another checksum')
    return { json, answered, failed }
  }
  return {
    id: `gcp-kms:${key}`,
    async wrap(dataKey, associated) {
      const { json, answered, failed } = await ask('encrypt', 'plaintext', Buffer.from(dataKey), associated)
      const name = own(json, 'name')
      if (typeof name !== 'string' || !name.startsWith(`${key}/cryptoKeyVersions/`))
        throw failed('answers for another key')
      if (
        own(json, 'verifiedPlaintextCrc32c') !== true ||
        own(json, 'verifiedAdditionalAuthenticatedDataCrc32c') !== true
      )
        throw failed('has not verified what it encrypted')
      return answered.toString('base64')
    },
    async unwrap(wrapped, associated) {
      const { answered } = await ask('decrypt', 'ciphertext', Buffer.from(wrapped, 'base64'), associated)
      if (answered.length !== 32) throw new StoreFailure('store', 'gave a key that is not 32 bytes long')
      return answered
    },
  }
}

function bytesOf(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || text === '' || text.length > MAX_TEXT) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** CRC-32C (RFC 3720, appendix B.4), as a number without a sign. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xff_ff_ff_ff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ ((crc & 1) === 1 ? POLYNOMIAL : 0)
  }
  return ~crc >>> 0
}

/** Castagnoli's, reflected. */
const POLYNOMIAL = 0x82_f6_3b_78
const SCOPE = 'https://www.googleapis.com/auth/cloudkms'
const MAX_TEXT = 4096
