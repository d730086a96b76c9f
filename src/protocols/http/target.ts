import { z } from 'zod'
import type { CredentialSource } from '../../credentials/credential.ts'
import { isSecretReference, resolveSecret } from '../../credentials/secret-reference.ts'
import { credential as reference, REFERENCE } from '../../credentials/secret-schema.ts'
import type { Secrets } from '../../credentials/secrets.ts'
import { clientCertificate } from '../../credentials/sources/client-certificate.ts'
import { rotatingToken } from '../../credentials/sources/rotating-token.ts'
import { staticPassword } from '../../credentials/sources/static-password.ts'
import { asError } from '../../shared/errors.ts'
import { isLoopback } from '../../shared/loopback.ts'
import { readableFile } from '../../shared/needed-values.ts'
import { size } from '../../shared/size.ts'
import { pairFindings } from '../client-certificate.ts'
import type { TargetFinding, TargetKind } from '../protocol.ts'
import { targetShape } from '../target-shape.ts'
import { checkAuthority, targetTls } from '../target-tls.ts'
import { unverifiedFindings } from '../unverified-target.ts'
import { fieldRouteFindings, routeFindings } from './openapi/described-routes.ts'
import { fieldNameFindings, nameFindings } from './openapi/named-operations.ts'
import { descriptionProblems, prepareDescriptions } from './openapi/target-description.ts'
import { wrongHeaderName } from './request/read-headers.ts'
import { MAX_BODY } from './request/read-request.ts'

const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/, 'expected a word without blanks and separators')

const credential = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('bearer'), token: reference }).describe('Authorization: Bearer'),
  z
    .strictObject({
      type: z.literal('basic'),
      user: z.string().regex(/^[^:\p{Cc}]{1,200}$/u, 'expected a name without a colon'),
      password: reference,
    })
    .describe('Authorization: Basic'),
  z
    .strictObject({
      type: z.literal('header'),
      name: token.describe('such as X-Api-Key'),
      scheme: token.optional().describe('a word in front of the value, such as ApiKey'),
      value: reference,
    })
    .describe('a header of its own'),
  z.strictObject({ type: z.literal('cookie'), name: token, value: reference }).describe('a cookie'),
  z
    .strictObject({ type: z.literal('certificate'), certificate: reference, key: reference })
    .describe('a client certificate, in PEM, within TLS'),
  z
    .strictObject({
      type: z.literal('assertion'),
      audience: z.string().min(1).max(500).describe('what the service expects as its own name in the assertion'),
      groups: z.boolean().default(false).describe('true: the groups of the person are in it'),
    })
    .describe('X-Pam-Assertion: a signed JWT with the person and the session'),
])

