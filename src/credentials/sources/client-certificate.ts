import type { CredentialLease, CredentialSource } from '../credential.ts'
import { resolveSecret, type SecretReference } from '../secret-reference.ts'

type Certified = NonNullable<CredentialLease['clientCertificate']>

/** A certificate and its key, in PEM, which are shown within TLS: read again for each connection, since they are replaced before they end. */
export function clientCertificate(
  user: string,
  certificate: SecretReference,
  key: SecretReference,
  baseDirectory: string,
): CredentialSource {
  const read = (): Certified => ({
    certificate: resolveSecret(certificate, baseDirectory),
    key: resolveSecret(key, baseDirectory),
  })
  return {
    lease: async () => {
      read()
      return new CertificateLease(user, read)
    },
  }
}

class CertificateLease implements CredentialLease {
  readonly user: string
  readonly password = undefined
  readonly #read: () => Certified

  constructor(user: string, read: () => Certified) {
    this.user = user
    this.#read = read
  }

  get clientCertificate(): Certified {
    return this.#read()
  }

  async release(): Promise<void> {}
}
