import { z } from 'zod'
import { secret } from '../../credentials/secret-schema.ts'
import { timeout } from '../../shared/duration-schema.ts'
import { certificates } from '../../shared/needed-values.ts'
import { http } from './destination-url.ts'

const mount = z
  .string()
  .regex(
    /^[A-Za-z0-9_-][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*$/,
    'expected a path such as secret or team/kv',
  )

/** A URL without a path: what is asked there is fixed. */
const origin = http
  .refine((text) => {
    if (!URL.canParse(text)) return true // said already
    const { pathname, search, hash } = new URL(text)
    return pathname === '/' && search === '' && hash === ''
  }, 'expected a URL without a path')
  .transform((text) => text.replace(/\/$/, ''))

const ca = certificates
  .optional()
  .describe('a file with the authority that signed its certificate, if it is one of your own')

const vault = z
  .strictObject({
    address: origin.describe('where HashiCorp Vault or OpenBao is, such as https://vault.example.com:8200'),
    namespace: z
      .string()
      .regex(/^[A-Za-z0-9_-]+(?:\/[A-Za-z0-9_-]+)*\/?$/, 'expected a namespace such as team/payments')
      .optional()
      .describe('the namespace of everything that is asked for'),
    ca,
    auth: z
      .discriminatedUnion('type', [
        z.strictObject({
          type: z.literal('approle'),
          mount: mount.default('approle'),
          roleId: secret,
          secretId: secret,
        }),
        z
          .strictObject({
            type: z.literal('kubernetes'),
            mount: mount.default('kubernetes'),
            role: z.string().min(1).max(200),
            token: secret
              .prefault('file:/var/run/secrets/kubernetes.io/serviceaccount/token')
              .describe('the token of the service account; read at each sign-in'),
          })
          .describe("the service account of the gateway's pod"),
        z
          .strictObject({ type: z.literal('token'), token: secret })
          .describe('a token that is renewed while the gateway runs'),
      ])
      .describe('how the gateway signs in'),
    kv: z
      .array(z.strictObject({ mount, version: z.union([z.literal(1), z.literal(2)]).default(2) }))
      .min(1)
      .default([{ mount: 'secret', version: 2 }])
      .describe('the key/value engines that vault: references begin with, and their versions'),
  })
  .describe('vault:MOUNT/PATH#FIELD, vault-db:MOUNT/ROLE, vault-ssh:MOUNT/ROLE and master keys in transit')

const aws = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z]{2}(?:-[a-z]+){1,3}-\d$/, 'expected a region such as eu-west-1')
      .describe('of Secrets Manager'),
    url: origin.optional().describe('Secrets Manager at a VPC endpoint; default: that of the region'),
    stsUrl: origin.optional().describe('the Security Token Service at a VPC endpoint; default: that of the region'),
    kmsUrl: origin.optional().describe('KMS at a VPC endpoint; default: that of the region of the key'),
    ca,
  })
  .describe(
    'aws-sm:NAME#KEY, and iam of RDS; keys come from the environment, a web identity (IRSA), the container or the instance',
  )

const gcp = z
  .strictObject({
    serviceAccountKey: secret
      .optional()
      .describe('the key of a service account, in JSON; default: the service account of the machine'),
    url: origin.optional().describe('Secret Manager at another address, such as that of a region; default: Google'),
    kmsUrl: origin.optional().describe('Cloud KMS at another address; default: Google'),
    ca,
  })
  .describe('gcp-sm:PROJECT/NAME, iam of Cloud SQL, and master keys in Cloud KMS')

