import { z } from 'zod'
import { isLoopback } from '../shared/loopback.ts'
import { certificates } from '../shared/needed-values.ts'
import { plainUrl } from '../shared/plain-url.ts'
import type { DirectoryJoin } from './login-origin.ts'
import { domains, providerName } from './provider-choice.ts'
import { samlIssuerSchema } from './saml/issuer.ts'

/** An OpenID issuer that the gateway trusts, and what it is trusted for. */
export const issuerSchema = z
  .strictObject({
    type: z.literal('oidc').optional().describe('OpenID Connect, the default'),
    name: providerName
      .optional()
      .describe('people: names it on the button of the sign-in page; default: the host of url'),
    domains,
    url: plainUrl.describe('the issuer, exactly as its tokens name it'),
    for: z.enum(['people', 'services']).describe('whether it signs in people or services (CI jobs, agents)'),
    clientId: z.string().min(1).optional().describe('people: our client id, the audience of ID tokens'),
    audience: z.string().min(1).optional().describe('services: the audience that tokens must name'),
    ca: certificates
      .optional()
      .describe('a PEM file with the authority that signed the certificate of the provider; default: the public ones'),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'expected one scope, without blanks'))
      .default(['openid', 'email', 'profile', 'groups', 'offline_access'])
      .describe('requested at sign-in, those that the provider says it supports'),
    algorithms: z
      .array(z.enum(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']))
      .min(1)
      .default(['RS256', 'ES256', 'EdDSA'])
      .describe('signature algorithms taken from this issuer; asymmetric only'),
    groupsClaim: z.string().default('groups').describe('the claim that lists groups'),
    labelClaim: z.string().default('email').describe('the claim that people read as a name'),
    personClaim: z
      .string()
      .optional()
      .describe('an immutable claim that names the same person across issuers; default: issuer and subject'),
    requireSubject: z.string().optional().describe('services: the exact subject'),
    requireClaims: z.record(z.string(), z.string()).optional().describe('services: claims that must have these values'),
    groups: z.array(z.string().min(1)).default([]).describe('groups given to everybody from this issuer'),
    knownGroups: z
      .array(z.string().min(1))
      .optional()
      .describe(
        'the only groups taken from its tokens; where all issuers have them, rules that name other groups are errors',
      ),
  })
  .superRefine((issuer, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    if (issuer.for === 'people' && issuer.clientId === undefined)
      problem('clientId', 'an issuer of people needs clientId')
    if (issuer.for === 'services') {
      if (issuer.audience === undefined) problem('audience', 'an issuer of services needs audience')
      if (issuer.personClaim !== undefined) problem('personClaim', 'is for issuers of people')
      if (issuer.requireSubject === undefined && Object.keys(issuer.requireClaims ?? {}).length === 0) {
        problem(
          'for',
          'an issuer of services needs requireSubject or requireClaims: otherwise every workload that it knows gets in',
        )
      }
    }
    if (!URL.canParse(issuer.url)) return // said already
    const url = new URL(issuer.url)
    if (url.protocol !== 'https:' && !isLoopback(url.hostname)) problem('url', 'plain http is for loopback only')
  })

export type Issuer = z.output<typeof issuerSchema>

/** Whom the gateway trusts to say who somebody is: OpenID issuers and SAML providers, side by side. */
export const anyIssuerSchema = z.discriminatedUnion('type', [issuerSchema, samlIssuerSchema])

export type AnyIssuer = z.output<typeof anyIssuerSchema>

export const isOpenId = (issuer: AnyIssuer): issuer is Issuer => issuer.type !== 'saml'

/** With what its certificate is checked against. */
export interface TrustedIssuer extends Issuer {
  /** PEM of a private authority. */
  readonly authority: string | undefined
  /** Trusts that. */
  readonly fetch: typeof fetch
  /** The provisioning source of its people, and how that names them. */
  readonly provisioning?: DirectoryJoin | undefined
}
