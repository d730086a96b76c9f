import { asError } from '../../shared/errors.ts'
import { z } from 'zod'
import { staticKey } from '../../credentials/sources/static-key.ts'
import { staticPassword } from '../../credentials/sources/static-password.ts'
import { isSecretReference } from '../../credentials/secret-reference.ts'
import { credential, REFERENCE } from '../../credentials/secret-schema.ts'
import { readableFile } from '../../shared/needed-values.ts'
import { size } from '../../shared/size.ts'
import type { TargetFinding, TargetKind } from '../protocol.ts'
import { targetShape } from '../target-shape.ts'
import { authorityOf } from './certificates/authority.ts'
import { decodePublicKey } from './certificates/public-key.ts'
import { knownKeys } from './known-keys.ts'
import { keyObjectOf, privateKeyIn } from './private-key.ts'
import { certificateSettings, sessionCertificate } from './session-certificate.ts'

const sshLogin = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'expected the name of an account')
      .describe('an account on the target'),
    password: credential.optional().describe(REFERENCE),
    privateKey: credential.optional().describe(`${REFERENCE} of a key in OpenSSH or PEM form`),
    passphrase: credential.optional().describe(`${REFERENCE}, where the key is encrypted`),
    certificate: certificateSettings.describe(
      'the gateway makes a key for each session and signs it a certificate, instead of password or privateKey',
    ),
    shell: z
      .enum(['bash', 'sh', 'other'])
      .optional()
      .describe(
        "the account's login shell: bash, sh (bash or dash under the name sh), or other, whose command lines are not analysed; asked of the target by default",
      ),
  })
  .superRefine((login, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    const { password, privateKey, certificate } = login
    if ([password, privateKey, certificate].filter((credential) => credential !== undefined).length !== 1)
      problem('privateKey', 'a login has one of password, privateKey and certificate')
    if (login.passphrase !== undefined && login.privateKey === undefined) problem('passphrase', 'is for a privateKey')
  })

const schema = z
  .strictObject({
    ...targetShape,
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
    knownHosts: readableFile
      .optional()
      .describe('a file in the format of OpenSSH with the host keys of the target, @cert-authority and @revoked lines'),
    hostAuthorities: z
      .array(z.string().min(1))
      .default([])
      .describe('keys that sign host certificates, as in a .pub file: one for hostPrincipal is as good as a known key'),
    hostPrincipal: z
      .string()
      .min(1)
      .optional()
      .describe('the name that a host certificate of the target must be for; default: host'),
    revokedHostSerials: z
      .array(z.string().regex(/^(0|[1-9]\d{0,19})$/, 'expected a serial number, in quotes'))
      .default([])
      .describe('serial numbers of host certificates that are refused'),
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
    const pinned = target.hostKeys.length > 0 || target.knownHosts !== undefined || target.hostAuthorities.length > 0
    if (!pinned && !target.trustOnFirstUse)
      problem(
        'hostKeys',
        'give hostKeys, knownHosts or hostAuthorities, so that the target can be told from another, or trustOnFirstUse',
      )
    if (pinned && target.trustOnFirstUse) problem('trustOnFirstUse', 'is not used where host keys are given')
    target.logins.forEach(({ password }, index) => {
      // Whoever answers first would be given it, as it is.
      if (password !== undefined && target.trustOnFirstUse)
        context.addIssue({
          code: 'custom',
          path: ['logins', index, 'password'],
          message:
            'a password login needs hostKeys or knownHosts: trustOnFirstUse would send it to whichever host answers first',
        })
    })
    const names = target.logins.map(({ name }) => name)
    if (new Set(names).size < names.length) problem('logins', 'duplicate login name')
  })

export type SshTarget = z.output<typeof schema>

export const sshTarget: TargetKind<SshTarget> = {
  schema,
  accounts: ({ logins }) => logins.map(({ name }) => name),
  credentials: ({ name, logins, fullRecord }, account, secrets) => {
    const login = logins.find((one) => one.name === account)
    if (login === undefined) throw new Error(`${name} has no login ${account}`)
    if (login.certificate !== undefined)
      return sessionCertificate(login.name, login.certificate, { secrets, forwards: !fullRecord })
    if (login.privateKey !== undefined) return staticKey(login.name, login.privateKey, login.passphrase, secrets)
    return staticPassword(login.name, login.password, secrets)
  },
  warnings: () => [],
  errors,
  defaultSchema: () => undefined,
  facts: () => ({}),
}

/** Host keys and private keys that cannot be used. */
function errors(target: SshTarget, baseDirectory: string): TargetFinding[] {
  const found: TargetFinding[] = []
  const attempt = (path: TargetFinding['path'], work: () => void): void => {
    try {
      work()
    } catch (error) {
      found.push({ path, message: asError(error).message })
    }
  }
  const source = target.hostAuthorities.length > 0 ? 'hostAuthorities' : 'hostKeys'
  attempt([target.knownHosts === undefined ? source : 'knownHosts'], () => {
    const { keys, authorities } = knownKeys(target, baseDirectory)
    for (const authority of authorities) decodePublicKey(Buffer.from(authority, 'base64'))
    if (keys.length === 0 && authorities.length === 0 && !target.trustOnFirstUse)
      throw new Error(`has no key of ${target.host}:${target.port}`)
  })
  target.logins.forEach(({ privateKey, passphrase, certificate }, index) => {
    // Stores are not asked: what they keep is checked when a session begins, and by `check --connect`.
    const isHere = (...references: (string | undefined)[]): boolean =>
      references.every((one) => one === undefined || isSecretReference(one))
    if (certificate !== undefined && isHere(certificate.ca, certificate.passphrase))
      attempt(['logins', index, 'certificate', 'ca'], () =>
        authorityOf(keyObjectOf(privateKeyIn(certificate.ca, baseDirectory, certificate.passphrase))),
      )
    if (privateKey !== undefined && isHere(privateKey, passphrase))
      attempt(['logins', index, 'privateKey'], () => privateKeyIn(privateKey, baseDirectory, passphrase))
  })
  return found
}