const azure = z
  .strictObject({
    auth: z
      .discriminatedUnion('type', [
        z.strictObject({ type: z.literal('workload') }).describe('workload identity, as AKS sets it up'),
        z
          .strictObject({
            type: z.literal('managed'),
            clientId: z.string().min(1).optional().describe('of a user-assigned identity'),
          })
          .describe('the managed identity of the machine'),
        z.strictObject({
          type: z.literal('client-secret'),
          tenant: z.string().regex(/^[A-Za-z0-9.-]{1,100}$/, 'expected the id or the domain of a tenant'),
          clientId: z.string().min(1),
          clientSecret: secret,
        }),
      ])
      .describe('how the gateway signs in to Microsoft Entra ID'),
    url: z
      .string()
      .regex(/^https:\/\/\{vault\}\.[a-z0-9.-]+$|^http:\/\/127\.0\.0\.1:\d+$/, 'expected https://{vault}. and a domain')
      .default('https://{vault}.vault.azure.net')
      .describe('where vaults are; other clouds have other domains'),
    resource: http.default('https://vault.azure.net').describe('the resource that tokens are requested for'),
    authority: origin.optional().describe('Entra ID; default: AZURE_AUTHORITY_HOST, or that of the public cloud'),
    ca,
  })
  .describe('azure-kv:VAULT/NAME')

const masterKey = z.discriminatedUnion('type', [
  z
    .strictObject({ type: z.literal('key'), key: secret })
    .describe('32 bytes in base64, as openssl rand -base64 32 prints them'),
  z
    .strictObject({
      type: z.literal('transit'),
      mount: mount.default('transit'),
      name: z.string().regex(/^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$/, 'expected the name of a key'),
    })
    .describe('a key that stays in Vault (secrets.vault)'),
  z
    .strictObject({
      type: z.literal('aws-kms'),
      key: z
        .string()
        .regex(
          /^arn:aws(?:-[a-z]+){0,2}:kms:[a-z]{2}(?:-[a-z]+){1,3}-\d:\d{12}:key\/(?:mrk-)?[0-9a-f-]{32,36}$/,
          'expected the ARN of a key, arn:aws:kms:REGION:ACCOUNT:key/ID; an alias may name another key tomorrow',
        ),
    })
    .describe('a symmetric key that stays in AWS KMS (secrets.aws)'),
  z
    .strictObject({
      type: z.literal('gcp-kms'),
      key: z
        .string()
        .regex(
          /^projects\/(?:[a-z][a-z0-9-]{4,28}[a-z0-9]|\d{6,20})\/locations\/[a-z0-9-]{1,63}\/keyRings\/[A-Za-z0-9_-]{1,63}\/cryptoKeys\/[A-Za-z0-9_-]{1,63}$/,
          'expected the name of a key, projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY, without a version',
        ),
    })
    .describe('a symmetric key that stays in Google Cloud KMS (secrets.gcp)'),
])

const sealed = z
  .strictObject({
    masterKey: masterKey.describe('what secrets are sealed with'),
    previousMasterKeys: z
      .array(masterKey)
      .default([])
      .describe('keys that secrets may still be sealed with; not needed after pam-gateway secret rotate'),
  })
  .describe('secret:NAME, kept encrypted in the data directory by pam-gateway secret set')

/** Where credentials are kept, besides the environment and files. */
export const secretsSchema = z
  .strictObject({
    cacheFor: timeout
      .prefault('1m')
      .describe('how long a secret of a store is remembered, at most; less where its lease is shorter'),
    vault: vault.optional(),
    aws: aws.optional(),
    gcp: gcp.optional(),
    azure: azure.optional(),
    sealed: sealed.optional(),
  })
  .superRefine(({ vault: configured, aws: amazon, gcp: google, sealed: kept }, context) => {
    if (kept === undefined) return
    const problem = (message: string): void => context.addIssue({ code: 'custom', path: ['sealed'], message })
    const types = [kept.masterKey, ...kept.previousMasterKeys].map(({ type }) => type)
    if (configured === undefined && types.includes('transit')) problem('a master key in transit needs secrets.vault')
    if (amazon === undefined && types.includes('aws-kms')) problem('a master key in AWS KMS needs secrets.aws')
    if (google === undefined && types.includes('gcp-kms')) problem('a master key in Cloud KMS needs secrets.gcp')
  })
  .prefault({})
  .describe('stores that credentials of targets are read from; docs/credentials.md')
