import { isSecretReference, resolveSecret } from '../credentials/secret-reference.ts'
import { isPair, type CertificateReferences } from '../credentials/sources/client-certificate.ts'
import { asError } from '../shared/errors.ts'
import type { TargetFinding } from './protocol.ts'

/**
 * A certificate that does not belong to its key, at `path` of the target's entry. Stores are not asked: what they keep is checked when a
 * session begins, and by `check --connect`.
 */
export function pairFindings(
  { certificate, key }: { readonly [K in keyof CertificateReferences]?: CertificateReferences[K] | undefined },
  baseDirectory: string,
  path: TargetFinding['path'] = [],
): TargetFinding[] {
  if (certificate === undefined || key === undefined) return []
  if (!isSecretReference(certificate) || !isSecretReference(key)) return []
  try {
    const pair = { certificate: resolveSecret(certificate, baseDirectory), key: resolveSecret(key, baseDirectory) }
    return isPair(pair) ? [] : [{ path: [...path, 'key'], message: 'is not the key of the certificate' }]
  } catch (error) {
    return [{ path: [...path, 'certificate'], message: asError(error).message }]
  }
}
