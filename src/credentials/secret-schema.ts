import { z } from 'zod'
import { needed } from '../shared/needed-values.ts'
import { isSecretReference } from './secret-reference.ts'
import { isCredentialReference, referenceProblem, type StoreName } from './store-reference.ts'

const reported =
  (kinds: readonly StoreName[]) =>
  (text: string, context: z.RefinementCtx): void => {
    const message = referenceProblem(text, kinds)
    if (message !== undefined) context.addIssue({ code: 'custom', message })
  }

/** Where a secret is that the gateway needs by itself, never the secret: on its own machine. */
export const secret = z
  .string()
  .superRefine(reported([]))
  .transform((text, context) => {
    if (isSecretReference(text)) return text
    context.addIssue({ code: 'custom', message: 'expected a reference' })
    return z.NEVER
  })
  .register(needed, { what: 'secret' })

const credentialOf = (kinds: readonly StoreName[]) =>
  z
    .string()
    .superRefine(reported(kinds))
    .transform((text, context) => {
      if (isCredentialReference(text)) return text
      context.addIssue({ code: 'custom', message: 'expected a reference' })
      return z.NEVER
    })
    .register(needed, { what: 'credential' })

const KEPT: readonly StoreName[] = ['vault', 'aws-sm', 'gcp-sm', 'azure-kv', 'secret']

/** Where a secret is that the gateway logs in to a target with: on its own machine, or in a store. */
export const credential = credentialOf(KEPT)

/** The same, or a user and a password that Vault makes for each session. */
export const databaseCredential = credentialOf([...KEPT, 'vault-db'])

/** The same, or a role of Vault that signs certificates of SSH: its key stays there. */
export const certificateAuthority = credentialOf([...KEPT, 'vault-ssh'])

/** How references are written, for the descriptions of keys. */
export const REFERENCE = 'env:NAME, file:PATH or a reference to a store'
