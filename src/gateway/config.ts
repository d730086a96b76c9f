import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { z } from 'zod'
import { issuerSchema } from '../identity/issuer.ts'
import { duration, policyShape, toPolicy } from '../policy/parse-policy.ts'
import type { Policy } from '../policy/policy.ts'
import { canonicalJson, type Json } from '../shared/canonical-json.ts'
import { isLoopback } from '../shared/loopback.ts'
import { parseYaml, readYamlFile } from '../shared/yaml-file.ts'
import { auditSchema, recordingSchema } from './evidence-config.ts'
import { secret } from './config-values.ts'
import { notificationsSchema } from './notify-config.ts'
import { targetSchema, type AuthenticationMethod } from './target.ts'

const groups = z.array(z.string().min(1)).default([])

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
          .strictObject({ certificate: z.string(), key: z.string() })
          .optional()
          .describe('PEM files; without them the gateway listens on loopback only'),
      })
      .prefault({}),
    publicUrl: z.url().optional().describe('the URL that people use; needed behind a proxy or with a name'),
    dataDirectory: z.string().default('pam-data').describe('state, keys and recordings; relative to this file'),
    logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    limits: z
      .strictObject({
        handshake: duration.prefault('10s').describe('how long a peer may be silent during a handshake'),
        catalogs: duration
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
        sessionsPerPerson: z.int().min(1).default(100).describe('live sessions of one person'),
      })
      .prefault({}),
    identity: z
      .strictObject({
        issuers: z.array(issuerSchema).default([]).describe('whom the gateway trusts to say who somebody is'),
        reproof: duration.prefault('5m').describe('how often an identity must be proven again while it is in use'),
        evaluation: z
          .strictObject({
            people: z.string().describe('a YAML file with people and hashed passwords'),
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
    ssh: z
      .strictObject({
        hostKeys: z
          .array(secret)
          .min(1)
          .optional()
          .describe(
            'private keys that SSH clients know the gateway by, env:NAME or file:PATH, the same on all gateways; made at the first start where it is left out',
          ),
      })
      .prefault({}),
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
    for (const [list, key] of [
      [config.targets, 'targets'],
      [config.access, 'access'],
      [config.commands, 'commands'],
      [config.masking, 'masking'],
      [config.recording.retention, 'recording.retention'],
      [config.audit.streams, 'audit.streams'],
      [config.notifications.webhooks, 'notifications.webhooks'],
    ] as const) {
      const seen = new Set<string>()
      list.forEach(({ name }, index) => {
        if (seen.has(name)) problem([...key.split('.'), index, 'name'], `"${name}" stands twice`)
        seen.add(name)
      })
    }
  })

export type ConfigFile = z.output<typeof configSchema>

/** The configuration in use: the file's values, the policy made of its rules, and where relative paths start. */
export interface Config extends Omit<ConfigFile, 'access' | 'commands' | 'masking'> {
  readonly policy: Policy
  readonly baseDirectory: string
}

/** Reads and checks the file; throws CONFIG_INVALID with every problem, each with line and column. */
export function loadConfig(file: string): Config {
  return toConfig(readYamlFile(file, configSchema), dirname(resolve(file)))
}

export function parseConfig(text: string, file: string): Config {
  return toConfig(parseYaml(text, file, configSchema), dirname(resolve(file)))
}

function toConfig(file: ConfigFile, baseDirectory: string): Config {
  const { access, commands, masking, ...rest } = file
  return {
    ...rest,
    dataDirectory: resolve(baseDirectory, file.dataDirectory),
    policy: toPolicy({ access, commands, masking }),
    baseDirectory,
  }
}

/** SHA-256 of each section of the file, cut to 16 digits: enough to see what changed. Secrets stand elsewhere. */
export function sectionDigests(file: string): Record<string, string> {
  const sections = parse(readFileSync(file, 'utf8')) as Record<string, Json>
  return Object.fromEntries(
    Object.entries(sections).map(([name, value]) => [
      name,
      createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16),
    ]),
  )
}

/** What whoever answers in the place of a target gets of its password. */
const EXPOSES: Readonly<Partial<Record<AuthenticationMethod, string>>> = {
  'cleartext-password': 'gives the password to whoever answers in place of the target',
  md5: 'lets whoever answers in place of the target guess the password offline',
}

/** What a file allows that it should not, said at start and by `check`. */
export function configWarnings(config: Config): string[] {
  const warnings = config.targets.flatMap((target) => {
    if (target.type !== 'postgres' || target.tls === 'verify-full') return []
    const { name, tls } = target
    return [
      `target ${name}: tls: ${tls} does not check that the target is who it says it is`,
      ...(target.authentication ?? []).flatMap((method) =>
        method in EXPOSES ? [`target ${name}: authentication: ${method} with tls: ${tls} ${EXPOSES[method]}`] : [],
      ),
    ]
  })
  if (config.identity.evaluation !== undefined)
    warnings.push('the built-in OpenID provider is for evaluation, not for production')
  if (Number(process.versions.node.split('.')[0]) < 22)
    warnings.push(`Node ${process.versions.node} is past its end of life: run 24 or later`)
  return warnings
}

/** JSON Schema of the file, for editors. */
export function configJsonSchema(): unknown {
  return z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' })
}
