import { z } from 'zod'
import { secret } from '../../credentials/secret-schema.ts'
import { isNetwork } from '../../shared/networks.ts'
import { anyIssuerSchema, type AnyIssuer } from '../../identity/issuer.ts'
import { policySchemas } from '../../policy/parse-policy.ts'
import { duration, timeout } from '../../shared/duration-schema.ts'
import { gatewayHalves } from '../../protocols/gateway.ts'
import { policyLanguage } from '../../protocols/policy-language.ts'
import { protocolNames, protocols, type ProtocolName } from '../../protocols/names.ts'
import type { TargetSchema } from '../../protocols/protocol.ts'
import { isLoopback } from '../../shared/loopback.ts'
import { certificates, readableFile } from '../../shared/needed-values.ts'
import { foreignWords, renamedKeys } from '../../shared/yaml-file.ts'
import { plainUrl } from '../../shared/plain-url.ts'
import { auditSchema, recordingSchema } from './evidence-config.ts'
import { approvalWebhook, notificationsSchema } from './notify-config.ts'
import { provisioningProblems, provisioningSchema } from './provisioning-config.ts'
import { secretsSchema } from './secrets-config.ts'

const groups = z.array(z.string().min(1)).default([])

const [firstTarget, ...otherTargets] = protocolNames.map((name) => gatewayHalves[name].target.schema)

/** A target: what people connect to through the gateway. */
const targetSchema = z
  .discriminatedUnion('type', [firstTarget as TargetSchema, ...otherTargets])
  .register(
    foreignWords,
    Object.fromEntries(
      protocolNames.flatMap((name) => protocols[name].alsoCalled.map((word) => [word, `use ${name}`])),
    ),
  )

/** A section for each protocol that has one, under its name. What is in it is the protocol's own business. */
const protocolSections = Object.fromEntries(
  protocolNames.flatMap((name) => {
    const { section } = gatewayHalves[name]
    return section === undefined ? [] : [[name, section.schema]]
  }),
)

const { policyShape, toPolicy } = policySchemas(policyLanguage)

export { toPolicy }

/** Cookies of a target's host must stay away from the gateway's own, and need TLS. */
function appsProblems({
  apps,
  publicUrl,
}: {
  readonly apps?: { readonly domain: string } | undefined
  readonly publicUrl?: string | undefined
}): string[] {
  if (apps === undefined) return []
  if (publicUrl === undefined || !publicUrl.startsWith('https://'))
    return ['needs publicUrl with https: browsers keep the cookies of apps to TLS, and come to them from there']
  const { hostname } = new URL(publicUrl)
  return hostname === apps.domain || hostname.endsWith(`.${apps.domain}`)
    ? [`is the gateway's own host (${hostname}), or a domain that it is in: an app could set cookies for the gateway`]
    : []
}

/** Providers of SAML are given our URLs once and for all; people choose among providers by their names. */
function issuerProblems({
  identity,
  publicUrl,
}: {
  readonly identity: { readonly issuers: readonly AnyIssuer[] }
  readonly publicUrl?: string | undefined
}): { path: (string | number)[]; message: string }[] {
  const problems: { path: (string | number)[]; message: string }[] = []
  const seen = new Set<string>()
  identity.issuers.forEach((issuer, index) => {
    const { name, domains, type } = issuer
    const path = ['identity', 'issuers', index]
    if (type === 'saml' && publicUrl === undefined)
      problems.push({ path, message: 'needs publicUrl: the provider is configured with URLs of the gateway' })
    for (const [key, values] of [
      ['name', name === undefined ? [] : [name]],
      ['domains', domains],
      ['entityId', type === 'saml' ? [issuer.entityId] : []],
    ] as const)
      for (const value of values) {
        if (seen.has(`${key} ${value}`)) problems.push({ path: [...path, key], message: `"${value}" is used twice` })
        seen.add(`${key} ${value}`)
      }
  })
  return problems
}

