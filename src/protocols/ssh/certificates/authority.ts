import { createHash, type KeyObject } from 'node:crypto'
import { encodeCertificate, splitKey, withSignature, type SshCertificate } from '../wire/certificate.ts'
import { encodePublicKey, signWith } from './public-key.ts'

/** What signs certificates: a key in a file today, one in a key management service tomorrow. */
export interface CertificateAuthority {
  /** As SSH encodes it (RFC 4253, section 6.6). */
  readonly publicKey: Buffer
  /** A signature with its algorithm in front. */
  sign(bytes: Buffer): Promise<Buffer>
}

/** Throws an Error for a key that cannot sign certificates: another type, or too short. */
export function authorityOf(privateKey: KeyObject): CertificateAuthority {
  const publicKey = encodePublicKey(privateKey)
  signWith(privateKey, Buffer.alloc(0)) // one that cannot sign is found here
  return { publicKey, sign: async (bytes) => signWith(privateKey, bytes) }
}

/** The certificate, as it is sent. */
export async function issue(
  certificate: Omit<SshCertificate, 'signatureKey'>,
  authority: CertificateAuthority,
): Promise<Buffer> {
  const signed = encodeCertificate({ ...certificate, signatureKey: authority.publicKey })
  return withSignature(signed, await authority.sign(signed))
}

/** As ssh-keygen -l and the log of sshd have it. */
export const fingerprintOf = (publicKey: Buffer): string =>
  `SHA256:${createHash('sha256').update(publicKey).digest('base64').replace(/=+$/, '')}`

/** A public key as a line of a .pub file or of TrustedUserCAKeys. */
export const publicKeyLine = (publicKey: Buffer, comment = ''): string =>
  `${splitKey(publicKey).type} ${publicKey.toString('base64')} ${comment}`.trimEnd()
