import { PamError } from '../../shared/errors.ts'
import type { CredentialSource } from '../credential.ts'
import type { Secrets } from '../secrets.ts'
import type { CredentialReference } from '../store-reference.ts'

/** A user and a password, read for each session: the simplest kind of lease. One with fewer than `minLength` characters is refused. */
export function staticPassword(
  user: string,
  password: CredentialReference | undefined,
  secrets: Secrets,
  minLength = 1,
): CredentialSource {
  return {
    async lease() {
      const text = password === undefined ? undefined : await secrets.read(password)
      if (text !== undefined && text.length < minLength)
        throw new PamError('CONFIG_INVALID', `the password of ${user} is shorter than ${minLength} characters`, {
          side: 'gateway',
        })
      return { user, password: text, release: () => Promise.resolve() }
    },
  }
}