/** The configuration file, as people write it. docs/configuration.md and the JSON Schema are made from this. */
export const configSchema = z
  .strictObject({
    listen: z
      .strictObject({
        host: z.string().default('127.0.0.1').describe('the address to listen on'),
        port: z.int().min(0).max(65_535).default(8443).describe('0 picks a free one'),
        operations: z
          .strictObject({ host: z.string().default('127.0.0.1'), port: z.int().min(0).max(65_535) })
          .optional()
          .describe('a second address for /metrics and /readyz; no sign-in, so keep it private'),
        trustedProxies: z
          .array(z.string().refine(isNetwork, 'expected an IP address or a network such as 10.0.0.0/8'))
          .default([])
          .describe(
            'reverse proxies: addresses or networks whose X-Forwarded-For says where a request comes from; they must set or extend it',
          ),
        tls: z
          .strictObject({ certificate: certificates, key: readableFile })
          .optional()
          .describe('PEM files; without them the gateway listens on loopback only'),
      })
      .prefault({}),
    publicUrl: plainUrl.optional().describe('the URL that people use; needed behind a proxy or with a name'),
    dataDirectory: z.string().default('pam-data').describe('state, keys and recordings; relative to this file'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    limits: z
      .strictObject({
        handshake: timeout
          .prefault('10s')
          .describe('deadline for a TLS handshake, for the headers of a request, and for a protocol handshake'),
        catalogs: timeout
          .prefault('30s')
          .describe("how long reading a database's catalogs may take when a session starts"),
        catalogBytes: z
          .int()
          .min(1_048_576)
          .max(1_073_741_824)
          .default(134_217_728)
          .describe("maximum size of a database's catalogs"),
        statementBytes: z
          .int()
          .min(1024)
          .max(16_777_216)
          .default(8_388_608)
          .describe('maximum size of a message that is evaluated'),
        resultMessageBytes: z
          .int()
          .min(65_536)
          .max(268_435_456)
          .default(67_108_864)
          .describe('maximum size of one row'),
        pendingConnectionsPerAddress: z
          .int()
          .min(1)
          .default(256)
          .describe(
            'connections that one address may hold before their caller is known, for a minute each; more are closed',
          ),
        sessionsPerPerson: z
          .int()
          .min(1)
          .default(100)
          .describe(
            'live sessions of one person; as many more may have ended while their records are still being written',
          ),
      })
      .prefault({}),
    identity: z
      .strictObject({
        issuers: z.array(anyIssuerSchema).default([]).describe('identity providers the gateway trusts'),
        reverifyEvery: duration.prefault('5m').describe('how often an identity in use is verified again'),
        provisioning: z
          .array(provisioningSchema)
          .default([])
          .describe('directories that create, change and disable people by SCIM 2.0 at /scim/v2'),
        evaluation: z
          .strictObject({
            people: readableFile.describe('a YAML file with people and hashed passwords'),
            port: z.int().min(0).max(65_535).default(0).describe('loopback port of the provider; 0 picks a free one'),
          })
          .optional()
          .describe('the built-in OpenID provider, for demonstration and evaluation only'),
      })
      .register(renamedKeys, { reproof: 'reverifyEvery' })
      .prefault({}),
    roles: z
      .strictObject({
        audit: groups.describe('groups that may see all sessions and records'),
        operate: groups.describe('groups that may end sessions and revoke grants of others'),
        lock: z
          .array(z.string().min(1))
          .optional()
          .describe('groups that may lock people and targets, and unlock them; default: those of operate'),
      })
      .prefault({})
      .describe('who may do what with other people’s sessions; nobody unless listed'),
    requests: z
      .strictObject({
        expires: duration.prefault('1h').describe('how long a request waits for a decision'),
        recentSignIn: duration.prefault('15m').describe('approving asks for a sign-in not older than this'),
        approvalWebhooks: z
          .array(approvalWebhook)
          .default([])
          .describe('who is asked for approval in place of people, where an access rule says so'),
      })
      .register(renamedKeys, { expire: 'expires' })
      .prefault({}),
    web: z
      .strictObject({
        clientId: z
          .string()
          .min(1)
          .optional()
          .describe('the client id for browsers at the first issuer of people; default: the clientId of that issuer'),
        clientSecret: secret
          .optional()
          .describe('env:NAME or file:PATH, if the provider requires a secret of this client'),
        organization: z
          .string()
          .min(1)
          .max(60)
          .optional()
          .describe('the name of your organization, which the page to sign in shows to everybody'),
        idle: duration.prefault('30m').describe('a browser is signed out after this long without activity'),
        maxDuration: duration.prefault('12h').describe('a browser is signed out after this long in any case'),
      })
      .register(renamedKeys, { longest: 'maxDuration' })
      .prefault({})
      .describe('the dashboard; its redirect URI at the provider is publicUrl with /auth/callback'),
    apps: z
      .strictObject({
        domain: z
          .string()
          .regex(
            /^(?=.{1,190}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+$/,
            'expected the name of a domain, in lower case',
          )
          .describe(
            'targets of HTTP are at https://NAME.DOMAIN, with the port of publicUrl; DNS and the certificate of listen.tls (or of a proxy in front) must cover *.DOMAIN',
          ),
      })
      .optional()
      .describe('hosts at which browsers reach targets of type http; none unless configured'),
    ...(protocolSections as {}),
    secrets: secretsSchema,
    recording: recordingSchema,
    audit: auditSchema,
    notifications: notificationsSchema,
    targets: z.array(targetSchema).default([]),
    ...policyShape,
  })
  .superRefine((config, context) => {
    const problem = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message })
    if (config.listen.tls === undefined && !isLoopback(config.listen.host)) {
      problem(['listen', 'host'], `plain text is for loopback only: give listen.tls to listen on ${config.listen.host}`)
    }
    for (const message of appsProblems(config)) problem(['apps', 'domain'], message)
    for (const { path, message } of issuerProblems(config)) problem(path, message)
    if (config.identity.issuers.length === 0 && config.identity.evaluation === undefined) {
      problem(['identity'], 'needs issuers, or evaluation for the built-in provider')
    }
    for (const { path, message } of provisioningProblems(config.identity)) problem(path, message)
    const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name)
    for (const [list, key] of [
      [names(config.targets), 'targets'],
      [names(config.identity.provisioning), 'identity.provisioning'],
      [names(config.access), 'access'],
      [config.commands.map((rules) => rules[0]?.name ?? ''), 'commands'],
      [names(config.masking), 'masking'],
      [names(config.recording.retention), 'recording.retention'],
      [names(config.audit.streams), 'audit.streams'],
      [names(config.notifications.webhooks), 'notifications.webhooks'],
      [names(config.requests.approvalWebhooks), 'requests.approvalWebhooks'],
    ] as const) {
      const seen = new Set<string>()
      list.forEach((name, index) => {
        if (seen.has(name))
          problem(
            [...key.split('.'), index, 'name'],
            key === 'commands' && config.commands[index]?.[0]?.set !== undefined
              ? `"${name}" is used twice: give the entries with \`use\` a \`name\` of their own`
              : `"${name}" is used twice`,
          )
        seen.add(name)
      })
    }
  })

export type ConfigFile = z.output<typeof configSchema>

/** What the file says of each protocol that has a section. */
export const sectionsOf = (config: ConfigFile): Partial<Record<ProtocolName, unknown>> =>
  Object.fromEntries(
    Object.keys(protocolSections).map((name) => [name, (config as unknown as Record<string, unknown>)[name]]),
  )

/** JSON Schema of the file, for editors. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
}
