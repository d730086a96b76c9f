import { z } from 'zod'
import { credential, databaseCredential, REFERENCE } from '../credentials/secret-schema.ts'

/** The keys that say what the gateway logs in to a database with. */
export const databaseLogin = {
  user: z
    .string()
    .min(1)
    .describe(
      'the account that the gateway logs in with; where Vault makes a user for each session, what rules call it',
    ),
  password: databaseCredential
    .optional()
    .describe(`${REFERENCE}, or vault-db:MOUNT/ROLE: a user that Vault makes for each session`),
  iam: z
    .discriminatedUnion('provider', [
      z
        .strictObject({
          provider: z.literal('aws'),
          region: z.string().regex(/^[a-z]{2}(?:-[a-z]+){1,3}-\d$/, 'expected a region such as eu-west-1'),
        })
        .describe('Amazon RDS and Aurora: a token signed by the gateway (secrets.aws), valid for 15 minutes'),
      z
        .strictObject({ provider: z.literal('gcp') })
        .describe('Cloud SQL: an access token of the service account of the machine'),
    ])
    .optional()
    .describe('in place of a password: a token of the cloud, made for each session; needs tls: verify-full'),
  certificate: credential.optional().describe(`${REFERENCE} of a client certificate, in PEM, shown within TLS`),
  key: credential.optional().describe(`${REFERENCE} of its key, not encrypted`),
}

interface Login {
  readonly tls: string
  readonly password?: string | undefined
  readonly iam?: unknown
  readonly certificate?: unknown
  readonly key?: unknown
}

/** Reports what cannot be used together. */
export function checkDatabaseLogin(
  { tls, password, iam, certificate, key }: Login,
  context: { addIssue(issue: { code: 'custom'; path: string[]; message: string }): void },
): void {
  const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
  if (iam !== undefined && password !== undefined) problem('iam', 'give either a password, or iam')
  // The token is sent as it is.
  if (iam !== undefined && tls !== 'verify-full')
    problem('iam', 'needs tls: verify-full: anyone who impersonates the target would get the token')
  if ((certificate === undefined) !== (key === undefined)) problem('key', 'give a certificate and its key together')
  if (certificate !== undefined && tls === 'disable') problem('certificate', 'is shown within TLS, and tls is disable')
}
