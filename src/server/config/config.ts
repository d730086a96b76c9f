import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import { z } from 'zod'
import { issuerSchema } from '../../identity/issuer.ts'
import { duration, policyShape, timeout, toPolicy } from '../../policy/parse-policy.ts'
import type { Policy } from '../../policy/policy.ts'
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import { isLoopback } from '../../shared/loopback.ts'
import { certificates, readableFile } from '../../shared/needed-values.ts'
import { PamError } from '../../shared/errors.ts'
import { plainUrl } from '../../shared/plain-url.ts'
import { describeProblem, openYaml, type YamlFile } from '../../shared/yaml-file.ts'
import { auditSchema, recordingSchema } from './evidence-config.ts'
import { secret } from '../../credentials/secret-schema.ts'
import { notificationsSchema } from './notify-config.ts'
import { reviewConfig, type Finding, type KnownGroups } from './review-config.ts'
import { gatewayHalves } from '../../protocols/gateway.ts'
import { protocolNames, type ProtocolName } from '../../protocols/names.ts'
import type { TargetSchema } from '../../protocols/protocol.ts'

const groups = z.array(z.string().min(1)).default([])

const [firstTarget, ...otherTargets] = protocolNames.map((name) => gatewayHalves[name].target.schema)

/** A target: what people connect to through the gateway. */
const targetSchema = z.discriminatedUnion('type', [firstTarget as TargetSchema, ...otherTargets])

/** A section for each protocol that has one, under its name. What is in it is the protocol's own business. */
const protocolSections = Object.fromEntries(
  protocolNames.flatMap((name) => {
    const { section } = gatewayHalves[name]
    return section === undefined ? [] : [[name, section.schema]]
  }),
)

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
          .describe(
            'a second address for /metrics and /readyz, for whoever runs the gateway; without sign-in, so keep it private',
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
          .describe('how long reading the catalogs of a PostgreSQL target may take when a session starts'),
        catalogBytes: z
          .int()
          .min(1_048_576)
          .max(1_073_741_824)
          .default(134_217_728)
          .describe('how much the catalogs of a PostgreSQL target may be'),
        statementBytes: z
          .int()
          .min(1024)
          .max(16_777_216)
          .default(8_388_608)
          .describe('the longest message that is judged'),
        resultMessageBytes: z.int().min(65_536).max(268_435_456).default(67_108_864).describe('the longest row'),
        pendingConnectionsPerAddress: z
          .int()
          .min(1)
          .default(256)
          .describe(
            'connections that one address may hold before their caller is known, for a minute each; more are closed',
          ),
        sessionsPerPerson: z.int().min(1).default(100).describe('live sessions of one person'),
      })
      .prefault({}),
    identity: z
      .strictObject({
        issuers: z.array(issuerSchema).default([]).describe('whom the gateway trusts to say who somebody is'),
        reproof: duration.prefault('5m').describe('how often an identity must be proven again while it is in use'),
        evaluation: z
          .strictObject({
            people: readableFile.describe('a YAML file with people and hashed passwords'),
            port: z.int().min(0).max(65_535).default(0).describe('loopback port of the provider; 0 picks a free one'),
          })
          .optional()
          .describe('the built-in OpenID provider, for demonstration and evaluation only'),
      })
      .prefault({}),
    roles: z
      .strictObject({
        audit: groups.describe('groups that may see all sessions and records'),
        operate: groups.describe('groups that may end sessions and revoke grants of others'),
      })
      .prefault({})
      .describe('who may do what with other people’s sessions; nobody unless listed'),
    requests: z
      .strictObject({
        expire: duration.prefault('1h').describe('how long a request waits'),
        recentSignIn: duration.prefault('15m').describe('approving asks for a sign-in not older than this'),
      })
      .prefault({}),
    web: z
      .strictObject({
        clientId: z
          .string()
          .min(1)
          .optional()
          .describe('our client id for browsers at the first issuer of people; its clientId where it is left out'),
        clientSecret: secret
          .optional()
          .describe('where the provider asks browsers’ client for one: env:NAME or file:PATH'),
        idle: duration.prefault('30m').describe('a browser in which nothing is done for so long is signed out'),
        longest: duration.prefault('12h').describe('a browser is signed out after this in any case'),
      })
      .prefault({})
      .describe('the dashboard; its redirect URI at the provider is publicUrl with /auth/callback'),
    ...(protocolSections as {}),
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
    if (config.identity.issuers.length === 0 && config.identity.evaluation === undefined) {
      problem(['identity'], 'needs issuers, or evaluation for the built-in provider')
    }
    const names = (list: readonly { readonly name: string }[]): string[] => list.map(({ name }) => name)
    for (const [list, key] of [
      [names(config.targets), 'targets'],
      [names(config.access), 'access'],
      [config.commands.map((rules) => rules[0]?.name ?? ''), 'commands'],
      [names(config.masking), 'masking'],
      [names(config.recording.retention), 'recording.retention'],
      [names(config.audit.streams), 'audit.streams'],
      [names(config.notifications.webhooks), 'notifications.webhooks'],
    ] as const) {
      const seen = new Set<string>()
      list.forEach((name, index) => {
        if (seen.has(name)) problem([...key.split('.'), index, 'name'], `there is another "${name}"`)
        seen.add(name)
      })
    }
  })

export type ConfigFile = z.output<typeof configSchema>

/** The configuration in use: the file's values, the policy made of its rules, and where relative paths start. */
export interface Config extends Omit<ConfigFile, 'access' | 'commands' | 'masking'> {
  readonly policy: Policy
  readonly baseDirectory: string
  readonly protocolSections: Readonly<Partial<Record<ProtocolName, unknown>>>
  /** What is allowed and probably not meant, each with file, line and column. */
  readonly warnings: readonly string[]
  /** SHA-256 of each section of the file, cut to 16 digits: enough to see what changed. Secrets are elsewhere. */
  readonly sections: Readonly<Record<string, string>>
}

/** The file's text, checked by itself: neither secrets nor other files are read. Throws CONFIG_INVALID with every problem. */
export function parseConfig(text: string, file: string): Config {
  return toConfig(openYaml(text, file, configSchema), dirname(resolve(file)))
}

/** `more` is what is known only once other files have been read. Throws CONFIG_INVALID with every error. */
export function toConfig(
  file: YamlFile<ConfigFile>,
  baseDirectory: string,
  known: KnownGroups = {},
  more: readonly Finding[] = [],
): Config {
  const findings = [...reviewConfig(file.data, known), ...more]
  const said = (level: Finding['level']): string[] =>
    findings
      .filter((finding) => finding.level === level)
      .map(({ path, message }) => describeProblem(file.place(path), path, message))
  const errors = said('error')
  if (errors.length > 0) throw new PamError('CONFIG_INVALID', errors.join('\n'))
  const { access, commands, masking, ...rest } = file.data
  return {
    ...rest,
    dataDirectory: resolve(baseDirectory, file.data.dataDirectory),
    policy: toPolicy({ access, commands, masking }),
    baseDirectory,
    protocolSections: sectionsOf(file.data),
    warnings: said('warning'),
    sections: digests(file.raw),
  }
}

/** What the file says of each protocol that has a section. */
export const sectionsOf = (config: ConfigFile): Partial<Record<ProtocolName, unknown>> =>
  Object.fromEntries(
    Object.keys(protocolSections).map((name) => [name, (config as unknown as Record<string, unknown>)[name]]),
  )

const digests = (raw: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((raw ?? {}) as Record<string, Json>).map(([name, value]) => [
      name,
      createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16),
    ]),
  )

/** JSON Schema of the file, for editors. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
}
