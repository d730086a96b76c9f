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
import { knownKeys } from './known-keys.ts'
import { privateKeyIn } from './private-key.ts'

const sshLogin = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/, 'expected the name of an account')
      .describe('an account on the target'),
    password: credential.optional().describe(REFERENCE),
    privateKey: credential.optional().describe(`${REFERENCE} of a key in OpenSSH or PEM form`),
    passphrase: credential.optional().describe(`${REFERENCE}, where the key is encrypted`),
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
    if (new Set(names).size < names.length) problem('logins', 'duplicate login name')
  })

export type SshTarget = z.output<typeof schema>

export const sshTarget: TargetKind<SshTarget> = {
  schema,
  accounts: ({ logins }) => logins.map(({ name }) => name),
  credentials: ({ name, logins }, account, secrets) => {
    const login = logins.find((one) => one.name === account)
    if (login === undefined) throw new Error(`${name} has no login ${account}`)
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
  attempt([target.knownHosts === undefined ? 'hostKeys' : 'knownHosts'], () => {
    const { keys } = knownKeys(target, baseDirectory)
    if (keys.length === 0 && !target.trustOnFirstUse) throw new Error(`has no key of ${target.host}:${target.port}`)
  })
  target.logins.forEach(({ privateKey, passphrase }, index) => {
    // Stores are not asked: what they keep is checked when a session begins, and by `check --connect`.
    const isHere = [privateKey, passphrase].every((one) => one === undefined || isSecretReference(one))
    if (privateKey !== undefined && isHere)
      attempt(['logins', index, 'privateKey'], () => privateKeyIn(privateKey, baseDirectory, passphrase))
  })
  return found
}
