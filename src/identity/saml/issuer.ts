import { z } from 'zod'
import { isLoopback } from '../../shared/loopback.ts'
import { parseDuration } from '../../shared/duration.ts'
import { certificates, readableFile } from '../../shared/needed-values.ts'
import { plainUrl } from '../../shared/plain-url.ts'
import { domains, providerName } from '../provider-choice.ts'

const between = (least: string, most: string) =>
  z
    .string()
    .describe('a duration such as 90s, 30m or 8h')
    .transform((text, context) => {
      const milliseconds = parseDuration(text)
      if (
        milliseconds !== undefined &&
        milliseconds >= (parseDuration(least) ?? 0) &&
        milliseconds <= (parseDuration(most) ?? 0)
      )
        return milliseconds
      context.addIssue({ code: 'custom', message: `expected a duration from ${least} to ${most}, not "${text}"` })
      return z.NEVER
    })

/** A SAML 2.0 identity provider that the gateway, as its service provider, trusts to sign in people. */
export const samlIssuerSchema = z
  .strictObject({
    type: z.literal('saml'),
    name: providerName.describe(
      'names it in the URLs that the provider is given, /auth/saml/NAME/…, and on the button',
    ),
    for: z.literal('people').default('people').describe('SAML signs in people'),
    domains,
    entityId: z.string().min(1).max(1024).describe('the entity ID of the provider, exactly as its metadata name it'),
    metadataFile: readableFile.optional().describe('the metadata of the provider, an XML file; or metadataUrl'),
    metadataUrl: plainUrl.optional().describe('where the provider publishes its metadata; or metadataFile'),
    metadataCertificate: certificates
      .optional()
      .describe('PEM: the metadata must be signed with its key; default: the signature is not verified'),
    ca: certificates
      .optional()
      .describe('a PEM file with the authority that signed the certificate of metadataUrl; default: the public ones'),
    refreshEvery: between('1m', '1d').prefault('1h').describe('how often the metadata are read again'),
    spEntityId: z
      .string()
      .min(1)
      .max(1024)
      .optional()
      .describe('our entity ID, the audience of assertions; default: the URL of our metadata'),
    keyPair: z
      .strictObject({ certificate: certificates, key: readableFile })
      .optional()
      .describe('PEM files: signs our requests, and decrypts assertions; default: neither'),
    nameIdFormat: z
      .enum(['persistent', 'emailAddress', 'unspecified', 'transient'])
      .default('persistent')
      .describe('the only format of NameID that is accepted; transient needs personClaim'),
    groupsAttribute: z.string().min(1).default('groups').describe('the attribute that lists groups'),
    labelAttribute: z.string().min(1).default('email').describe('the attribute that people read as a name'),
    emailAttribute: z
      .string()
      .min(1)
      .optional()
      .describe('the attribute with the e-mail address, if the provider has verified it'),
    personClaim: z
      .string()
      .min(1)
      .optional()
      .describe('an immutable claim that names the same person across issuers; default: entity ID and NameID'),
    personAttribute: z.string().min(1).optional().describe('the attribute with that claim; default: its own name'),
    groups: z.array(z.string().min(1)).default([]).describe('groups given to everybody from this provider'),
    knownGroups: z
      .array(z.string().min(1))
      .optional()
      .describe('the only groups taken from its assertions; see the same of OpenID issuers'),
    maxSession: between('1m', '1d')
      .prefault('1h')
      .describe(
        'how long a sign-in lasts, unless SessionNotOnOrAfter or a logout at the provider ends it before: SAML has no way to ask again',
      ),
    clockTolerance: between('1s', '5m').prefault('30s').describe('how far the clock of the provider may be off'),
    idpInitiated: z
      .boolean()
      .default(false)
      .describe(
        'accepts sign-ins that were not started here: a person who is lured to one is signed in as somebody else',
      ),
  })
  .superRefine((issuer, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    if ((issuer.metadataFile === undefined) === (issuer.metadataUrl === undefined))
      problem('metadataUrl', 'expected one of metadataFile and metadataUrl')
    if (issuer.nameIdFormat === 'transient' && issuer.personClaim === undefined)
      problem('nameIdFormat', 'a transient NameID names nobody twice: give personClaim')
    if (issuer.personAttribute !== undefined && issuer.personClaim === undefined)
      problem('personAttribute', 'needs personClaim')
    if (issuer.ca !== undefined && issuer.metadataUrl === undefined) problem('ca', 'is for metadataUrl')
    const { metadataUrl } = issuer
    if (metadataUrl === undefined || !URL.canParse(metadataUrl)) return
    const url = new URL(metadataUrl)
    if (url.protocol !== 'https:' && !isLoopback(url.hostname))
      problem('metadataUrl', 'plain http is for loopback only')
  })

export type SamlIssuer = z.output<typeof samlIssuerSchema>
