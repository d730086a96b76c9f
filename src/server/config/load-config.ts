import { X509Certificate } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { createSecureContext } from 'node:tls'
import { localSecretProblems } from '../../credentials/local-secret-problems.ts'
import { isSecretReference } from '../../credentials/secret-reference.ts'
import { missingStore } from './missing-store.ts'
import { peopleFile } from '../../evaluation-idp/people.ts'
import { certificatesOf } from '../../shared/certificates.ts'
import { matchesTarget } from '../../policy/match/target.ts'
import type { TargetConfig } from '../../gateway/target.ts'
import type { TargetSelector } from '../../policy/policy.ts'
import type { MatchFinding, TargetKind } from '../../protocols/protocol.ts'
import { PamError } from '../../shared/errors.ts'
import { fileProblem } from '../../shared/file-problem.ts'
import { certificateExpiry } from '../../shared/certificate-expiry.ts'
import { neededValues } from '../../shared/needed-values.ts'
import { openYamlFile, type YamlPath } from '../../shared/yaml-file.ts'
import { gatewayHalves } from '../../protocols/gateway.ts'
import type { ProtocolName } from '../../protocols/names.ts'
import { toConfig, type Config } from './config.ts'
import { configSchema, sectionsOf, type ConfigFile } from './schema.ts'
import type { Finding } from './finding.ts'
import { hostFindings } from './gateway-hosts.ts'
import type { KnownGroups } from './review-config.ts'
import { masterKeyFindings } from './master-key-findings.ts'
import { provisioningFindings } from './provisioning-config.ts'
import { kindOf } from './target-kind.ts'

/**
 * Reads and checks the file, and all that it names: secrets that are not there, certificates and keys that cannot be read.
 * Throws CONFIG_INVALID with every problem, each with line and column, and never with a secret.
 */
export function loadConfig(file: string): Config {
  const yaml = openYamlFile(file, configSchema)
  const baseDirectory = dirname(resolve(file))
  const findings = missingValues(yaml.data, baseDirectory)
  if (findings.every(({ level }) => level === 'warning')) findings.push(...unusableKeys(yaml.data, baseDirectory))
  if (findings.every(({ level }) => level === 'warning'))
    findings.push(...[...matchFindings(yaml.data, baseDirectory)].flat())
  findings.push(...listenFindings(yaml.data, baseDirectory))
  const isComplete = findings.every(({ level }) => level === 'warning')
  return toConfig(yaml, baseDirectory, isComplete ? evaluationGroups(yaml.data, baseDirectory) : {}, findings)
}

/** Reads beforehand what would hold up a running gateway. What is wrong with the file, or with what it names, is for `loadConfig` to say. */
export async function prepareConfig(file: string): Promise<void> {
  let config: ConfigFile
  try {
    config = openYamlFile(file, configSchema).data
  } catch {
    return
  }
  const { targets } = config
  const baseDirectory = dirname(resolve(file))
  const kinds = new Set(targets.map(kindOf))
  await Promise.all(
    Array.from(kinds, async (kind) => {
      const own = targets.filter((target) => kindOf(target) === kind)
      await kind.prepare?.(own, baseDirectory)
    }),
  )
  // What rules name is compared with thousands of paths, and remembered with these: a rule at a time, so that sessions go on in between.
  const reviews = matchFindings(config, baseDirectory)
  try {
    while (reviews.next().done !== true) await new Promise((resolve) => setImmediate(resolve))
  } catch {
    // A document that cannot be read.
  }
}

/** For work on the data of a gateway beside it, which needs no secrets of targets and issuers. */
export function loadConfigWithoutSecrets(file: string): Config {
  return toConfig(openYamlFile(file, configSchema), dirname(resolve(file)))
}

function missingValues(config: ConfigFile, baseDirectory: string): Finding[] {
  return neededValues(configSchema, config).flatMap(({ what, path, value }) => {
    try {
      if (what === 'secret' || what === 'credential') {
        // Stores are asked when a session begins: a gateway starts without them.
        if (isSecretReference(value))
          return localSecretProblems(value, baseDirectory, Date.now()).map((problem) => ({
            level: 'warning' as const,
            path,
            message: `${value} ${problem}`,
          }))
        return missingStore(value, config.secrets).map((message) => ({ level: 'error' as const, path, message }))
      } else {
        const bytes = readFileSync(resolve(baseDirectory, value))
        if (what === 'certificates') return certificateFindings(bytes.toString('latin1'), value, path)
      }
      return []
    } catch (error) {
      return [{ level: 'error' as const, path, message: problemOf(error, value) }]
    }
  })
}

