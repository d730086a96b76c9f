import { z } from 'zod'
import { certificates, readableFile } from '../shared/needed-values.ts'
import { secret, size } from '../server/config/config-values.ts'

/** What every target has. */
const common = {
  name: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'expected lower-case letters, digits, dots, dashes; at most 63')
    .describe('what people call it'),
  labels: z.record(z.string(), z.string()).default({}).describe('what rules select by, such as env: prod'),
  host: z.string().min(1).describe('where the gateway reaches it'),
  durability: z
    .enum(['buffered', 'strict'])
    .optional()
    .describe('how safely a command is on record before it is forwarded; recording.durability where it is left out'),
}

const postgresTarget = z
  .strictObject({
    ...common,
    type: z.literal('postgres').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(5432),
    database: z.string().min(1).describe('the only database that is served'),
    user: z.string().min(1).describe('the account that the gateway logs in with'),
    password: secret.optional().describe('env:NAME or file:PATH'),
    ownAccount: z
      .boolean()
      .default(false)
      .describe(
        'true: nobody else uses the account; the rules, not the gateway, decide about statements that change it or end its backends',
      ),
    safeFunctions: z
      .array(z.string().regex(/^[^.]+\.[^.]+$/, 'expected schema.function'))
      .default([])
      .describe(
        'functions (schema.function) of the database that somebody has read and that may run: all others that somebody wrote are of unknown effect',
      ),
    recordRows: size
      .prefault('0 B')
      .describe('how much of each result is kept in the record, as the client sees it, masked'),
    tls: z
      .enum(['verify-full', 'verify-ca', 'require', 'disable'])
      .default('verify-full')
      .describe(
        'how the gateway checks the target; all but verify-full trust more than they should, and are warned about',
      ),
    ca: certificates.optional().describe('a file with the authority that signed the certificate of the target'),
    authentication: z
      .array(z.enum(['scram-sha-256', 'md5', 'cleartext-password', 'none']))
      .min(1)
      .optional()
      .describe(
        'how the gateway may prove to the target who it is; default: any of these with tls: verify-full, otherwise scram-sha-256, or none where no password is set. Without a verified certificate, cleartext-password gives the password to whoever answers, and md5 what it can be guessed from',
      ),
    channelBinding: z
      .enum(['require', 'prefer', 'disable'])
      .optional()
      .describe(
        "whether SCRAM must be bound to the target's certificate, as in libpq; default: prefer with tls: verify-full, otherwise require. Without a verified certificate, anything but require lets somebody on the path pass the login on",
      ),
  })
  .superRefine((target, context) => {
    if (target.channelBinding !== undefined && target.tls === 'disable') {
      context.addIssue({ code: 'custom', path: ['channelBinding'], message: 'is not used with tls: disable' })
    }
    if (target.ca !== undefined && !target.tls.startsWith('verify-')) {
      context.addIssue({ code: 'custom', path: ['ca'], message: `is not used with tls: ${target.tls}` })
    }
  })

const sshLogin = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'expected the name of an account')
      .describe('an account on the target'),
    password: secret.optional().describe('env:NAME or file:PATH'),
    privateKey: secret.optional().describe('env:NAME or file:PATH of a key in OpenSSH or PEM form'),
    passphrase: secret.optional().describe('env:NAME or file:PATH, where the key is encrypted'),
    certificate: z.string().optional().describe('not supported: certificates towards targets are refused'),
    shell: z
      .enum(['bash', 'sh', 'other'])
      .optional()
      .describe(
        "the account's login shell: bash, sh (bash or dash under the name sh), or other, whose command lines are not analysed; asked of the target by default",
      ),
  })
  .superRefine((login, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    if (login.certificate !== undefined)
      problem('certificate', 'certificates towards targets are not supported: give a privateKey or a password')
    if ((login.password === undefined) === (login.privateKey === undefined))
      problem('privateKey', 'a login has either a password or a privateKey')
    if (login.passphrase !== undefined && login.privateKey === undefined) problem('passphrase', 'is for a privateKey')
  })

const sshTarget = z
  .strictObject({
    ...common,
    type: z.literal('ssh').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(22),
    logins: z
      .array(sshLogin)
      .min(1)
      .describe('the accounts that can be used, as user@ of the client; the first is the usual one'),
    hostKeys: z
      .array(z.string().min(1))
      .default([])
      .describe('host keys of the target, as in a .pub file: type and base64'),
    knownHosts: readableFile.optional().describe('a file in the format of OpenSSH with the host keys of the target'),
    trustOnFirstUse: z
      .boolean()
      .default(false)
      .describe('true: the first host key seen is kept and audited, where neither hostKeys nor knownHosts is given'),
    environment: z
      .array(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*\*?$/, 'expected the name of a variable, * at its end for any'))
      .default(['LANG', 'LC_*'])
      .describe('variables of the client that are passed on'),
    recordOutput: size
      .prefault('1 MiB')
      .describe(
        'how much output of each command is kept in the record, as the client sees it; terminals are kept whole',
      ),
    fullRecord: z
      .boolean()
      .default(false)
      .describe(
        'true: what cannot be recorded by its content, forwarded connections, is refused whatever the rules say',
      ),
  })
  .superRefine((target, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    const pinned = target.hostKeys.length > 0 || target.knownHosts !== undefined
    if (!pinned && !target.trustOnFirstUse)
      problem(
        'hostKeys',
        'give hostKeys or knownHosts, so that the target can be told from another, or trustOnFirstUse',
      )
    if (pinned && target.trustOnFirstUse) problem('trustOnFirstUse', 'is not used where host keys are given')
    target.logins.forEach(({ password }, index) => {
      // Whoever answers first would be given it, as it is.
      if (password !== undefined && target.trustOnFirstUse)
        context.addIssue({
          code: 'custom',
          path: ['logins', index, 'password'],
          message:
            'a password login needs hostKeys or knownHosts: trustOnFirstUse would send it to whoever answers first',
        })
    })
    const names = target.logins.map(({ name }) => name)
    if (new Set(names).size < names.length) problem('logins', 'a login stands twice')
  })

/** A target: what people connect to through the gateway. */
export const targetSchema = z.discriminatedUnion('type', [postgresTarget, sshTarget])

export type TargetConfig = z.output<typeof targetSchema>
export type PostgresTarget = z.output<typeof postgresTarget>
export type SshTarget = z.output<typeof sshTarget>

export type AuthenticationMethod = NonNullable<PostgresTarget['authentication']>[number]

/**
 * How the gateway logs in. Where the certificate does not prove who answers, whoever does must not get more than SCRAM gives:
 * verify-ca is not enough, any certificate of that authority would do.
 */
export function authenticationOf({
  authentication,
  tls,
  password,
}: Pick<PostgresTarget, 'authentication' | 'tls' | 'password'>): readonly AuthenticationMethod[] {
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

/** What a client may name as its user; the first is the usual one. */
export const accountsOf = (target: TargetConfig): readonly string[] =>
  target.type === 'ssh' ? target.logins.map(({ name }) => name) : [target.user]
