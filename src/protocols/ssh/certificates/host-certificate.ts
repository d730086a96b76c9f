import { decodeCertificate } from '../wire/certificate.ts'
import { decodePublicKey, isSignedBy } from './public-key.ts'

/** What certificates of a host are held against. Keys are in base64. */
export interface HostCertificateRules {
  readonly authorities: readonly string[]
  /** Keys of authorities and of hosts. */
  readonly revoked: readonly string[]
  /** The name that it has to be for. */
  readonly principal: string
  readonly revokedSerials: readonly string[]
  /** Milliseconds since 1970. */
  readonly now: number
}

/**
 * Why a certificate does not prove that somebody is the host; undefined where it does. As `@cert-authority` of sshd(8), and stricter: a certificate
 * for no name in particular is for none, and names are compared as they are, without patterns.
 */
export function hostCertificateProblem(bytes: Buffer, rules: HostCertificateRules): string | undefined {
  let read
  try {
    read = decodeCertificate(bytes)
  } catch {
    return 'cannot be read'
  }
  const { certificate, signed, signature } = read
  const authority = certificate.signatureKey.toString('base64')
  if (rules.revoked.includes(authority)) return 'is signed by a revoked authority'
  if (!rules.authorities.includes(authority)) return 'is signed by none of the configured authorities'
  if (!isSignedBy(decodePublicKey(certificate.signatureKey), signed, signature))
    return 'its signature by the authority does not verify'
  if (certificate.kind !== 'host') return 'is for users, not for hosts'
  if (!isUsable(certificate.publicKey)) return 'is for a key that is invalid or too short'
  if (rules.revoked.includes(certificate.publicKey.toString('base64'))) return 'has a revoked key'
  if (rules.revokedSerials.includes(certificate.serial.toString())) return 'has a revoked serial number'
  const name = rules.principal.toLowerCase()
  if (!certificate.principals.some((principal) => principal.toLowerCase() === name))
    return `is not for ${rules.principal}`
  const seconds = BigInt(Math.floor(rules.now / 1000))
  if (seconds < certificate.validAfter) return 'is not valid yet'
  if (seconds >= certificate.validBefore) return 'has expired'
  // None are defined for hosts.
  const [option] = certificate.criticalOptions
  return option === undefined ? undefined : `has the critical option ${JSON.stringify(option.name)}, which is not known`
}

function isUsable(publicKey: Buffer): boolean {
  try {
    decodePublicKey(publicKey)
    return true
  } catch {
    return false
  }
}
