import { createPrivateKey, X509Certificate } from 'node:crypto'
import { PamError } from '../../shared/errors.ts'
import type { ClientCertificate, CredentialLease, CredentialSource } from '../credential.ts'
import type { HeldSecret, Secrets } from '../secrets.ts'
import type { CredentialReference } from '../store-reference.ts'

/** References to a certificate with the chain behind it, and to its key, in PEM. */
export interface CertificateReferences {
  readonly certificate: CredentialReference
  readonly key: CredentialReference
}

/** A certificate and its key, which are shown within TLS: read again for each connection, since they are replaced before they end. */
export function clientCertificate(user: string, references: CertificateReferences, secrets: Secrets): CredentialSource {
  return {
    async lease() {
      const held = await holdCertificate(references, secrets)
      return new CertificateLease(user, held)
    },
  }
}

/** The same beside a password, where the target asks for both. */
export function passwordWithCertificate(
  source: CredentialSource,
  references: CertificateReferences,
  secrets: Secrets,
): CredentialSource {
  return {
    async lease(lessee) {
      const held = await holdCertificate(references, secrets)
      try {
        return new CertifiedLease(await source.lease(lessee), held)
      } catch (error) {
        held.release()
        throw error
      }
    },
  }
}

interface HeldCertificate {
  readonly current: ClientCertificate
  release(): void
}

async function holdCertificate(
  { certificate, key }: CertificateReferences,
  secrets: Secrets,
): Promise<HeldCertificate> {
  const held: HeldSecret[] = []
  const release = (): void => held.forEach((one) => one.release())
  try {
    const first = await secrets.hold(certificate)
    held.push(first)
    const second = await secrets.hold(key)
    held.push(second)
    const now = (): ClientCertificate => ({ certificate: first.value, key: second.value })
    if (!isPair(now()))
      throw new PamError(
        'TARGET_CREDENTIAL',
        'the client certificate of the gateway and its key do not belong together',
        {
          side: 'gateway',
          hint: 'contact your administrator',
        },
      )
    return {
      get current() {
        return now()
      },
      release,
    }
  } catch (error) {
    release()
    throw error
  }
}

/** Whether the key is that of the (first) certificate; false where either is none. */
export function isPair({ certificate, key }: ClientCertificate): boolean {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

class CertificateLease implements CredentialLease {
  readonly user: string
  readonly password = undefined
  readonly #held: HeldCertificate

  constructor(user: string, held: HeldCertificate) {
    this.user = user
    this.#held = held
  }

  get clientCertificate(): ClientCertificate {
    return this.#held.current
  }

  async release(): Promise<void> {
    this.#held.release()
  }
}

class CertifiedLease implements CredentialLease {
  readonly user: string
  readonly account?: string
  readonly lost?: AbortSignal
  readonly #lease: CredentialLease
  readonly #held: HeldCertificate

  constructor(lease: CredentialLease, held: HeldCertificate) {
    this.user = lease.user
    if (lease.account !== undefined) this.account = lease.account
    if (lease.lost !== undefined) this.lost = lease.lost
    this.#lease = lease
    this.#held = held
  }

  get password(): string | undefined {
    return this.#lease.password
  }

  get clientCertificate(): ClientCertificate {
    return this.#held.current
  }

  release(): Promise<void> {
    this.#held.release()
    return this.#lease.release()
  }
}
