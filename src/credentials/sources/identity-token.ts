import type { CredentialSource } from '../credential.ts'
import type { IdentityTokenRequest, Secrets } from '../secrets.ts'

/** A user whose password is a token of the cloud that the target runs in, valid for some minutes: made for each session. */
export function identityToken(user: string, request: IdentityTokenRequest, secrets: Secrets): CredentialSource {
  return {
    lease: async () => ({
      user,
      password: await secrets.identityToken(request),
      release: () => Promise.resolve(),
    }),
  }
}