const problemOf = (error: unknown, value: string): string =>
  error instanceof PamError ? error.message : fileProblem(value, error)

function certificateFindings(pem: string, file: string, path: YamlPath): Finding[] {
  const found = certificatesOf(pem)
  if (found === undefined || found.length === 0)
    return [{ level: 'error', path, message: `${file} is not a PEM file of certificates` }]
  const expiry = certificateExpiry(pem, Date.now())
  return expiry === undefined ? [] : [{ level: 'warning', path, message: `${file} ${expiry}` }]
}

/** Hosts that the certificate of the listener is not for; what it is not itself has been said. */
function listenFindings(config: ConfigFile, baseDirectory: string): Finding[] {
  const { tls } = config.listen
  if (tls === undefined || !existsSync(resolve(baseDirectory, tls.certificate))) return []
  const [certificate] = certificatesOf(readFileSync(resolve(baseDirectory, tls.certificate), 'latin1')) ?? []
  return certificate === undefined ? [] : hostFindings(certificate, tls.certificate, config)
}

/** Keys that are there and are not what they should be. */
function unusableKeys(config: ConfigFile, baseDirectory: string): Finding[] {
  const findings: Finding[] = []
  const attempt = (path: YamlPath, work: () => void): void => {
    try {
      work()
    } catch (error) {
      findings.push({ level: 'error', path, message: (error as Error).message })
    }
  }
  const { tls } = config.listen
  if (tls !== undefined)
    attempt(['listen', 'tls', 'key'], () =>
      checkPair(resolve(baseDirectory, tls.certificate), resolve(baseDirectory, tls.key), tls.key),
    )
  findings.push(...provisioningFindings(config.identity, baseDirectory))
  findings.push(...masterKeyFindings(config, baseDirectory))
  config.identity.issuers.forEach((issuer, index) => {
    if (issuer.type !== 'saml' || issuer.keyPair === undefined) return
    const { certificate, key } = issuer.keyPair
    attempt(['identity', 'issuers', index, 'keyPair', 'key'], () =>
      checkPair(resolve(baseDirectory, certificate), resolve(baseDirectory, key), key),
    )
  })
  for (const [name, section] of Object.entries(sectionsOf(config)))
    for (const { path, message } of gatewayHalves[name as ProtocolName].section?.errors(section, baseDirectory) ?? [])
      findings.push({ level: 'error', path: [name, ...path], message })
  config.targets.forEach((target, index) => {
    for (const { path, message } of kindOf(target).errors(target, baseDirectory))
      findings.push({ level: 'error', path: ['targets', index, ...path], message })
  })
  return findings
}

/** What rules name of a target's own description, a rule at a time. */
function* matchFindings({ targets, commands, masking }: ConfigFile, baseDirectory: string): Generator<Finding[]> {
  const review = (
    selector: TargetSelector,
    path: YamlPath,
    ask: (kind: TargetKind, own: readonly TargetConfig[]) => readonly MatchFinding[] | undefined,
  ): Finding[] => {
    const matched = targets.filter((target) => matchesTarget(selector, target))
    return [...new Set(matched.map(kindOf))].flatMap((kind) => {
      const own = matched.filter((target) => kindOf(target) === kind)
      return (ask(kind, own) ?? []).map((finding) => ({ ...finding, path: [...path, ...finding.path] }))
    })
  }
  for (const [index, [rule]] of commands.entries())
    if (rule !== undefined && rule.set === undefined)
      yield review(rule.targets, ['commands', index, 'match'], (kind, own) =>
        kind.reviewMatch?.(rule.match, own, baseDirectory),
      )
  for (const [index, rule] of masking.entries())
    yield review(rule.targets, ['masking', index], (kind, own) => kind.reviewFields?.(rule.fields, own, baseDirectory))
}

function checkPair(certificate: string, key: string, name: string): void {
  const [cert, keyText] = [readFileSync(certificate), readFileSync(key)]
  try {
    createSecureContext({ cert, key: keyText })
  } catch {
    throw new Error(`${name} is not the private key of ${new X509Certificate(cert).subject.replaceAll('\n', ', ')}`)
  }
}

/** The groups that the built-in provider gives are all in its file. */
function evaluationGroups(config: ConfigFile, baseDirectory: string): KnownGroups {
  const { evaluation } = config.identity
  if (evaluation === undefined) return {}
  const { people, services } = peopleFile(resolve(baseDirectory, evaluation.people))()
  return {
    evaluation: {
      person: new Set(people.flatMap(({ groups }) => groups)),
      service: new Set(services.flatMap(({ groups }) => groups)),
    },
  }
}
