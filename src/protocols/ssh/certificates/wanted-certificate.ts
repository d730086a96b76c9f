import { decodeCertificate } from '../wire/certificate.ts'
import { decodePublicKey, isSignedBy } from './public-key.ts'

/** What a certificate for one session is to say. */
export interface WantedCertificate {
  /** As SSH encodes it (RFC 4253, section 6.6). */
  readonly publicKey: Buffer
  readonly keyId: string
  readonly principals: readonly string[]
  readonly criticalOptions: readonly { readonly name: string; readonly value: string }[]
  readonly extensions: readonly string[]
  /** Milliseconds since 1970; when it is asked for, and the end. */
  readonly from: number
  readonly until: number
}

/**
 * Why a certificate that somebody else has signed is not the one that was asked for; undefined where it is. It may do less than was asked for,
 * with an earlier end, fewer extensions or `source-address`, and in nothing more.
 */
export function wantedCertificateProblem(bytes: Buffer, wanted: WantedCertificate): string | undefined {
  let read
  try {
    read = decodeCertificate(bytes)
  } catch {
    return 'cannot be read'
  }
  const { certificate, signed, signature } = read
  if (!isSigned(certificate.signatureKey, signed, signature)) return 'its authority has not signed as it is'
  if (certificate.kind !== 'user') return 'is for hosts, not for users'
  if (!certificate.publicKey.equals(wanted.publicKey)) return 'is for another key'
  if (certificate.keyId !== wanted.keyId) return 'has another key id'
  if (!isSameSet(certificate.principals, wanted.principals)) return 'is for other principals'
  return (
    validityProblem(certificate.validAfter, certificate.validBefore, wanted) ??
    criticalProblem(certificate.criticalOptions, wanted) ??
    extensionProblem(certificate.extensions, wanted)
  )
}

function validityProblem(after: bigint, before: bigint, { from, until }: WantedCertificate): string | undefined {
  if (after > secondsOf(from + CLOCK_SKEW_MS)) return 'is not valid yet'
  if (before <= secondsOf(from)) return 'has expired'
  return before > secondsOf(until + CLOCK_SKEW_MS) ? 'is valid for longer than was asked for' : undefined
}

type Option = { readonly name: string; readonly value?: string }

/** Each changes what the session is: only the one that is asked for is known, and it must be there. */
function criticalProblem(options: readonly Option[], wanted: WantedCertificate): string | undefined {
  const given = new Map(options.map(({ name, value }) => [name, value]))
  for (const { name, value } of wanted.criticalOptions)
    if (given.get(name) !== value) return `lacks the critical option ${name} that was asked for`
  const [other] = options.filter(({ name, value }) => name !== 'source-address' || value === undefined)
  return other && `has the critical option ${JSON.stringify(other.name.slice(0, 64))}, which was not asked for`
}

function extensionProblem(extensions: readonly Option[], wanted: WantedCertificate): string | undefined {
  const [other] = extensions.filter(({ name, value }) => !wanted.extensions.includes(name) || value !== undefined)
  return other && `has the extension ${JSON.stringify(other.name.slice(0, 64))}, which was not asked for`
}

function isSigned(signatureKey: Buffer, signed: Buffer, signature: Buffer): boolean {
  try {
    return isSignedBy(decodePublicKey(signatureKey), signed, signature)
  } catch {
    return false
  }
}

const isSameSet = (some: readonly string[], others: readonly string[]): boolean =>
  JSON.stringify([...new Set(some)].toSorted()) === JSON.stringify([...new Set(others)].toSorted())

const secondsOf = (milliseconds: number): bigint => BigInt(Math.floor(milliseconds / 1000))

/** How far the clocks of a target, and of whoever signs, may differ from the gateway's. */
export const CLOCK_SKEW_MS = 60_000
