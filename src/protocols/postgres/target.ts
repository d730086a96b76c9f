import { z } from 'zod'
import { databaseCredentialSource } from '../../credentials/sources/database-credential.ts'
import { size } from '../../shared/size.ts'
import { pairFindings } from '../client-certificate.ts'
import { checkDatabaseLogin, databaseLogin } from '../database-login.ts'
import { refuseBesideEphemeral } from '../ephemeral-login.ts'
import type { StatementReading, TargetFinding, TargetKind } from '../protocol.ts'
import { targetShape } from '../target-shape.ts'
import { checkAuthority, targetTls } from '../target-tls.ts'
import { unverifiedFindings } from '../unverified-target.ts'
import { DEFAULT_SCHEMA } from './default-schema.ts'
import { ephemeralSettings } from './ephemeral-settings.ts'
import { sessionSettings } from './session-settings.ts'

const schema = z
  .strictObject({
    ...targetShape,
    type: z.literal('postgres').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1).describe('the only database that is served'),
    ...databaseLogin,
    ephemeral: ephemeralSettings
      .optional()
      .describe(
        'a role for each session, made when it opens and dropped when it ends, instead of a password; user is then what clients and rules call the account',
      ),
    settings: sessionSettings
      .optional()
      .describe(
        'settings of each session, as the server names them; they take precedence over settings of the account',
      ),
    ownAccount: z
      .boolean()
      .default(false)
      .describe(
        'true: nobody else uses the account; the rules, not the gateway, decide about statements that change it or end its backends',
      ),
    safeFunctions: z
      .array(
        z
          .string()
          .regex(
            /^[^.@]+\.[^.@]+(@sha256:[0-9a-f]{64})?$/,
            'expected schema.function@sha256: and 64 hexadecimal digits',
          ),
      )
      .default([])
      .describe(
        'user-defined functions that you have reviewed and that may run, each with the digest of its definition (schema.function@sha256:…), which pam-gateway check --connect prints; without one, or with another definition, a function is not trusted, and its effect is unknown, as is that of all others',
      ),
    reading: z
      .enum(['ours', 'agreed'])
      .optional()
      .describe(
        "whether the target's own analysis of each new statement must agree with the gateway's (agreed), or the gateway's alone is enough (ours); default: agreed where columns are masked, otherwise ours",
      ),
    recordRows: size
      .prefault('0 B')
      .describe('how much of each result is kept in the record, as the client sees it, masked'),
    ...targetTls,
    authentication: z
      .array(z.enum(['scram-sha-256', 'md5', 'cleartext-password', 'none']))
      .min(1)
      .optional()
      .describe(
        'how the gateway may authenticate to the target; default: any of these with tls: verify-full, otherwise scram-sha-256, or none where no password is set. Without a verified certificate, cleartext-password gives the password to anyone who answers, and md5 a hash that it can be guessed from',
      ),
    channelBinding: z
      .enum(['require', 'prefer', 'disable'])
      .optional()
      .describe(
        "whether SCRAM must be bound to the target's certificate, as in libpq; default: prefer with tls: verify-full, otherwise require. Without a verified certificate, anything but require lets an attacker on the network path relay the login",
      ),
  })
  .superRefine((target, context) => {
    if (target.channelBinding !== undefined && target.tls === 'disable') {
      context.addIssue({ code: 'custom', path: ['channelBinding'], message: 'is not used with tls: disable' })
    }
    checkAuthority(target, context)
    checkDatabaseLogin(target, context)
    if (target.ephemeral !== undefined) refuseBesideEphemeral(target, context)
  })

export type PostgresTarget = z.output<typeof schema>

export type AuthenticationMethod = NonNullable<PostgresTarget['authentication']>[number]

/**
 * How the gateway logs in. Where the certificate does not prove who answers, whoever does must not get more than SCRAM gives:
 * verify-ca is not enough, any certificate of that authority would do.
 */
export function authenticationOf({
  authentication,
  tls,
  password,
  ephemeral,
}: Pick<PostgresTarget, 'authentication' | 'tls' | 'password'> &
  Partial<Pick<PostgresTarget, 'ephemeral'>>): readonly AuthenticationMethod[] {
  if (ephemeral !== undefined) return ['scram-sha-256']
  if (authentication !== undefined) return authentication
  if (tls === 'verify-full') return ['scram-sha-256', 'md5', 'cleartext-password', 'none']
  return password === undefined ? ['none'] : ['scram-sha-256']
}

export type ChannelBinding = NonNullable<PostgresTarget['channelBinding']>

/** A certificate that is not verified in full may be that of somebody between, who passes on what is not bound to it. */
export const channelBindingOf = ({
  channelBinding,
  tls,
}: Pick<PostgresTarget, 'channelBinding' | 'tls'>): ChannelBinding =>
  channelBinding ?? (tls === 'verify-full' ? 'prefer' : 'require')

export const postgresTarget: TargetKind<PostgresTarget> = {
  schema,
  accounts: ({ user }) => [user],
  credentials: (target, _account, secrets) => databaseCredentialSource(target, secrets),
  warnings,
  errors: (target, baseDirectory) => pairFindings(target, baseDirectory),
  defaultSchema: () => DEFAULT_SCHEMA,
  readingWhereMasked,
  facts: ({ database }) => ({ database }),
}

function readingWhereMasked({ reading }: PostgresTarget): StatementReading {
  return {
    reading: reading ?? 'agreed',
    because: reading === undefined ? 'the default when columns are masked' : 'set by `reading`',
    so:
      reading === 'ours'
        ? "masking relies on the gateway's own analysis of statements alone"
        : 'where PostgreSQL analyses a statement differently, its effect counts as unknown',
  }
}

function warnings(target: PostgresTarget): TargetFinding[] {
  const { name, tls, channelBinding = 'require' } = target
  const message = `target ${name}: channelBinding: ${channelBinding} with tls: ${tls} lets an attacker on the network path relay the login to the target`
  const bare = target.safeFunctions.flatMap((entry, index) =>
    entry.includes('@')
      ? []
      : [
          {
            path: ['safeFunctions', index],
            message: `target ${name}: safeFunctions: ${entry} has no digest and is not trusted; pam-gateway check --connect prints the digest of its definition`,
          },
        ],
  )
  const bound = channelBinding === 'require' ? [] : [{ path: ['channelBinding'], message }]
  return [...bare, ...unverifiedFindings(target, EXPOSES, bound)]
}

/** What an impostor of a target whose certificate is not verified learns about its password. */
const EXPOSES: Readonly<Partial<Record<AuthenticationMethod, string>>> = {
  'cleartext-password': 'gives the password to anyone who impersonates the target',
  md5: 'lets anyone who impersonates the target guess the password offline',
}
