import { generateKeyPair, randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { bitString, integer, nothing, objectIdentifier, sequence, set, time, utf8String } from '../../shared/der.ts'

/** What a provider signs with: PEM. */
export interface SigningKey {
  readonly privateKey: string
  readonly certificate: string
}

/**
 * A new key of RSA with 2048 bits, and a certificate of its own making (RFC 5280, section 4.1, version 1), which is the form that SAML metadata
 * give a key in. It is valid for two days: no longer than a demonstration takes.
 */
export async function makeSigningKey(commonName: string, now: number): Promise<SigningKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  const name = sequence(set(sequence(objectIdentifier('2.5.4.3'), utf8String(commonName))))
  const toBeSigned = sequence(
    integer(Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    SHA256_WITH_RSA,
    name,
    sequence(time(new Date(now - DAY_MS)), time(new Date(now + DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
  )
  const signed = sequence(toBeSigned, SHA256_WITH_RSA, bitString(sign('sha256', toBeSigned, privateKey)))
  const lines = signed.toString('base64').match(/.{1,64}/g) ?? []
  return {
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'),
  }
}

const SHA256_WITH_RSA = sequence(objectIdentifier('1.2.840.113549.1.1.11'), nothing())
const DAY_MS = 86_400_000
