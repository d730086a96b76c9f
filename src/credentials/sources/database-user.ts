import type { CredentialSource } from '../credential.ts'
import type { Secrets } from '../secrets.ts'
import type { CredentialReference } from '../store-reference.ts'

/** A user of the target's own that is made for the session, and gone after it. Rules name it by `account`. */
export function databaseUser(account: string, reference: CredentialReference, secrets: Secrets): CredentialSource {
  return {
    async lease() {
      const made = await secrets.databaseUser(reference)
      const { user, password, lost } = made
      return { user, account, password, lost, release: () => made.release() }
    },
  }
}
