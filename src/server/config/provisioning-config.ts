import { z } from 'zod'
import { secret } from '../../credentials/secret-schema.ts'
import { resolveSecret } from '../../credentials/secret-reference.ts'
import { plainUrl } from '../../shared/plain-url.ts'
import type { Finding } from './finding.ts'

/** A directory that provisions people by SCIM 2.0; see docs/identity/scim.md. */
export const provisioningSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens')
    .describe('how the audit chain and errors name it; it keeps its users and groups under this name'),
  issuer: z
    .union([z.literal('evaluation'), plainUrl])
    .describe('the url of the OpenID issuer whose people it provisions; evaluation is the built-in provider'),
  token: secret.describe('the bearer token that it presents, at least 32 characters; one for each source'),
  claim: z
    .string()
    .min(1)
    .default('sub')
    .describe(
      'the claim of the issuer’s tokens that names a person in the directory; must not be one that people can change',
    ),
  attribute: z
    .enum(['externalId', 'userName'])
    .default('externalId')
    .describe('the attribute of its users that equals the claim'),
  required: z.boolean().default(true).describe('whether people of the issuer must be in the directory to sign in'),
  groups: z
    .enum(['token', 'scim', 'both'])
    .default('token')
    .describe('where groups come from: the issuer’s tokens, the directory, or both together'),
  groupName: z
    .enum(['displayName', 'externalId'])
    .default('displayName')
    .describe('the attribute of its groups that rules name'),
})

export type ProvisioningConfig = z.output<typeof provisioningSchema>

interface Identity {
  readonly issuers: readonly { readonly url?: string | undefined; readonly for?: string | undefined }[]
  readonly evaluation?: unknown
  readonly provisioning: readonly ProvisioningConfig[]
}

/** Sources of issuers that are not there, and two sources of one issuer. */
export function provisioningProblems({ issuers, evaluation, provisioning }: Identity): {
  readonly path: (string | number)[]
  readonly message: string
}[] {
  const seen = new Set<string>()
  return provisioning.flatMap(({ issuer }, index) => {
    const path = ['identity', 'provisioning', index, 'issuer']
    const isThere =
      issuer === 'evaluation'
        ? evaluation !== undefined
        : issuers.some((one) => one.url === issuer && one.for !== 'services')
    const isTwice = seen.has(issuer)
    seen.add(issuer)
    if (!isThere) return [{ path, message: `${issuer} is not among the OpenID issuers of people` }]
    return isTwice
      ? [{ path, message: `${issuer} has another source already: one directory answers for its people` }]
      : []
  })
}

/** Tokens that could be guessed, and tokens that two sources share: one would act as the other. */
export function provisioningFindings(
  { provisioning }: Pick<Identity, 'provisioning'>,
  baseDirectory: string,
): Finding[] {
  const seen = new Map<string, string>()
  return provisioning.flatMap(({ name, token }, index): Finding[] => {
    const path = ['identity', 'provisioning', index, 'token']
    const value = resolveSecret(token, baseDirectory)
    const other = seen.get(value)
    seen.set(value, name)
    if (value.length < MIN_TOKEN)
      return [
        {
          level: 'error',
          path,
          message: `is shorter than ${MIN_TOKEN} characters: make one with "openssl rand -hex 32"`,
        },
      ]
    return other === undefined
      ? []
      : [{ level: 'error', path, message: `is the token of "${other}", too: each source needs its own` }]
  })
}

const MIN_TOKEN = 32
