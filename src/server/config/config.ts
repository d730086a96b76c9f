import { createHash } from 'node:crypto'
import { dirname, resolve } from 'node:path'
import type { Policy } from '../../policy/policy.ts'
import type { ProtocolName } from '../../protocols/names.ts'
import { canonicalJson, type Json } from '../../shared/canonical-json.ts'
import { PamError } from '../../shared/errors.ts'
import { describeProblem, openYaml, type YamlFile } from '../../shared/yaml-file.ts'
import type { Finding } from './finding.ts'
import { reviewConfig, type KnownGroups } from './review-config.ts'
import { configSchema, sectionsOf, toPolicy, type ConfigFile } from './schema.ts'

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

const digests = (raw: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries((raw ?? {}) as Record<string, Json>).map(([name, value]) => [
      name,
      createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, 16),
    ]),
  )
