import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { asError } from '../../shared/errors.ts'
import type { Logger } from '../../shared/logger.ts'
import { issue, publicKeyLine, type CertificateAuthority } from './certificates/authority.ts'
import { hostCertificateProblem } from './certificates/host-certificate.ts'
import { CLOCK_SKEW_MS } from './certificates/wanted-certificate.ts'
import { aliasOf } from './host-alias.ts'
import { decodeCertificate, splitKey } from './wire/certificate.ts'

/** Certificates for the gateway's own host keys. */
export interface OwnHostCertificates {
  /** What clients of a target can be shown now: valid certificates for its alias (OpenSSH's PROTOCOL.certkeys), one for each key that has one. */
  forTarget(target: string): Promise<readonly Buffer[]>
  /** Public keys of the authorities that sign them, as in a .pub file without a comment. */
  authorities(): readonly string[]
}

export const NO_CERTIFICATES: OwnHostCertificates = { forTarget: () => Promise.resolve([]), authorities: () => [] }

export interface CertificateFiles {
  readonly files: readonly string[]
  readonly baseDirectory: string
  /** Public host keys in base64. */
  readonly hostKeys: readonly string[]
  readonly now: () => number
  readonly logger: Pick<Logger, 'warn'> | undefined
}

/**
 * Certificates that somebody else signs. The files are read for each client, so that one that was renewed is shown at once. One that no client
 * should accept is not shown, and logged: whoever knows the key alone is served.
 */
export function certificatesInFiles({
  files,
  baseDirectory,
  hostKeys,
  now,
  logger,
}: CertificateFiles): OwnHostCertificates {
  // What is logged of a file is logged once, until there is something else in it.
  const states = new Map<string, { readonly certificate: string; readonly logged: Set<string> }>()
  const report = (file: string, certificate: Buffer | undefined, problem: string): void => {
    const text = certificate?.toString('base64') ?? ''
    const before = states.get(file)
    const state = before?.certificate === text ? before : { certificate: text, logged: new Set<string>() }
    states.set(file, state)
    if (state.logged.has(problem)) return
    state.logged.add(problem)
    logger?.warn({ file, problem }, 'ssh.host_certificate_unusable')
  }
  const certificates = (): { file: string; certificate: Buffer }[] =>
    files.flatMap((file) => {
      try {
        return [{ file, certificate: readHostCertificate(file, baseDirectory, hostKeys) }]
      } catch (error) {
        report(file, undefined, asError(error).message)
        return []
      }
    })
  return {
    forTarget: async (target) =>
      certificates().flatMap(({ file, certificate }) => {
        const problem = problemOf(certificate, aliasOf(target), now())
        if (problem !== undefined) report(file, certificate, problem)
        return problem === undefined ? [certificate] : []
      }),
    authorities: () => [...new Set(certificates().map(({ certificate }) => authorityLine(certificate)))],
  }
}

/** What `ssh-keygen -s CA -h` wrote. Throws an Error where it is no certificate of a host for one of these keys. */
export function readHostCertificate(
  file: string,
  baseDirectory: string,
  hostKeys: readonly string[] | undefined,
): Buffer {
  const [type = '', encoded = ''] = readFileSync(resolve(baseDirectory, file), 'utf8').trim().split(/\s+/)
  const bytes = Buffer.from(encoded, 'base64')
  try {
    if (bytes.toString('base64') !== encoded || splitKey(bytes).type !== type)
      throw new Error('not as in a -cert.pub file')
    const { kind, publicKey } = decodeCertificate(bytes).certificate
    if (kind !== 'host') throw new Error('for users, not for hosts')
    if (hostKeys?.includes(publicKey.toString('base64')) === false) throw new Error('for none of the host keys')
    return bytes
  } catch (cause) {
    throw new Error(`${file} is not a usable host certificate: ${asError(cause).message}`, { cause })
  }
}

/** Everything that a client checks, but whether it knows the authority. */
const problemOf = (certificate: Buffer, principal: string, now: number): string | undefined =>
  hostCertificateProblem(certificate, {
    authorities: [decodeCertificate(certificate).certificate.signatureKey.toString('base64')],
    revoked: [],
    principal,
    revokedSerials: [],
    now,
  })

export interface SignedCertificates {
  readonly authority: CertificateAuthority
  /** Milliseconds. */
  readonly validFor: number
  /** Public host keys in base64. */
  readonly hostKeys: readonly string[]
  readonly now: () => number
}

/**
 * Certificates that the gateway signs itself, in memory: for one target's alias and one of its keys. Another one takes its place once half of its
 * time is over. The keys of the targets are few: names of targets are those of the configuration.
 */
export function certificatesSignedHere({
  authority,
  validFor,
  hostKeys,
  now,
}: SignedCertificates): OwnHostCertificates {
  const kept = new Map<string, { readonly certificate: Promise<Buffer>; readonly renewAt: number }>()
  const certificateFor = (target: string, hostKey: string): Promise<Buffer> => {
    const name = `${target} ${hostKey}`
    const before = kept.get(name)
    const at = now()
    // The clock may also have been set back.
    if (before !== undefined && at < before.renewAt && at >= before.renewAt - validFor) return before.certificate
    const certificate = sign(target, Buffer.from(hostKey, 'base64'), at)
    kept.set(name, { certificate, renewAt: at + validFor / 2 })
    return certificate
  }
  const sign = (target: string, publicKey: Buffer, at: number): Promise<Buffer> =>
    issue(
      {
        nonce: randomBytes(32),
        publicKey,
        serial: randomBytes(8).readBigUInt64BE(),
        kind: 'host',
        keyId: `pam-gateway target=${target}`,
        principals: [aliasOf(target)],
        validAfter: secondsOf(at - CLOCK_SKEW_MS),
        validBefore: secondsOf(at + validFor),
        criticalOptions: [],
        extensions: [],
      },
      authority,
    )
  return {
    forTarget: (target) => Promise.all(hostKeys.map((key) => certificateFor(target, key))),
    authorities: () => [publicKeyLine(authority.publicKey)],
  }
}

const authorityLine = (certificate: Buffer): string =>
  publicKeyLine(decodeCertificate(certificate).certificate.signatureKey)

const secondsOf = (milliseconds: number): bigint => BigInt(Math.floor(milliseconds / 1000))
