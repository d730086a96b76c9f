import { isSecretReference, resolveSecret } from '../../src/credentials/secret-reference.ts'
import type { Secrets } from '../../src/credentials/secrets.ts'
import type { CredentialReference } from '../../src/credentials/store-reference.ts'
import { PamError } from '../../src/shared/errors.ts'

/** The secrets of the gateway's own machine, read each time: nothing is kept. */
export function localSecrets(baseDirectory: string): Secrets {
  const read = (reference: CredentialReference): string => {
    if (isSecretReference(reference)) return resolveSecret(reference, baseDirectory)
    throw noStore(reference)
  }
  return {
    baseDirectory,
    read: async (reference) => read(reference),
    hold: async (reference) => {
      // A missing one is found here, and not at the first use.
      read(reference)
      return {
        get value() {
          return read(reference)
        },
        release() {},
      }
    },
    databaseUser: (reference) => Promise.reject(noStore(reference)),
    sshCertificate: (reference) => Promise.reject(noStore(reference)),
    identityToken: ({ type }) => Promise.reject(noStore(`${type}:`)),
  }
}

const noStore = (reference: string): PamError =>
  new PamError('CONFIG_INVALID', `no store is configured for ${reference.split(':')[0]}: references`, {
    side: 'gateway',
  })