const schema = z
  .strictObject({
    ...targetShape,
    type: z.literal('http').describe('the protocol'),
    port: z.int().min(1).max(65_535).default(443),
    ...targetTls,
    tls: targetTls.tls.describe(
      'how the gateway checks the target; disable: plain HTTP; all but verify-full trust more than they should, and are warned about',
    ),
    h2c: z
      .boolean()
      .default(false)
      .describe('with tls: disable: speak HTTP/2 from the beginning (prior knowledge), as gRPC needs it'),
    serverName: z.string().min(1).optional().describe("the name in the target's certificate, if it differs from host"),
    hostHeader: z
      .string()
      .regex(/^[a-z0-9.-]{1,253}(?::\d{1,5})?$/, 'expected a name in lower case, and a port where it matters')
      .optional()
      .describe('the Host header sent to the target; default: host, and port unless it is the usual one'),
    account: z
      .string()
      .regex(/^[\w.@:/-]{1,253}$/, 'expected the name of an account')
      .default('gateway')
      .describe('what the account is called in rules and records'),
    credential: credential
      .optional()
      .describe(`what the gateway signs in with, each as ${REFERENCE}; default: nothing`),
    sendOverUnverified: z
      .boolean()
      .default(false)
      .describe(
        'true: the credential is sent although nothing proves who the target is (tls is not verify-full, and host is not this machine)',
      ),
    headers: z
      .array(z.string().superRefine(checkHeader))
      .default([])
      .describe('headers of requests that pass besides the usual ones, in lower case, such as x-tenant'),
    encodedSlashes: z
      .boolean()
      .default(false)
      .describe(
        'true: paths may have slashes in percent encoding (%2F), as names of npm packages and paths of GitLab projects do; default: they are refused',
      ),
    openapi: readableFile
      .optional()
      .describe(
        'a file with the OpenAPI document of the service (3.0 or 3.1, JSON or YAML): rules may name its operations and tags, and what it does not have is unknown',
      ),
    basePath: z
      .string()
      .regex(/^(?:\/[^/?#{}]+)*$/, 'expected a path such as /api/v1, without a slash at the end; "" for none')
      .optional()
      .describe('where the paths of the OpenAPI document begin; default: the path of its servers'),
    unsafeOperations: z
      .array(z.string().min(1))
      .default([])
      .describe(
        'operations that change something although they are GET, HEAD or OPTIONS, as x-pam-safe: false in the document',
      ),
    maxBody: size
      .refine((bytes) => bytes >= 1024 && bytes <= MAX_BODY, 'expected a size between 1 KiB and 8 MiB')
      .prefault('1 MiB')
      .describe(
        'how much of the body of a request is read before the decision; a longer form, and longer JSON of a POST, is refused, and any other longer body is sent on as it comes',
      ),
    recordBodies: size
      .prefault('64 KiB')
      .describe('how much of each answer is kept in the record, as the client sees it'),
  })
  .superRefine((target, context) => {
    const problem = (path: string, message: string): void => context.addIssue({ code: 'custom', path: [path], message })
    const { tls, host, serverName, h2c, credential: given } = target
    checkAuthority(target, context)
    if (serverName !== undefined && tls !== 'verify-full') problem('serverName', `is not used with tls: ${tls}`)
    if (h2c && tls !== 'disable') problem('h2c', 'is for tls: disable; within TLS, HTTP/2 is agreed on by itself')
    if (tls === 'disable' && given?.type === 'certificate')
      problem('credential', 'a certificate is shown within TLS, and tls is disable')
    if (target.openapi === undefined && target.basePath !== undefined)
      problem('basePath', 'is not used without openapi')
    if (target.openapi === undefined && target.unsafeOperations.length > 0)
      problem('unsafeOperations', 'is not used without openapi')
    if (isExposed(target) && !target.sendOverUnverified)
      problem(
        'tls',
        `with ${tls} the credential would go to anyone who answers as ${host}; use verify-full, or say so with sendOverUnverified: true`,
      )
  })

export type HttpTarget = z.output<typeof schema>
export type HttpCredential = z.output<typeof credential>

function checkHeader(name: string, context: z.RefinementCtx): void {
  const problem = wrongHeaderName(name)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: `"${name}": ${problem}` })
}

/** Whether whoever answers in place of the target gets the secret. */
const isExposed = ({ tls, host, credential: given }: Pick<HttpTarget, 'tls' | 'host' | 'credential'>): boolean =>
  given !== undefined && given.type !== 'certificate' && tls !== 'verify-full' && !isLoopback(host)

export const httpTarget: TargetKind<HttpTarget> = {
  schema,
  servesBrowsers: true,
  accounts: ({ account }) => [account],
  credentials: ({ credential: given }, account, secrets) => sourceOf(given, account, secrets),
  warnings: (target) => [
    ...(target.tls === 'disable' && isLoopback(target.host) ? [] : unverifiedFindings(target, {})),
    ...(isExposed(target)
      ? [
          {
            path: ['sendOverUnverified'],
            message: `target ${target.name}: anyone who impersonates the target receives the credential`,
          },
        ]
      : []),
  ],
  errors: (target, baseDirectory) => [
    ...credentialErrors(target, baseDirectory),
    ...descriptionProblems(target, baseDirectory),
  ],
  prepare: prepareDescriptions,
  reviewMatch: (match, targets, baseDirectory) => [
    ...nameFindings(match, targets, baseDirectory),
    ...routeFindings(match, targets, baseDirectory),
  ],
  reviewFields: (fields, targets, baseDirectory) => [
    ...fieldNameFindings(fields, targets, baseDirectory),
    ...fieldRouteFindings(fields, targets, baseDirectory),
  ],
  defaultSchema: () => undefined,
  facts: () => ({}),
}

function sourceOf(given: HttpCredential | undefined, account: string, secrets: Secrets): CredentialSource {
  switch (given?.type) {
    case undefined:
      return staticPassword(account, undefined, secrets)
    case 'assertion':
      // Made for each request, of who asks.
      return staticPassword(account, undefined, secrets)
    case 'bearer':
      return rotatingToken(account, given.token, secrets, MIN_SECRET)
    case 'basic':
      return staticPassword(account, given.password, secrets, MIN_SECRET)
    case 'header':
    case 'cookie':
      return rotatingToken(account, given.value, secrets, MIN_SECRET)
    case 'certificate':
      return clientCertificate(account, given, secrets)
  }
}

/** A secret that cannot be told from other text, and a certificate that does not belong to its key. */
function credentialErrors({ credential: given }: HttpTarget, baseDirectory: string): TargetFinding[] {
  if (given?.type === 'certificate') return pairFindings(given, baseDirectory, ['credential'])
  try {
    if (given === undefined || given.type === 'assertion') return []
    const [field, kept] =
      given.type === 'bearer'
        ? (['token', given.token] as const)
        : given.type === 'basic'
          ? (['password', given.password] as const)
          : (['value', given.value] as const)
    // Stores are not asked: the length of what they keep is checked when a session begins.
    return !isSecretReference(kept) || resolveSecret(kept, baseDirectory).length >= MIN_SECRET
      ? []
      : [
          {
            path: ['credential', field],
            message: `is shorter than ${MIN_SECRET} characters: it could not be told from other text where the target repeats it`,
          },
        ]
  } catch (error) {
    return [{ path: ['credential'], message: asError(error).message }]
  }
}

/** Of a secret, so that answers can be searched for it. */
const MIN_SECRET = 8
