import { z } from 'zod'
import { secret } from '../../credentials/secret-schema.ts'
import { resolveSecret } from '../../credentials/secret-reference.ts'
import { isOpenId, type AnyIssuer } from '../../identity/issuer.ts'
import type { DirectoryJoin } from '../../identity/login-origin.ts'
import { NAME_ID_CLAIM } from '../../identity/saml/identity.ts'
import type { Finding } from './finding.ts'

/** A directory that provisions people by SCIM 2.0; see docs/identity/scim.md. */
export const provisioningSchema = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected lower-case letters, digits and hyphens')
    .describe('how the audit chain and errors name it; it keeps its users and groups under this name'),
  issuer: z
    .string()
    .min(1)
    .max(1024)
    .describe(
      'whose people it provisions: url of an OpenID issuer, entityId of a SAML provider, or the name of either; evaluation is the built-in provider',
    ),
  token: secret.describe('the bearer token that it presents, at least 32 characters; one for each source'),
  claim: z
    .string()
    .min(1)
    .default('sub')
    .describe(
      'the claim of the issuer’s tokens that names a person in the directory; of a SAML provider NameID where it is sub, otherwise an attribute; must not be one that people can change',
    ),
  attribute: z
    .enum(['externalId', 'userName'])
    .default('externalId')
    .describe('the attribute of its users that equals the claim'),
  required: z.boolean().default(true).describe('whether people of the issuer must be in the directory to sign in'),
  groups: z
    .enum(['token', 'scim', 'both'])
    .default('token')
    .describe('where groups come from: the issuer (its tokens or assertions), the directory, or both together'),
  groupName: z
    .enum(['displayName', 'externalId'])
    .default('displayName')
    .describe('the attribute of its groups that rules name'),
})

export type ProvisioningConfig = z.output<typeof provisioningSchema>

interface Identity {
  readonly issuers: readonly AnyIssuer[]
  readonly evaluation?: unknown
  readonly provisioning: readonly ProvisioningConfig[]
}

/** The source of this issuer's people, as its join; undefined where it has none. */
export function joinOf(issuer: AnyIssuer, sources: readonly ProvisioningConfig[]): DirectoryJoin | undefined {
  const source = issuer.for === 'people' ? sources.find((one) => isNamed(one.issuer, issuer)) : undefined
  return source && toJoin(source)
}

/** The same of the built-in provider. */
export function evaluationJoin(sources: readonly ProvisioningConfig[]): DirectoryJoin | undefined {
  const source = sources.find(({ issuer }) => issuer === EVALUATION)
  return source && toJoin(source)
}

const toJoin = ({ name, claim, attribute }: ProvisioningConfig): DirectoryJoin => ({
  source: name,
  claim,
  isCaseExact: attribute === 'externalId',
})

const identifierOf = (issuer: AnyIssuer): string => (isOpenId(issuer) ? issuer.url : issuer.entityId)
const isNamed = (named: string, issuer: AnyIssuer): boolean =>
  named !== EVALUATION && (named === identifierOf(issuer) || named === issuer.name)

/** Sources of issuers that are not there or that cannot be told apart, two sources of one issuer, and names that could not be compared. */
export function provisioningProblems({ issuers, evaluation, provisioning }: Identity): {
  readonly path: (string | number)[]
  readonly message: string
}[] {
  const seen = new Set<string>()
  return provisioning.flatMap((source, index) => {
    const path = (key: string): (string | number)[] => ['identity', 'provisioning', index, key]
    const found = issuers.filter((one) => one.for === 'people' && isNamed(source.issuer, one))
    const meant = new Set(
      source.issuer === EVALUATION
        ? evaluation === undefined
          ? []
          : [EVALUATION]
        : found.map((one) => `${isOpenId(one) ? 'oidc' : 'saml'} ${identifierOf(one)}`),
    )
    const [only, another] = [...meant]
    if (only === undefined)
      return [{ path: path('issuer'), message: `${source.issuer} is not among the issuers of people` }]
    if (another !== undefined)
      return [{ path: path('issuer'), message: `${source.issuer} is two issuers: give the name of one` }]
    const isTwice = seen.has(only)
    seen.add(only)
    return [
      ...(isTwice
        ? [
            {
              path: path('issuer'),
              message: `${source.issuer} has another source already: one directory answers for its people`,
            },
          ]
        : []),
      ...found
        .flatMap((one) => (isOpenId(one) ? [] : nameIdProblems(source, one.nameIdFormat)))
        .map(({ key, message }) => ({ path: path(key), message })),
    ]
  })
}

/** NameIDs that name nobody twice, and those that a provider may write in capitals or not. */
function nameIdProblems(
  { claim, attribute }: ProvisioningConfig,
  format: string,
): { readonly key: string; readonly message: string }[] {
  if (claim !== NAME_ID_CLAIM) return []
  if (format === 'transient')
    return [{ key: 'claim', message: 'a transient NameID names nobody twice: give an attribute of the assertions' }]
  return format === 'emailAddress' && attribute === 'externalId'
    ? [{ key: 'attribute', message: 'NameIDs that are e-mail addresses differ in case: compare them with userName' }]
    : []
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
const EVALUATION = 'evaluation'
