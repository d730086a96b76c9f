import { z } from 'zod'
import { credential, REFERENCE } from '../../credentials/secret-schema.ts'
import { clientCertificate } from '../../credentials/sources/client-certificate.ts'
import { rotatingToken } from '../../credentials/sources/rotating-token.ts'
import { certificates } from '../../shared/needed-values.ts'
import { size } from '../../shared/size.ts'
import { visible } from '../../shared/visible.ts'
import { foreignWords } from '../../shared/yaml-file.ts'
import { pairFindings } from '../client-certificate.ts'
import type { TargetKind } from '../protocol.ts'
import { targetShape } from '../target-shape.ts'

/** Nobody can become one of the names that Kubernetes keeps for itself, such as `system:masters`, whatever they are called. */
const prefix = z
  .string()
  .regex(
    /^(?!system:)[a-z0-9][a-z0-9._-]{0,30}:$/,
    'expected a word of lower-case letters and a colon, other than system:',
  )
const extraKey = z
  .string()
  .regex(/^[a-z0-9]([a-z0-9._-]{0,60}[a-z0-9])?$/, 'expected lower-case letters, digits, dots and dashes')
const headerText = z.string().regex(/^[\x21-\x7e]([\x20-\x7e]{0,250}[\x21-\x7e])?$/, 'expected one line of ASCII')

const impersonation = z
  .strictObject({
    user: z
      .enum(['id', 'label'], {
        error: ({ input }) =>
          `expected id or label, not ${visible(JSON.stringify(input))}: this chooses whether people appear upstream by their identity or by their label; the name of the gateway's own account is \`account\``,
      })
      .default('id')
      .describe(
        'id: the identity as policy knows it; label: the e-mail address or name, which providers may let people choose',
      ),
    userPrefix: prefix.default('pam:').describe('in front of every user'),
    groupPrefix: prefix.default('pam:').describe('in front of every group'),
    groups: z
      .array(z.string().min(1))
      .optional()
      .describe('the groups of a person that are named upstream, as the provider names them; default: all'),
    extra: z
      .record(extraKey, z.array(headerText).min(1))
      .default({})
      .describe('further attributes of the user, the same for everybody'),
  })
  .describe(
    'people appear upstream as themselves, in the audit log of the API server too; the account must be allowed to impersonate',
  )

const schema = z
  .strictObject({
    ...targetShape,
    type: z.literal('kubernetes').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(6443),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe("the name in the API server's certificate, if it differs from host"),
    ca: certificates.optional().describe('a file with the authority that signed the certificate of the API server'),
    account: z
      .string()
      .regex(/^[\w.@:/-]{1,253}$/, 'expected the name of an account')
      .default('gateway')
      .describe('what the account is called in rules and records, such as system:serviceaccount:pam:gateway'),
    token: credential
      .optional()
      .describe(
        `${REFERENCE} of a token of the account; a file is read again for each request, since they are rotated`,
      ),
    certificate: credential.optional().describe(`${REFERENCE} of a client certificate of the account, in PEM`),
    key: credential.optional().describe(`${REFERENCE} of its key`),
    exec: z.unknown().optional().describe('not supported: credential plug-ins are not run by the gateway'),
    impersonate: impersonation.optional(),
    recordOutput: size
      .prefault('1 MiB')
      .describe(
        'how much output of each command in a container is kept in the record, as the client sees it; terminals are kept whole',
      ),
    recordAnswers: size
      .prefault('16 KiB')
      .describe(
        'how much of each answer about resources is kept in the record, as the client sees it and without the values of secrets; 0: nothing',
      ),
  })
  .superRefine((target, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    if (target.exec !== undefined)
      problem(
        'exec',
        'credential plug-ins are not supported: the gateway runs no other programs; give a token or a certificate',
      )
    if ((target.token === undefined) === (target.certificate === undefined))
      problem('token', 'give either a token, or a certificate with its key')
    if ((target.certificate === undefined) !== (target.key === undefined))
      problem('key', 'give a certificate and its key together')
  })
  .register(foreignWords, {
    server: 'give `host` and `port`',
    user: 'the account of the gateway is `account`; `impersonate` makes people appear as themselves',
    tls: 'TLS is always on and always verified; `ca` names the authority, if it is one of your own',
    kubeconfig: 'give `host`, `ca` and a credential: `token`, or `certificate` and `key`',
    password: 'give a `token`, or a `certificate` with its `key`',
  })

export type KubernetesTarget = z.output<typeof schema>
export type Impersonation = z.output<typeof impersonation>

export const kubernetesTarget: TargetKind<KubernetesTarget> = {
  schema,
  accounts: ({ account }) => [account],
  credentials: ({ name, token, certificate, key }, account, secrets) => {
    if (token !== undefined) return rotatingToken(account, token, secrets)
    if (certificate === undefined || key === undefined) throw new Error(`${name} has no credential`)
    return clientCertificate(account, { certificate, key }, secrets)
  },
  warnings: ({ name, impersonate }) =>
    impersonate?.user === 'label'
      ? [
          {
            path: ['impersonate', 'user'],
            message: `target ${name}: people appear upstream by their label; make sure that nobody can choose theirs`,
          },
        ]
      : [],
  errors: (target, baseDirectory) => pairFindings(target, baseDirectory),
  defaultSchema: () => undefined,
  facts: () => ({}),
}
