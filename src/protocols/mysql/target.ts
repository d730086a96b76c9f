import { z } from 'zod'
import { databaseCredentialSource } from '../../credentials/sources/database-credential.ts'
import { size } from '../../shared/size.ts'
import { pairFindings } from '../client-certificate.ts'
import { checkDatabaseLogin, databaseLogin } from '../database-login.ts'
import { refuseBesideEphemeral } from '../ephemeral-login.ts'
import type { TargetKind } from '../protocol.ts'
import { ephemeralSettings } from './ephemeral-settings.ts'
import { sessionSettings } from './session-settings.ts'
import { targetShape } from '../target-shape.ts'
import { checkAuthority, targetTls } from '../target-tls.ts'
import { unverifiedFindings } from '../unverified-target.ts'

const schema = z
  .strictObject({
    ...targetShape,
    type: z.literal('mysql').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(3306),
    database: z
      .string()
      .min(1)
      .max(64)
      .describe(
        'the default database of sessions, and that of tables that rules name without one; statements may name others',
      ),
    ...databaseLogin,
    ephemeral: ephemeralSettings
      .optional()
      .describe(
        'an account for each session, made when it opens and dropped when it ends, instead of a password; user is then what clients and rules call the account',
      ),
    settings: sessionSettings.optional().describe('settings of each session, with the names and units of the server'),
    ownAccount: z
      .boolean()
      .default(false)
      .describe(
        'true: nobody else uses the account; the rules, not the gateway, decide about statements that change it or end its connections',
      ),
    safeRoutines: z
      .array(z.string().regex(/^[^.]+\.[^.]+$/, 'expected database.name'))
      .default([])
      .describe(
        'stored functions and triggers (database.name) that you have reviewed and that may run; the effect of all others is unknown',
      ),
    unseenTriggers: z
      .enum(['unknown', 'none'])
      .default('unknown')
      .describe(
        'what writing to a table means whose triggers the account may not see (it lacks the privilege TRIGGER): its effect is unknown, or you have made sure that there are none',
      ),
    recordRows: size
      .prefault('0 B')
      .describe('how much of each result is kept in the record, as the client sees it, masked'),
    ...targetTls,
    authentication: z
      .array(
        z.enum([
          'caching_sha2_password',
          'sha256_password',
          'mysql_native_password',
          'client_ed25519',
          'mysql_clear_password',
          'none',
        ]),
      )
      .min(1)
      .optional()
      .describe(
        'how the gateway may authenticate to the target; default: any of these with tls: verify-full, otherwise all that do not give the password away: client_ed25519, mysql_native_password, and none where no password is set',
      ),
  })
  .superRefine(checkAuthority)
  .superRefine(checkDatabaseLogin)
  .superRefine((target, context) => {
    if (target.ephemeral !== undefined) refuseBesideEphemeral(target, context)
  })

export type MysqlTarget = z.output<typeof schema>

export type AuthenticationMethod = NonNullable<MysqlTarget['authentication']>[number]

/**
 * The methods by which the gateway logs in. If the certificate does not prove the server's identity, an impostor must not get the password:
 * full authentication of caching_sha2 and sha256 gives it to any server that presents a public key or terminates the TLS connection. With
 * the other methods an impostor can guess from the proof, or relay it, but not read the password.
 */
export function authenticationOf({
  authentication,
  tls,
  password,
  ephemeral,
}: Pick<MysqlTarget, 'authentication' | 'tls' | 'password'> &
  Partial<Pick<MysqlTarget, 'ephemeral'>>): readonly AuthenticationMethod[] {
  if (authentication !== undefined) return authentication
  if (tls === 'verify-full')
    return [
      'caching_sha2_password',
      'sha256_password',
      'mysql_native_password',
      'client_ed25519',
      'mysql_clear_password',
      'none',
    ]
  return password === undefined && ephemeral === undefined ? ['none'] : ['client_ed25519', 'mysql_native_password']
}

export const mysqlTarget: TargetKind<MysqlTarget> = {
  schema,
  accounts: ({ user }) => [user],
  credentials: (target, _account, secrets) => databaseCredentialSource(target, secrets),
  warnings: (target) => unverifiedFindings(target, EXPOSES),
  errors: (target, baseDirectory) => pairFindings(target, baseDirectory),
  defaultSchema: ({ database }) => database,
  facts: ({ database }) => ({ database }),
}

/** What an impostor learns about the password of a target whose certificate is not verified. */
const EXPOSES: Readonly<Partial<Record<AuthenticationMethod, string>>> = {
  mysql_clear_password: 'gives the password to anyone who impersonates the target',
  caching_sha2_password: 'gives the password to anyone who impersonates the target',
  sha256_password: 'gives the password to anyone who impersonates the target',
  mysql_native_password: 'lets anyone who impersonates the target guess the password offline',
  client_ed25519: 'lets anyone who impersonates the target guess the password offline',
}
